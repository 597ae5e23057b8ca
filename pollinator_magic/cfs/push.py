"""One push of a source directory: until a snapshot is proved to hold exactly that directory.

Rounds of: believe something of the remote side, make it equal, take a snapshot, look at its ids. The first belief is
the state that was last agreed on, so that a push that nobody interferes with asks for nothing but the snapshot. What is
on the server is listed only the first time, and before anything is removed there.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pollinator_magic.cfs.exchange import Done, Exchange
from pollinator_magic.cfs.plan import Policy, plan
from pollinator_magic.cfs.scope import Scope, mark
from pollinator_magic.cfs.state import Base, SyncState, digest, entries, without_lost
from pollinator_magic.colonies.models import parse_time
from pollinator_magic.errors import FileChanged, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from pollinator_magic.cfs.crew import Halt
    from pollinator_magic.cfs.exchange import Tools
    from pollinator_magic.cfs.ignore import Ignore
    from pollinator_magic.cfs.index import LocalIndex, Scan
    from pollinator_magic.cfs.plan import Plan
    from pollinator_magic.cfs.state import Stored
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Snapshot

_ROUNDS = 6
REUSED_FOR_S = 30 * 60
"""So long a snapshot is used again while nothing changes. Whoever cleans up spares for twice as long what no job has
referred to yet, so that a job never waits for a snapshot that was just taken away."""


@dataclass(frozen=True)
class PushResult:
    """What a push did. `snapshot.label` is the label that a job must mount: not always the one that was pushed to."""

    snapshot: Snapshot
    reused: bool
    """Whether nothing had changed, so that the snapshot of an earlier push serves."""
    done: Done
    hashed: int
    """How many files had to be read to know their checksum."""
    skipped: tuple[str, ...]
    """Sentences for the user about links and special files that were left out."""
    digest: str
    """The same only for the same files: those that the snapshot holds."""


class Push:
    """A push of `root` to `label`; see Filesystem.push_source."""

    def __init__(
        self,
        client: Colonies,
        tools: Tools,
        *,
        root: Path,
        label: str,
        state: SyncState,
        ignore: Ignore,
        pinned: Collection[str],
        in_use: Callable[[], bool] | None,
    ) -> None:
        self._client = client
        self._tools = tools
        self._root = root
        self._label = label
        self._ignore = ignore
        self._in_use = in_use
        self._index: LocalIndex = state.index(root)
        self._file, self._base = state.base_of_label(root, str(client.server), client.colony, label)
        if not root.exists():
            # The directory as a whole is missing: nobody deleted its files one by one.
            self._base = Base(abandoned=self._base.abandoned)
        self._before = {path: stored for path, stored in self._base.files.items() if path not in pinned}
        self._done = Done()

    def run(self, *, verify: bool) -> PushResult:
        """Push; with `verify`, take a new snapshot even if nothing has changed here."""
        scan = self._scan()
        last = self._base.snapshot
        if last is not None and self._base.snapshot_of == digest(scan.tree) and not verify and _is_fresh(last):
            self._index.save()
            return self._result(last, scan, reused=True)
        return self._result(self._rounds(scan), scan, reused=False)

    def _rounds(self, scan: Scan) -> Snapshot:
        scope = Scope(self._ignore, scan.skipped)
        remote, listed = scope.select(self._base.files, self._base.files), False
        changed: FileChanged | None = None
        for _ in range(_ROUNDS):
            before = entries(without_lost(self._before, remote))
            work = plan(scan.tree, entries(remote), before, Policy.SOURCE)
            if not listed and (work.remove_remote or not self._base.files):
                remote = scope.select(self._tools.labels.list(self._label, remote), self._base.files)
                listed = True
                continue
            exchange = Exchange(
                self._tools, root=self._root, label=self._label, index=self._index, scan=scan, remote=remote
            )
            try:
                snapshot, proved = self._freeze(exchange, work, scope)
                if proved:
                    self._base.snapshot, self._base.snapshot_of = snapshot, digest(exchange.local)
                    return snapshot
                changed, listed = None, True  # the snapshot has shown what is there
            except FileChanged as error:
                changed = error
            finally:
                self._keep(exchange)
            arrived = {path: remote[path] for path in work.download if exchange.local.get(path) == remote[path].entry}
            self._before |= arrived
            remote = exchange.remote
            scan = self._scan()
            scope = Scope(self._ignore, scan.skipped)
        raise changed or TransferError(
            f"Others keep changing {self._label!r}, so that no snapshot shows exactly this directory. Run again.",
            path=self._label,
        )

    def _freeze(self, exchange: Exchange, work: Plan, scope: Scope) -> tuple[Snapshot, bool]:
        """Carry out the plan and take a snapshot; return it, and whether it shows exactly this directory."""
        if work.remove_remote and self._in_use is not None and self._in_use():
            self._done += exchange.carry_out(replace(work, remove_remote=()))
            return self._freeze_elsewhere(exchange), True
        if work.remove_remote:
            self._base.snapshot = None  # it may list revisions that are removed now; also for who is killed in between
            SyncState.save(self._file, self._base)
        self._done += exchange.carry_out(work)
        snapshot = self._client.create_snapshot(self._label, secrets.token_hex(32))
        exchange.remote, whole = self._seen(snapshot, exchange.remote, scope)
        return snapshot, whole and entries(exchange.remote) == exchange.local

    def _freeze_elsewhere(self, exchange: Exchange) -> Snapshot:
        """Return a snapshot of new revisions, of the same objects, under a label that nobody else knows.

        Removing a file removes all its revisions, and jobs that still wait could then not be started. So the files that
        were deleted here stay where they are until a later push, and this snapshot is taken without them.
        """
        parent, _, last = self._label.rpartition("/")
        label = f"{parent}/snapshots/{secrets.token_hex(32)}/{last}"

        def one(path: str, _: Halt) -> Stored:
            return self._tools.labels.add(label, path, exchange.remote[path])

        added = self._tools.crew.each(one, sorted(exchange.local))
        snapshot = self._client.create_snapshot(label, secrets.token_hex(32))
        if set(snapshot.fileids) != {stored.fileid for stored in added}:
            raise TransferError(f"The snapshot of {label!r} does not show what was put there. Run again.", path=label)
        return snapshot

    def _seen(self, snapshot: Snapshot, believed: dict[str, Stored], scope: Scope) -> tuple[dict[str, Stored], bool]:
        """Return the files that a snapshot lists, and whether all of them still exist."""
        known = {stored.fileid: (path, stored) for path, stored in believed.items() if stored.fileid}
        ids = set(snapshot.fileids)
        foreign = {
            file_id: path
            for file_id, path in self._base.foreign.items()
            if file_id in ids and (not path or path not in scope)
        }
        unknown = ids - known.keys() - foreign.keys()
        asked = self._tools.labels.revisions(self._label, unknown)
        seen = dict(known[file_id] for file_id in ids & known.keys())
        for file_id, (path, stored) in asked.items():
            if path and path in scope:
                seen[path] = stored
            else:
                foreign[file_id] = path
        self._base.foreign = foreign
        return seen, len(asked) == len(unknown)

    def _scan(self) -> Scan:
        scan = self._index.scan(self._root, self._ignore)
        mark(self._root, self._index, scan)
        return scan

    def _keep(self, exchange: Exchange) -> None:
        """Remember how far things have come."""
        self._base.label = self._label
        self._base.files = exchange.agreed(self._base.files)
        self._base.abandoned |= exchange.abandoned
        SyncState.save(self._file, self._base)
        self._index.save()

    def _result(self, snapshot: Snapshot, scan: Scan, *, reused: bool) -> PushResult:
        skipped = tuple(scan.skipped.values())
        return PushResult(snapshot, reused, self._done, self._index.hashed, skipped, self._base.snapshot_of)


def _is_fresh(snapshot: Snapshot) -> bool:
    added = parse_time(snapshot.added)
    return added is not None and abs(time.time() - added.timestamp()) < REUSED_FOR_S
