"""Carries out a plan: in parallel, keeping account of what both sides hold, so that a failure half-way is no harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.cfs import transfer
from pollinator_magic.cfs.index import Signature
from pollinator_magic.cfs.objects import new_object_name
from pollinator_magic.cfs.progress import Direction, Meter
from pollinator_magic.cfs.state import Stored
from pollinator_magic.cfs.transfer import Cargo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pollinator_magic.cfs.crew import Crew, Halt
    from pollinator_magic.cfs.held import Root
    from pollinator_magic.cfs.index import LocalIndex, Scan
    from pollinator_magic.cfs.labels import Labels
    from pollinator_magic.cfs.objects import ObjectStore
    from pollinator_magic.cfs.plan import Entry, Plan
    from pollinator_magic.cfs.progress import Progress


@dataclass(frozen=True)
class Done:
    """How many files a plan has moved."""

    uploaded: int = 0
    downloaded: int = 0
    removed_local: int = 0
    removed_remote: int = 0

    def __str__(self) -> str:
        return (
            f"{self.uploaded} up, {self.downloaded} down, {self.removed_local} removed here, "
            f"{self.removed_remote} removed there"
        )

    def __add__(self, other: Done) -> Done:
        return Done(
            self.uploaded + other.uploaded,
            self.downloaded + other.downloaded,
            self.removed_local + other.removed_local,
            self.removed_remote + other.removed_remote,
        )


@dataclass(frozen=True)
class Tools:
    """What carries files."""

    store: ObjectStore
    labels: Labels
    crew: Crew
    progress: Progress | None = None


class Exchange:
    """A directory and a label, and what is known to be in them.

    `local`, `signatures`, `remote` and `abandoned` follow every single step, whatever fails afterwards.
    """

    def __init__(
        self, tools: Tools, *, root: Path, label: str, index: LocalIndex, scan: Scan, remote: Mapping[str, Stored]
    ) -> None:
        self.root = root
        self.label = label
        self.local: dict[str, Entry] = dict(scan.tree)
        self.signatures: dict[str, Signature] = dict(scan.signatures)
        self.remote: dict[str, Stored] = dict(remote)
        self.abandoned: dict[str, int] = {}
        """Objects, with their sizes, of the files that were removed on the server."""
        self._tools = tools
        self._index = index

    def carry_out(self, plan: Plan) -> Done:
        """Do what the plan says, in the order that it names; the first failure stops the rest and is raised."""
        if plan.clashes:
            raise transfer.clash(plan.clashes[0])
        if plan.remove_local or plan.download:
            with transfer.opened(self.root) as root:
                self._remove_local(root, plan)
                self._download(root, plan)
        self._upload(plan.upload)
        self._tools.crew.each(self._remove_remote, plan.remove_remote)
        return Done(len(plan.upload), len(plan.download), len(plan.remove_local), len(plan.remove_remote))

    def agreed(self, before: Mapping[str, Stored]) -> dict[str, Stored]:
        """Return the new base: what both sides hold alike, and what was agreed on before where they differ by now."""
        agreed = {path: stored for path, stored in self.remote.items() if self.local.get(path) == stored.entry}
        pending = {
            path: stored
            for path, stored in before.items()
            if path not in agreed and (path in self.local or path in self.remote)
        }
        return agreed | pending

    def _remove_local(self, root: Root, plan: Plan) -> None:
        for path in plan.remove_local:
            transfer.remove(root, path, self.signatures.get(path))
            self.local.pop(path, None)

    def _download(self, root: Root, plan: Plan) -> None:
        if not plan.download:
            return
        transfer.prepare(root, plan.download)
        meter = self._meter(Direction.DOWN, (self.remote[path].entry for path in plan.download))

        def one(path: str, halt: Halt) -> None:
            stored, file = self.remote[path], self.root / path
            beside = plan.keep_beside.get(path, "")
            cargo = Cargo(path, file, stored.entry, stored.object, self.signatures.get(path))
            transfer.download(root, self._tools.store, cargo, meter, halt, beside=beside)
            if beside:
                self._learn(beside, self.local[path])
            self._learn(path, stored.entry)

        self._tools.crew.each(one, plan.download, tick=meter.tick)
        meter.tick()

    def _upload(self, paths: tuple[str, ...]) -> None:
        if not paths:
            return
        meter = self._meter(Direction.UP, (self.local[path] for path in paths))

        def one(path: str, halt: Halt) -> None:
            entry, name = self.local[path], new_object_name()
            transfer.upload(
                self._tools.store, Cargo(path, self.root / path, entry, name, self.signatures[path]), meter, halt
            )
            halt.check()
            self.remote[path] = self._tools.labels.add(self.label, path, Stored(entry.size, entry.checksum, name))

        self._tools.crew.each(one, paths, tick=meter.tick)
        meter.tick()

    def _remove_remote(self, path: str, _: Halt) -> None:
        self.abandoned.update(self._tools.labels.remove(self.label, path))
        self.remote.pop(path, None)

    def _learn(self, path: str, entry: Entry) -> None:
        """Note that a file now lies at `path`."""
        file = self.root / path
        self.local[path] = entry
        self.signatures[path] = Signature.of(file.lstat())
        self._index.learn(path, file, entry.checksum)

    def _meter(self, direction: Direction, entries: Iterable[Entry]) -> Meter:
        sizes = [max(entry.size, 0) for entry in entries]
        return Meter(direction, len(sizes), sum(sizes), self._tools.progress)
