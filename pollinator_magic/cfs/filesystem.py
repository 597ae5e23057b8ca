"""Directories and labels made equal: push with a snapshot as proof, synchronise, pull, check out.

`src` is pushed optimistically: what changed here since both sides last agreed is uploaded, the snapshot that the job
needs anyway is made, and its ids say whether it froze exactly this directory. Everything else is compared by listing.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pollinator_magic.cfs import transfer
from pollinator_magic.cfs.crew import Crew, Halt
from pollinator_magic.cfs.exchange import Done, Exchange, Tools
from pollinator_magic.cfs.ignore import Ignore
from pollinator_magic.cfs.index import LocalIndex
from pollinator_magic.cfs.labels import Labels
from pollinator_magic.cfs.names import normal_label
from pollinator_magic.cfs.plan import Plan, Policy, plan
from pollinator_magic.cfs.progress import Direction, Meter
from pollinator_magic.cfs.push import Push, PushResult
from pollinator_magic.cfs.scope import MARKER, Scope, mark
from pollinator_magic.cfs.state import Base, Stored, SyncState, digest, entries, without_lost
from pollinator_magic.cfs.transfer import Cargo
from pollinator_magic.errors import FileChanged, TransferError, UnsafeName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from typing_extensions import Self

    from pollinator_magic.cfs.index import Scan
    from pollinator_magic.cfs.objects import ObjectStore
    from pollinator_magic.cfs.plan import Tree
    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.colonies.client import Colonies

T = TypeVar("T")

_TRIES = 3


@dataclass(frozen=True)
class SyncResult:
    """What a synchronisation did."""

    done: Done
    hashed: int
    """How many files had to be read to know their checksum."""
    kept_beside: tuple[Path, ...]
    """Local files that were changed by hand and now have a name like `fit.local-1.csv`."""
    skipped: tuple[str, ...]
    """Sentences for the user about links and special files that were left out."""
    digest: str
    """The same only for the same files: those that are here now."""


class Filesystem:
    """The meta-filesystem of the client's colony, with its contents in `store`.

    Up to `threads` files are carried at once. Every method raises TransferError, StorageError or ServerError; files
    that were carried before the failure stay, and running again goes on from there. Labels may be given with or
    without slashes at their ends.
    """

    def __init__(self, client: Colonies, store: ObjectStore, *, threads: int = 16) -> None:
        self.client = client
        self.store = store
        self._crew = Crew(threads)
        self._labels = Labels(client, store, self._crew)

    def close(self) -> None:
        """End the threads; the client stays open."""
        self._crew.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def push_source(
        self,
        root: Path,
        label: str,
        state: SyncState | None = None,
        *,
        ignore: Ignore | None = None,
        pinned: Collection[str] = (),
        in_use: Callable[[], bool] | None = None,
        verify: bool = False,
        progress: Progress | None = None,
    ) -> PushResult:
        """Make `label` equal to `root` and return a snapshot that holds exactly that directory.

        Others' new files, and their changes to files that were not changed here, come down into `root` first; where
        both have changed a file the local one wins. `pinned` paths count as changed here: the cell that is submitted.

        If nothing has changed here since a push of the last half hour its snapshot is returned without asking the
        server. Should somebody have removed that snapshot or its files, the job cannot start: call `forget_snapshot`
        and push again, or pass `verify`, which always takes a new snapshot and costs one request.

        Files deleted here are removed on the server, with all their revisions. `in_use` is asked before that (and only
        then): if it says that jobs still wait for earlier snapshots, the files stay until a later push, and the
        snapshot is taken under a label of its own (`PushResult.snapshot.label`) that never had them.
        """
        push = Push(
            self.client,
            self._tools(progress),
            root=root,
            label=normal_label(label),
            state=state or SyncState(None),
            ignore=ignore or Ignore.for_source(root),
            pinned=pinned,
            in_use=in_use,
        )
        return push.run(verify=verify)

    def forget_snapshot(self, root: Path, label: str, state: SyncState) -> None:
        """Make the next push take a new snapshot, because the last one cannot be used any more."""
        file, base = self._base_of_label(state, root, normal_label(label))
        base.snapshot = None
        SyncState.save(file, base)

    def sync(
        self,
        root: Path,
        label: str,
        state: SyncState | None = None,
        policy: Policy = Policy.DATA,
        *,
        ignore: Ignore | None = None,
        progress: Progress | None = None,
    ) -> SyncResult:
        """Make `root` and `label` equal, three ways, comparing by listing: one request, and one for each label.

        A `root` that does not exist is made, and nothing counts as deleted in it.
        """
        label, state = normal_label(label), state or SyncState(None)
        ignore = ignore or Ignore.for_root(root)
        index = state.index(root)
        file, base = self._base_of_label(state, root, label)
        if not root.exists():
            base = Base(abandoned=base.abandoned)

        def once() -> SyncResult:
            scan = index.scan(root, ignore)
            if policy in {Policy.SOURCE, Policy.DATA}:
                mark(root, index, scan)
            remote = Scope(ignore, scan.skipped).select(self._labels.list(label, base.files), base.files)
            before = base.files if policy is Policy.CACHE else without_lost(base.files, remote)
            work = plan(scan.tree, entries(remote), entries(before), policy)
            exchange = self._exchange(root=root, label=label, index=index, scan=scan, remote=remote, progress=progress)
            try:
                done = exchange.carry_out(work)
            finally:
                base.label, base.files = label, exchange.agreed(base.files)
                base.abandoned |= exchange.abandoned
                SyncState.save(file, base)
                index.save()
            kept, skipped = _below(root, work.keep_beside.values()), tuple(scan.skipped.values())
            return SyncResult(done, index.hashed, kept, skipped, digest(exchange.local))

        _make(root)
        return _patiently(once)

    def preview(
        self, root: Path, label: str, state: SyncState | None, policy: Policy, *, ignore: Ignore | None = None
    ) -> Plan:
        """Return what would move to make `root` and `label` agree; nothing moves and nothing is remembered."""
        label, state = normal_label(label), state or SyncState(None)
        ignore = ignore or (Ignore.for_source(root) if policy is Policy.SOURCE else Ignore.for_root(root))
        _, base = self._base_of_label(state, root, label)
        if not root.exists():
            base = Base()
        scan = state.index(root).scan(root, ignore)
        remote = Scope(ignore, scan.skipped).select(self._labels.list(label, base.files), base.files)
        return plan(scan.tree, entries(remote), entries(without_lost(base.files, remote)), policy)

    def pull(
        self,
        label: str,
        target: Path,
        *,
        state: SyncState | None = None,
        patterns: Iterable[str] = ("*",),
        without: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> list[Path]:
        """Bring the files of `label` into `target`; return where those that match `patterns` are, sorted.

        A pattern like `*.csv` is matched against the name and against the whole path below the label; what matches one
        of `without` stays there. Nothing is uploaded or removed on the server. `target` may receive one label after
        another: what an earlier pull brought and the label does not have is removed, unless it was changed by hand. A
        local file that differs and was not brought by a pull is kept beside the new one, as `fit.local-1.csv`. Without
        `state` nothing is known of earlier pulls, so that nothing is removed.
        """
        label, state = normal_label(label), state or SyncState(None)
        origin = f"{self.client.server}/{self.client.colony}{label}"
        index = state.index(target)
        file, base = state.base_of_directory(target)
        patterns, without = tuple(patterns), tuple(without)

        def once() -> list[Path]:
            remote = {path: stored for path, stored in self._labels.list(label).items() if path != MARKER}
            wanted = {path for path in remote if _matches(path, patterns) and not _matches(path, without)}
            scan = index.look(target, remote.keys() | base.files.keys())
            before = without_lost(base.files, remote) if base.label == origin else base.files
            before = {path: stored for path, stored in before.items() if path in scan.tree}  # the deleted come again
            work = plan(scan.tree, entries(remote), entries(before), Policy.RESULT)
            down = Plan(
                download=tuple(path for path in work.download if path in wanted),
                remove_local=work.remove_local,
                keep_beside=work.keep_beside,
            )
            exchange = self._exchange(
                root=target, label=label, index=index, scan=scan, remote=remote, progress=progress
            )
            try:
                exchange.carry_out(down)
            finally:
                base.label, base.files = origin, exchange.agreed(base.files)
                SyncState.save(file, base)
                index.save()
            return list(_below(target, sorted(wanted)))

        _make(target)
        return _patiently(once)

    def contents(self, label: str, refused: list[UnsafeName] | None = None) -> dict[str, Stored]:
        """Return the latest revision of every file in and below `label`, by path.

        Raises UnsafeName for a name that cannot travel; with `refused` that file is left out and the error put there.
        """
        found = self._labels.list(normal_label(label), refused=refused)
        found.pop(MARKER, None)
        return found

    def find(self, label: str, path: str) -> Stored:
        """Return the latest revision of one file; raise UnsafeName for what can be none, NotFound if there is none."""
        return self._labels.find(normal_label(label), path)

    def fetch(self, stored: Stored, root: Path, path: str) -> Path:
        """Bring the content of one revision to `path` below `root`, where nothing may be; return where it is."""
        meter = Meter(Direction.DOWN, 1, max(stored.size, 0), None)
        with transfer.opened(root) as held:
            transfer.prepare(held, [path])
            cargo = Cargo(path, root / path, stored.entry, stored.object, expected=None)
            transfer.download(held, self.store, cargo, meter, Halt())
        return root / path

    def upload_tree(
        self, root: Path, label: str, *, ignore: Ignore | None = None, progress: Progress | None = None
    ) -> int:
        """Upload what `label` does not have alike; return how many files. Nothing is removed on either side.

        For an executor after a job. By default everything is uploaded, hidden files too. A file whose name cannot
        travel keeps no other from being uploaded; UnsafeName, which names it, is raised at the end.
        """
        label, ignore = normal_label(label), ignore or Ignore.nothing()
        index = LocalIndex()

        def once() -> int:
            refused: list[UnsafeName] = []
            scan = index.scan(root, ignore, refused)
            mark(root, index, scan)
            remote = self._labels.list(label)
            exchange = self._exchange(root=root, label=label, index=index, scan=scan, remote=remote, progress=progress)
            done = exchange.carry_out(Plan(upload=_differing(scan.tree, entries(remote))))
            if refused:
                more = f" So it is with {len(refused) - 1} others." if len(refused) > 1 else ""
                raise UnsafeName(f"{refused[0]}{more} All other files were uploaded.", path=refused[0].path)
            return done.uploaded

        return _patiently(once)

    def checkout(self, snapshot_id: str, label: str, target: Path, *, progress: Progress | None = None) -> list[Path]:
        """Bring the files of a snapshot into `target`; return where they are, sorted.

        `label` is what the files' labels begin with, for snapshots that do not say it themselves. Files that are
        already there and equal are not brought again; others of the same name are overwritten.
        """
        snapshot = self.client.snapshot(snapshot_id)
        found = self._labels.revisions(normal_label(snapshot.label or label), snapshot.fileids)
        gone = len(set(snapshot.fileids)) - len(found)
        if gone:
            raise TransferError(
                f"{gone} of the {len(snapshot.fileids)} files of snapshot {snapshot_id} have been removed from the "
                "server since it was made. Submit the job again.",
                path=snapshot.label,
            )
        remote = dict(found.values())
        if "" in remote:
            raise TransferError(
                f"Snapshot {snapshot_id} names files that are not below its label {snapshot.label or label!r}. "
                "Submit the job again.",
                path=snapshot.label,
            )
        index = LocalIndex()

        def once() -> list[Path]:
            scan = index.look(target, remote)
            exchange = self._exchange(
                root=target, label=label, index=index, scan=scan, remote=remote, progress=progress
            )
            exchange.carry_out(Plan(download=_differing(entries(remote), scan.tree)))
            return list(_below(target, sorted(remote)))

        _make(target)
        return _patiently(once)

    def _tools(self, progress: Progress | None) -> Tools:
        return Tools(self.store, self._labels, self._crew, progress)

    def _exchange(
        self,
        *,
        root: Path,
        label: str,
        index: LocalIndex,
        scan: Scan,
        remote: Mapping[str, Stored],
        progress: Progress | None,
    ) -> Exchange:
        tools = self._tools(progress)
        return Exchange(tools, root=root, label=label, index=index, scan=scan, remote=remote)

    def _base_of_label(self, state: SyncState, root: Path, label: str) -> tuple[Path | None, Base]:
        return state.base_of_label(root, str(self.client.server), self.client.colony, label)


def _patiently(once: Callable[[], T]) -> T:
    """Look and plan again when a file changes under the work, a few times."""
    for _ in range(_TRIES - 1):
        try:
            return once()
        except FileChanged:
            continue
    return once()


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TransferError(
            f"Cannot make the directory {str(directory)!r}: {error.strerror}.", path=str(directory)
        ) from None


def _differing(tree: Tree, other: Tree) -> tuple[str, ...]:
    return tuple(sorted(path for path, entry in tree.items() if other.get(path) != entry))


def _below(root: Path, paths: Iterable[str]) -> tuple[Path, ...]:
    return tuple(root / path for path in paths)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
