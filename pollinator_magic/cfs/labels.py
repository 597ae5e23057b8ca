"""What the labels of a colony hold: listings, revisions by id, new revisions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from pollinator_magic.cfs.names import check_path, label_of, path_below
from pollinator_magic.cfs.state import Stored
from pollinator_magic.colonies.models import File
from pollinator_magic.errors import NotFound, UnsafeName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableSequence, Sequence

    from pollinator_magic.cfs.crew import Crew, Halt
    from pollinator_magic.cfs.objects import ObjectStore
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import FileData, Label

_REMEMBERED = 20_000


class Labels:
    """Files by path below a label. Revisions never change, so that one asked for by id is remembered."""

    def __init__(self, client: Colonies, store: ObjectStore, crew: Crew) -> None:
        self._client = client
        self._store = store
        self._crew = crew
        self._revisions: OrderedDict[str, File] = OrderedDict()
        self._remembering = threading.Lock()

    def list(
        self, root: str, known: Mapping[str, Stored] | None = None, refused: MutableSequence[UnsafeName] | None = None
    ) -> dict[str, Stored]:
        """Return the latest revision of every file in and below `root`.

        Listings hold no ids; those of `known` are taken over where the object is the same, since every revision has an
        object of its own. Raises UnsafeName for a name that cannot be a file below a directory; with `refused` such a
        file is left out, and the error put there instead.
        """

        def one(label: Label, _: Halt) -> Sequence[FileData]:
            return self._client.files(label.name)

        labels = self._client.labels_below(root)
        found: dict[str, Stored] = {}
        for label, files in zip(labels, self._crew.each(one, labels), strict=True):
            for file in files:
                path = path_below(root, label.name, file.name) or ""
                try:
                    check_path(path)
                except UnsafeName as error:
                    if refused is None:
                        raise
                    refused.append(error)
                    continue
                stored = Stored(file.size, file.checksum.lower(), file.s3filename)
                before = (known or {}).get(path)
                same = before is not None and before.object == stored.object and before.entry == stored.entry
                found[path] = before if before is not None and same else stored
        return found

    def find(self, root: str, path: str) -> Stored:
        """Return the latest revision of one file; raise UnsafeName for what can be none, NotFound if there is none."""
        check_path(path)
        return _stored(self._client.file_named(*label_of(root, path)))

    def revisions(self, root: str, file_ids: Iterable[str]) -> dict[str, tuple[str, Stored]]:
        """Return path and content by id, without the revisions that are gone; the path is "" for one not below `root`.

        Raises UnsafeName for a name that cannot be a file below a directory.
        """
        wanted = list(file_ids)
        found: dict[str, tuple[str, Stored]] = {}
        for file_id, file in zip(wanted, self._crew.each(self._revision, wanted), strict=True):
            if file is not None:
                path = path_below(root, file.label, file.name)
                if path is not None:
                    check_path(path)
                found[file_id] = path or "", _stored(file)
        return found

    def add(self, root: str, path: str, content: Stored) -> Stored:
        """Record a new revision of `path` and return it with its id; the object must exist."""
        label, name = label_of(root, path)
        file = self._client.add_file(
            File(
                label=label,
                name=name,
                size=content.size,
                checksum=content.checksum,
                ref=self._store.reference(content.object),
            )
        )
        return Stored(content.size, content.checksum, content.object, file.fileid)

    def remove(self, root: str, path: str) -> dict[str, int]:
        """Remove all revisions of a file; return their objects with sizes. They stay: others may refer to them."""
        label, name = label_of(root, path)
        try:
            revisions = self._client.revisions(label, name)
        except NotFound:
            return {}
        self._client.remove_files_named(label, name)
        return {file.ref.s3object.object: file.size for file in revisions}

    def _revision(self, file_id: str, _: Halt) -> File | None:
        with self._remembering:
            if file_id in self._revisions:
                self._revisions.move_to_end(file_id)
                return self._revisions[file_id]
        try:
            file = self._client.file(file_id)
        except NotFound:
            return None
        with self._remembering:
            self._revisions[file_id] = file
            while len(self._revisions) > _REMEMBERED:
                self._revisions.popitem(last=False)
        return file


def _stored(file: File) -> Stored:
    return Stored(file.size, file.checksum.lower(), file.ref.s3object.object, file.fileid)
