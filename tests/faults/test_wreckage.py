"""What the drawn deaths and full disks have shown, each once more by itself."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.ignore import PART_PREFIX, Ignore
from pollinator_magic.cfs.objects import DirectoryObjects
from pollinator_magic.cfs.state import SyncState
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, FunctionSpec, Process, ProcessState, parse_time
from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.journal import Journal
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.jobs import Results
from pollinator_magic.jobs import results as results_module
from pollinator_magic.jobs.results import show
from pollinator_magic.local import lifecycle, scheduler
from pollinator_magic.local.access import Member
from pollinator_magic.local.core import Core
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.operations.processes import LongPoll
from pollinator_magic.local.scheduler import Poll
from pollinator_magic.local.status import bytes_of
from pollinator_magic.project import Project
from pollinator_magic.project import project as project_module
from tests.colony_server import running_colony
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR_NS = 3600 * 10**9


class Killed(BaseException):
    """Stands for the end of the process at this place."""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Filesystem]:
    with (
        running_colony() as colony,
        Colonies(colony.server, colony.colony, colony.user_key) as client,
        Filesystem(client, DirectoryObjects(tmp_path / "objects")) as files,
    ):
        yield files


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "colony.db", Facts())
    yield database
    database.close()


def write(directory: Path, **texts: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text)


# --- kernels ---


def test_a_half_written_small_file_has_a_name_that_is_never_synchronised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    names = []
    monkeypatch.setattr(Path, "replace", lambda self, _target: names.append(self.name))
    write_atomically(tmp_path / "file", b"content")

    assert names[0] in Ignore.nothing()
    assert names[0] in Ignore.for_source(tmp_path)


def test_a_snapshot_is_forgotten_before_its_files_are_removed_from_the_server(
    files: Filesystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    src, state = tmp_path / "src", SyncState(tmp_path / "state")
    write(src, a="1", b="2")
    first = files.push_source(src, "/src", state).snapshot
    (src / "b").unlink()
    remembered = []

    def look_and_die(*_arguments: object) -> None:
        _, base = state.base_of_label(src, str(files.client.server), files.client.colony, "/src")
        remembered.append(base.snapshot)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(files.client, "remove_files_named", look_and_die)
        with pytest.raises(Killed):
            files.push_source(src, "/src", state)

    assert remembered == [None]
    write(src, b="2")  # as it was when the first snapshot was taken
    assert files.push_source(src, "/src", state).snapshot.snapshotid != first.snapshotid


def test_what_a_killed_download_left_is_no_result_and_goes_after_a_day(files: Filesystem, tmp_path: Path):
    write(tmp_path / "there", a="1")
    files.upload_tree(tmp_path / "there", "/r")
    here = tmp_path / "here"
    write(here, **{f"{PART_PREFIX}old": "x", f"{PART_PREFIX}young": "y"})
    long_ago = time.time() - 25 * 3600
    os.utime(here / f"{PART_PREFIX}old", (long_ago, long_ago))

    files.pull("/r", here)

    assert sorted(Results(here)) == ["a"]
    assert sorted(path.name for path in here.iterdir()) == [f"{PART_PREFIX}young", "a"]


def test_results_that_were_shown_when_the_kernel_was_killed_are_not_taken_for_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for job in ("first", "second"):
        write(tmp_path / job, a=f"a of {job}", b=f"b of {job}")
    shown, copied = tmp_path / "result", []
    copy = results_module._copy

    def die_at_the_second(source: Path, *target: object) -> None:
        copied.append(source)
        if len(copied) == 2:
            raise Killed
        copy(source, *target)

    with monkeypatch.context() as patched:
        patched.setattr(results_module, "_copy", die_at_the_second)
        with pytest.raises(Killed):
            show(Results(tmp_path / "first"), shown, tmp_path / "state")

    show(Results(tmp_path / "second"), shown, tmp_path / "state")

    assert {path.name: path.read_text() for path in shown.iterdir()} == {"a": "a of second", "b": "b of second"}


def test_a_project_is_there_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_if_absent = project_module.write_if_absent

    def die_at_the_sample(path: Path, text: str) -> bool:
        if path.name == "hello.txt":
            raise Killed
        return write_if_absent(path, text)

    with monkeypatch.context() as patched:
        patched.setattr(project_module, "write_if_absent", die_at_the_sample)
        with pytest.raises(Killed):
            Project.create(tmp_path, "local")

    assert Project.create(tmp_path, "local").data.joinpath("hello.txt").exists()


# --- executors ---


def test_a_job_of_which_nobody_could_take_note_does_not_go_on_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    engine = ProcessEngine(tmp_path / "fs")
    engine.open()
    note = engine.noted.note

    def full(process_id: str, running: tuple[int, ...] = ()) -> None:
        if running:
            raise OSError(28, "No space left on device")
        note(process_id, running)

    monkeypatch.setattr(engine.noted, "note", full)
    job = engine.start(Task("1" * 64, "sleep 600", ()))
    try:
        outcome = eventually(job.poll)
        assert "No space left on device" in outcome.error
        assert job._ranks.sessions == []
    finally:
        job.close()
        engine.close()


@pytest.mark.parametrize(
    ("begun", "retries", "maxretries", "allowed"),
    [(1, 0, 1, True), (2, 0, 1, False), (1, 1, 1, True), (3, 0, 3, True), (4, 0, 3, False), (9, 5, -1, True)],
)
def test_tries_that_were_cut_off_and_tries_that_the_server_counts_are_the_same_tries(
    tmp_path: Path, begun: int, retries: int, maxretries: int, allowed: bool
):
    journal = Journal(tmp_path)
    process = Process(processid="1" * 64, spec=FunctionSpec(maxretries=maxretries))
    for _ in range(begun):
        journal.begin(process)
    process.retries = retries

    assert journal.past(process.processid).allows(process) is allowed


def test_a_damaged_journal_counts_as_none(tmp_path: Path):
    journal, process = Journal(tmp_path), Process(processid="1" * 64)
    (tmp_path / f"{process.processid}.json").write_text('{"tries": ')

    assert journal.past(process.processid) is None


# --- the embedded colony ---


def test_what_a_home_takes_can_be_told_while_jobs_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "work" / "job", a="12345")
    write(tmp_path / "work" / "other", b="123")
    scandir = os.scandir

    def as_somebody_removes_a_job(path: object) -> object:
        if str(path).endswith("/job"):
            (tmp_path / "work" / "job" / "a").unlink()
            (tmp_path / "work" / "job").rmdir()
        return scandir(path)

    directories = (tmp_path / "work").stat().st_size + (tmp_path / "work" / "other").stat().st_size
    monkeypatch.setattr(os, "scandir", as_somebody_removes_a_job)

    assert directories + 3 <= bytes_of([tmp_path / "work"]) <= 2 * directories + 3


def submit(database: Database, **fields: object) -> Process:
    spec = FunctionSpec(funcname="f", conditions=Conditions(colonyname="c", executortype="t"), **fields)
    with database.transaction():
        return lifecycle.submit(database, spec, Member("1" * 64, "alice", is_executor=False))


def test_what_was_stored_is_announced_even_if_nobody_can_be_given_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    asyncio.run(announce_on_a_full_disk(database, monkeypatch))


async def announce_on_a_full_disk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core(database)
    poll = Poll(LongPoll("c", "2" * 64, "t", 1, 1, 60), lambda: True)
    core.scheduler._polls = {("c", "t"): {poll: None}}

    def full(*_arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(scheduler, "assign_now", full)
    process = submit(database)
    core.announce()

    assert not poll.outcome.done()
    assert database.first("SELECT 1 FROM queue") == (1,)
    assert process.status is ProcessState.WAITING


def test_a_clock_that_is_set_forward_moves_the_deadlines(database: Database, monkeypatch: pytest.MonkeyPatch):
    core = Core(database)
    waiting, endless = submit(database, maxwaittime=60), submit(database, maxwaittime=-1)
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + HOUR_NS)

    for _ in range(2):
        with database.transaction():
            lifecycle.expire(database)

    documents = [row[0] for row in database.all("SELECT document FROM processes ORDER BY number")]
    now = [lifecycle.records.read(document) for document in documents]
    assert [process.status for process in now] == [ProcessState.WAITING] * 2
    assert 3590 < (parse_time(now[0].waitdeadline) - parse_time(waiting.waitdeadline)).total_seconds() < 3610
    assert now[1].waitdeadline == endless.waitdeadline
    core.close()
