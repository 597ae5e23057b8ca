"""What a project has on its colony, as `housekeeping` looks at it.

One request for the snapshots, one for the labels, one a label; one a file only where a label holds old revisions, or
where snapshots list revisions by their ids.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pollinator_magic.cfs.housekeeping import Frozen, Kind, Revision, Stock, runs_of
from pollinator_magic.colonies.models import parse_time
from pollinator_magic.errors import NotFound, ServerError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pollinator_magic.cfs.crew import Crew, Halt
    from pollinator_magic.cfs.housekeeping import Territory
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import File, FileData, Label, Snapshot


class Stocktaking:
    """Looks at what is there, with a crew of threads."""

    def __init__(self, client: Colonies, crew: Crew, territory: Territory) -> None:
        self._client = client
        self._crew = crew
        self._territory = territory

    def take(self, orphans: Mapping[str, int]) -> Stock:
        """Return what there is. Raises ServerError where it cannot be known completely."""
        # Snapshots first: what one lists is found afterwards, unless it was removed.
        snapshots = [_frozen(one) for one in self._snapshots()]
        labels = [one for one in self._client.labels_below(self._territory.home) if self._territory.kind(one.name)]
        listings = self._crew.each(self._listing, labels)
        revisions: list[Revision] = []
        to_ask: list[tuple[str, str]] = []
        for label, files in zip(labels, listings, strict=True):
            by_name = self._territory.kind(label.name) in {Kind.SOURCE, Kind.APART} or label.files != len(files)
            if by_name:
                to_ask += [(label.name, file.name) for file in files]
            else:
                revisions += [_listed(label.name, file) for file in files]
        for found in self._crew.each(self._revisions, to_ask):
            revisions += found
        known = {one.fileid for one in revisions}
        ids = frozenset().union(*(one.fileids for one in snapshots if self._territory.is_in(one.label))) - known
        revisions += self._by_id(sorted(ids), revisions)
        return Stock(tuple(snapshots), tuple(revisions), orphans)

    def dated(self, stock: Stock, runs: Collection[str]) -> dict[str, float]:
        """Return when something last came into these labels of results, by asking for one file of each."""
        files = {run: found for run, found in runs_of(self._territory, stock.revisions).items() if run in runs}

        def one(run: str, _: Halt) -> float:
            known = [file.added for file in files[run] if file.fileid]
            if known:
                return max(known)
            try:
                return _moment(self._client.file_named(files[run][0].label, files[run][0].name).added)
            except NotFound:
                return math.inf  # somebody else is removing it

        ordered = sorted(files)
        return dict(zip(ordered, self._crew.each(one, ordered), strict=True))

    def _snapshots(self) -> list[Snapshot]:
        try:
            return self._client.snapshots()
        except ServerError as error:
            if error.status != 500:
                raise
            raise ServerError(
                f"{self._client.server} cannot list the snapshots of the colony, so nobody can say what is still "
                "needed, and nothing was removed. A snapshot whose name holds a colon does this to some servers: "
                f"have it removed by its name. ({error})",
                status=error.status,
            ) from None

    def _listing(self, label: Label, _: Halt) -> Sequence[FileData]:
        return self._client.files(label.name)

    def _revisions(self, where: tuple[str, str], _: Halt) -> list[Revision]:
        try:
            found = self._client.revisions(*where)
        except NotFound:  # removed since it was listed
            return []
        newest_first = sorted(found, key=lambda file: file.sequencenr, reverse=True)
        next_came = [None, *(_moment(file.added) for file in newest_first)]
        return [_revision(file, came) for file, came in zip(newest_first, next_came, strict=False)]

    def _by_id(self, ids: Sequence[str], known: Sequence[Revision]) -> list[Revision]:
        """Return revisions that are in no listing: removed ones are readable by their ids while a snapshot lists them.

        Some of the ids may be those of files that were only listed.
        """
        newest = {(one.label, one.name, one.object) for one in known if one.superseded is None}

        def one(file_id: str, _: Halt) -> Revision | None:
            try:
                file = self._client.file(file_id)
            except NotFound:
                return None
            is_newest = (file.label, file.name, file.ref.s3object.object) in newest
            return _revision(file, None if is_newest else _moment(file.added))

        return [found for found in self._crew.each(one, ids) if found is not None]


def _frozen(snapshot: Snapshot) -> Frozen:
    return Frozen(
        snapshot.snapshotid, snapshot.label, snapshot.name, frozenset(snapshot.fileids), _moment(snapshot.added)
    )


def _listed(label: str, file: FileData) -> Revision:
    return Revision(label, file.name, file.s3filename, file.size)


def _revision(file: File, superseded: float | None) -> Revision:
    return Revision(
        label=file.label,
        name=file.name,
        object=file.ref.s3object.object,
        size=file.size,
        fileid=file.fileid,
        added=_moment(file.added),
        superseded=superseded,
    )


def _moment(text: str) -> float:
    """Return a time of the server as seconds since 1970; what is not known is infinitely late."""
    time = parse_time(text)
    return time.timestamp() if time else math.inf
