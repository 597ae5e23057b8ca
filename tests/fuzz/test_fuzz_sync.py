"""The real file system of labels under any history: two people and an executor, and what all of them must still have.

A model of three dictionaries says what each operation has to leave; everything else is real: directories, the index,
the object store, and the embedded colony without its sockets.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from effort import effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from inprocess import ALICE, InProcess

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import DirectoryObjects
from pollinator_magic.cfs.plan import Policy
from pollinator_magic.cfs.state import SyncState

LABEL = "/project/data"
SOURCE = "/project/src"
RESULT = "/project/result"
KEEP = "keep.txt"
"""Is always there, so that no label ever loses all of what was agreed on: then no deletion would be believed."""

names = st.sampled_from(["a.txt", "b", "sub/c.csv", "sub/deeper/d", "ü ☃"])
contents = st.binary(max_size=3)
people = st.integers(0, 1)


def merged(here: dict[str, bytes], there: dict[str, bytes], base: dict[str, bytes]) -> dict[str, bytes]:
    """Return what both sides have to have: the local edit wins, and any edit beats a deletion."""
    after = {}
    for path in here.keys() | there.keys():
        local, remote, before = here.get(path), there.get(path), base.get(path)
        wins = remote if local == before or local is None else local
        if local is None and remote == before:
            wins = None
        if remote is None and local == before:
            wins = None
        if wins is not None:
            after[path] = wins
    return after


class Person:
    """One directory for each label, and the memory between synchronisations."""

    def __init__(self, top: Path, colony: InProcess, store: DirectoryObjects) -> None:
        self.top = top
        self.files = Filesystem(colony.client(ALICE), store, threads=2)
        self.state = SyncState(top / "state")
        self.base: dict[str, dict[str, bytes]] = {LABEL: {}, SOURCE: {}}

    def root(self, label: str) -> Path:
        return self.top / label.rpartition("/")[2]

    def tree(self, label: str) -> dict[str, bytes]:
        return tree(self.root(label))


def tree(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


class Sharing(RuleBasedStateMachine):
    """Two people share a data directory and a source directory; an executor leaves results."""

    @initialize()
    def begin(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="sharing-"))
        self.colony = InProcess(self.top / "colony.db")
        store = DirectoryObjects(self.top / "objects")
        self.people = [Person(self.top / f"person-{number}", self.colony, store) for number in range(2)]
        self.executor = Filesystem(self.colony.client(ALICE), store, threads=2)
        self.remote: dict[str, dict[str, bytes]] = {LABEL: {}, SOURCE: {}}
        self.result: dict[str, bytes] = {}
        self.pulled: dict[str, bytes] = {}
        self.number = 0
        for label in (LABEL, SOURCE):
            self.write(0, label, KEEP, b"kept")
            self._synchronise(0, label)
            self._synchronise(1, label)

    @rule(who=people, label=st.sampled_from([LABEL, SOURCE]), path=names, content=contents)
    def write(self, who: int, label: str, path: str, content: bytes) -> None:
        file = self.people[who].root(label) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    @rule(who=people, label=st.sampled_from([LABEL, SOURCE]), path=names)
    def delete(self, who: int, label: str, path: str) -> None:
        (self.people[who].root(label) / path).unlink(missing_ok=True)

    @rule(who=people)
    def forget(self, who: int) -> None:
        """The index is only there to be fast."""
        for file in (self.people[who].state.directory / "sync").glob("index-*"):
            file.unlink()

    @rule(who=people)
    def sync(self, who: int) -> None:
        self._synchronise(who, LABEL)

    @rule(who=people)
    def push(self, who: int) -> None:
        self._synchronise(who, SOURCE)

    def _synchronise(self, who: int, label: str) -> None:
        person = self.people[who]
        expected = merged(person.tree(label), self.remote[label], person.base[label])
        if label == LABEL:
            person.files.sync(person.root(label), label, person.state)
        else:
            snapshot = person.files.push_source(person.root(label), label, person.state, verify=True).snapshot
            self.number += 1
            target = self.top / f"checkout-{self.number}"
            self.executor.checkout(snapshot.snapshotid, label, target)
            assert tree(target) == expected, "the snapshot is what a job gets"
        assert person.tree(label) == expected
        self.remote[label] = person.base[label] = expected
        assert not person.files.preview(
            person.root(label), label, person.state, Policy.DATA if label == LABEL else Policy.SOURCE
        )

    @rule(files=st.dictionaries(names, contents, max_size=3))
    def leave_results(self, files: dict[str, bytes]) -> None:
        self.number += 1
        root = self.top / f"run-{self.number}"
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        if files:
            self.executor.upload_tree(root, RESULT)
            self.result |= files

    @rule(edits=st.dictionaries(names, contents, max_size=2))
    def pull(self, edits: dict[str, bytes]) -> None:
        person = self.people[0]
        root = person.root(RESULT)
        for path, content in edits.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        mine = {path: content for path, content in tree(root).items() if self.pulled.get(path) != content}
        brought = person.files.pull(RESULT, root, state=person.state)
        now = tree(root)
        assert {path.relative_to(root).as_posix() for path in brought} >= self.result.keys()
        for path, content in self.result.items():
            changed_here_only = path in mine and self.pulled.get(path) == content
            assert now[path] == (mine[path] if changed_here_only else content)
        for content in mine.values():
            assert content in now.values(), "what was written by hand is still there"
        self.pulled = dict(self.result)

    @invariant()
    def nothing_half_written_is_left(self) -> None:
        if hasattr(self, "top"):
            assert not [file for file in self.top.glob("person-*/**/*part*") if "state" not in file.parts]

    def teardown(self) -> None:
        if not hasattr(self, "top"):
            return
        for each in (*self.people, self):
            getattr(each, "files", self.executor).close()
        self.colony.close()
        shutil.rmtree(self.top)


def _settings(machine: Any) -> Any:
    machine.settings = effort(12, stateful_step_count=15)
    return machine


TestSharing = _settings(Sharing.TestCase)
