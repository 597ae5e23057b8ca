"""What one run costs, from cell to submitted: requests to the colony, objects, files read."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.index import hash_file
from pollinator_magic.jobs import submit
from pollinator_magic.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pollinator_magic.jobs import Job, Session

LATENCY_S = 0.25
"""How far away the server seems to be: what is asked at the same time then also overlaps on a busy machine."""
SOURCES, DATA_DIRECTORIES, DATA_FILES = 10, 10, 1000


@dataclass(frozen=True)
class Request:
    operation: str
    begun: float
    ended: float


class Costs:
    """Notes every request to the colony, every object written and every file read for its checksum."""

    def __init__(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[Request] = []
        self.operations = 0
        self.objects = 0
        self.hashed: list[str] = []
        self._rpc, self._store = session.client.rpc, session.filesystem.store
        self._sent_before = self._rpc.requests
        self._counting = threading.Lock()
        monkeypatch.setattr(self._rpc, "call", self._noting(self._rpc.call))
        monkeypatch.setattr(self._store, "put", self._counting_puts(self._store.put))
        monkeypatch.setattr("pollinator_magic.cfs.index.hash_file", self._hash_file)

    @property
    def sent(self) -> int:
        """How many HTTP requests really went out."""
        return self._rpc.requests - self._sent_before

    @property
    def names(self) -> list[str]:
        return sorted(request.operation for request in self.requests)

    @property
    def depth(self) -> int:
        """How many requests came one after the other at the most: each began after the one before had ended."""
        longest: dict[Request, int] = {}
        for request in sorted(self.requests, key=lambda request: request.begun):
            before = [depth for other, depth in longest.items() if other.ended <= request.begun]
            longest[request] = 1 + max(before, default=0)
        return max(longest.values(), default=0)

    def _noting(self, call: Callable[..., object]) -> Callable[..., object]:
        def noted(msgtype: str, *args: object, **options: object) -> object:
            begun = time.monotonic()
            time.sleep(LATENCY_S)
            try:
                return call(msgtype, *args, **options)
            finally:
                self.requests.append(Request(msgtype, begun, time.monotonic()))

        return noted

    def _counting_puts(self, put: Callable[..., None]) -> Callable[..., None]:
        def counted(*args: object) -> None:
            with self._counting:
                self.objects += 1
            put(*args)

        return counted

    def _hash_file(self, file: Path, *args: object) -> object:
        self.hashed.append(file.name)
        return hash_file(file, *args)


@pytest.fixture(scope="module")
def storage(colony):
    return colony.any_storage


@pytest.fixture(scope="module")
def executor(nobody) -> str:
    """Nobody works here: only the way to the submission counts."""
    return nobody


@pytest.fixture(scope="module")
def of_everyday_size(executor: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with 10 files of source and 1,000 files of data in 10 directories."""
    project = Project.create(tmp_path_factory.mktemp("large"), executor)
    for number in range(SOURCES - 1):
        (project.src / f"module_{number}.py").write_text(f"x = {number}")
    (project.data / "hello.txt").unlink()
    for number in range(DATA_FILES):
        file = project.data / f"part{number % DATA_DIRECTORIES}" / f"{number}.csv"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{number}")
    return project


@pytest.fixture
def large(session: Session, of_everyday_size: Project) -> Project:
    """The same, after it has run."""
    submit(session, of_everyday_size, source="print('before')")
    return of_everyday_size


@pytest.fixture
def costs(session: Session, large: Project, monkeypatch: pytest.MonkeyPatch) -> Costs:
    return Costs(session, monkeypatch)


def colleague(session: Session, project: Project, directory: Path) -> Project:
    """The same project as somebody else has it: another directory, which remembers nothing."""
    other = Project.create(directory, project.executors, sample_files=False)
    other.file.write_text(project.file.read_text())
    theirs = Project.open(directory)
    submit(session, theirs, source="print('theirs')").cancel()
    return theirs


def tree(directory: Path) -> dict[str, bytes]:
    return {
        file.relative_to(directory).as_posix(): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def frozen(session: Session, job: Job, directory: Path) -> dict[str, bytes]:
    """What the job will find as its sources."""
    mount = job.process.spec.fs.snapshots[0]
    session.filesystem.checkout(mount.snapshotid, mount.label, directory)
    return tree(directory)


def test_a_run_in_which_only_the_cell_changed_costs_one_hash_one_object_and_five_requests_and_the_listings(
    session, large, costs
):
    submit(session, large, source="print('changed')")

    assert costs.hashed == ["main.py"]
    assert costs.objects == 1
    assert costs.sent == len(costs.requests)
    assert len(costs.requests) <= 6 + DATA_DIRECTORIES, costs.names
    assert costs.depth <= 5, costs.names


def test_an_unchanged_run_costs_no_hash_no_object_and_neither_file_nor_snapshot(session, large, costs):
    submit(session, large)

    assert costs.hashed == []
    assert costs.objects == 0
    assert costs.sent == len(costs.requests)
    assert len(costs.requests) <= 5 + DATA_DIRECTORIES, costs.names
    assert not {"addfilemsg", "createsnapshotmsg"} & set(costs.names)
    assert costs.depth <= 4, costs.names


def test_another_kernel_with_the_same_cell_costs_no_more_than_an_unchanged_run(colony, storage, large, monkeypatch):
    with colony.session(storage) as later:
        costs = Costs(later, monkeypatch)

        submit(later, Project.open(large.root), source=(large.src / "main.py").read_text())

        assert (costs.hashed, costs.objects) == ([], 0)
        assert len(costs.requests) <= 5 + DATA_DIRECTORIES, costs.names


def test_a_snapshot_that_somebody_has_removed_is_not_used_again(session, project, tmp_path):
    first = submit(session, project)
    first.cancel()
    session.client.remove_snapshot(first.process.spec.fs.snapshots[0].snapshotid)

    job = submit(session, project)

    assert frozen(session, job, tmp_path / "frozen") == tree(project.src)


def test_a_run_after_somebody_elses_change_snapshots_exactly_the_local_tree(
    colony, storage, session, project, tmp_path
):
    (project.src / "shared.py").write_text("ours")
    (project.src / "doomed.py").write_text("x")
    submit(session, project).cancel()  # what a waiting job needs is not removed
    with colony.session(storage) as theirs:
        other = colleague(theirs, project, tmp_path / "colleague")
        (other.src / "shared.py").write_text("theirs")
        (other.src / "added.py").write_text("added")
        (other.src / "doomed.py").unlink()
        submit(theirs, other, source="print('theirs again')")
    (project.src / "mine.py").write_text("mine")

    job = submit(session, project, source="print('mine')")

    seen = frozen(session, job, tmp_path / "frozen")
    assert seen == tree(project.src)
    assert seen["main.py"] == b"print('mine')\n"
    assert seen["shared.py"] == b"theirs"
    assert seen["mine.py"] == b"mine"
    assert seen["added.py"] == b"added"
    assert "doomed.py" not in seen


def test_two_clients_that_take_turns_each_run_their_own_tree(colony, storage, session, project, tmp_path):
    submit(session, project)
    with colony.session(storage) as theirs:
        other = colleague(theirs, project, tmp_path / "colleague")
        for turn in range(3):
            for client, mine in ((session, project), (theirs, other)):
                (mine.src / f"of_{mine.root.name}_{turn}.py").write_text(f"{turn}")
                job = submit(client, mine, source=f"print('{mine.root.name}, turn {turn}')")

                seen = frozen(client, job, tmp_path / f"frozen-{mine.root.name}-{turn}")
                assert seen == tree(mine.src)
                assert seen["main.py"] == f"print('{mine.root.name}, turn {turn}')\n".encode()
    assert len(tree(project.src)) == len(tree(other.src)) - 1  # the last one's file comes with the next run
