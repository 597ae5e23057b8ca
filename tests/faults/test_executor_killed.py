"""SIGKILL of an executor at any step of its work, on a colony that lives on."""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import pytest

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.sessions import MARK
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Job, Session, prepare
from pollinator_magic.project import Project
from pollinator_magic.settings import Connection, DirectorySettings
from tests.colony_server import RunningColony, running_colony
from tests.faults.hives import log_of, told_tries
from tests.faults.mortals import running_nursery, way_to
from tests.faults.points import SOAK, points
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.mortals import Nursery

pytestmark = pytest.mark.timeout(300 * SOAK)

RETRIES = 3
AT_ONCE = 4
MAY_BE_MISSING = "what was printed last may be missing"
LARGE = 300_000
PROGRAM = """\
echo "begin $COLONIES_PROCESS_ID" >> {runs}
echo hello
head -c {large} /dev/zero > result/large
echo "$COLONIES_PROCESS_ID" > result/id
echo "end $COLONIES_PROCESS_ID" >> {runs}
"""


class Site:
    """A colony, a user with a project, and an executor that lives and dies in a process of its own."""

    def __init__(self, colony: RunningColony, nursery: Nursery, directory: Path) -> None:
        self.directory = directory
        self.runs = directory / "runs"
        self.colony = colony
        self._nursery = nursery
        self.key = PrivateKey.generate()
        self.objects = DirectorySettings(directory / "objects")
        self.session = Session(Connection(colony.server, colony.colony, colony.user_key, self.objects))
        project = Project.create(directory / "project", "host", sample_files=False)
        text = project.file.read_text()
        project.file.write_text(text.replace("cmd: python3", "cmd: sh").replace("source: main.py", "source: main.sh"))
        self.project = Project.open(project.root)
        self.program = PROGRAM.format(runs=self.runs, large=LARGE)

    def submit(self, program: str = "", **fields: object) -> str:
        """Submit a job that may be tried again a few times."""
        spec = prepare(self.session, self.project, source=program or self.program)
        spec.maxretries = RETRIES
        for name, value in fields.items():
            setattr(spec, name, value)
        return self.session.client.submit(spec).processid

    def executor(self, *, die_at: int = 0) -> int:
        """Start the executor, to die at a step; return its process id."""
        connection = Connection(self.colony.server, self.colony.colony, self.key, self.objects)
        place = {"directory": str(self.directory / "fs"), "executor": "host"}
        owner = self.colony.owner_key.reveal()
        return self._nursery.begin("worker", die_at=die_at, owner=owner, **place, **way_to(connection))

    def end(self, pid: int) -> dict:
        """Wait for the executor's end."""
        return self._nursery.end(pid)

    def register(self) -> None:
        """Have the executor known to the colony, as somebody who submits requires."""
        pid = self.executor()
        eventually(lambda: any(one.executorname == "host" for one in self.session.usable_executors()))
        os.kill(pid, signal.SIGTERM)
        self.end(pid)

    def process(self, process_id: str) -> Process:
        return self.session.client.process(process_id)

    def survivors(self) -> list[int]:
        """Return what still runs of jobs."""
        found = []
        for process in psutil.process_iter(["environ", "status"]):
            environment = process.info["environ"] or {}
            if MARK in environment and process.info["status"] != psutil.STATUS_ZOMBIE:
                found += [process.pid] if str(self.directory) in str(environment) else []
        return found

    def results(self, process_id: str) -> dict[str, bytes]:
        job = Job(self.session, self.process(process_id), self.project)
        return {name: result.bytes() for name, result in job.results.items()}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as closing:
        colony = closing.enter_context(running_colony())
        site = Site(colony, closing.enter_context(running_nursery()), tmp_path)
        closing.callback(site.session.close)
        site.register()
        yield site


def test_an_executor_that_is_killed_at_any_step_loses_nothing_and_runs_nothing_too_often(site: Site):
    jobs = [site.submit() for _ in range(AT_ONCE)]
    pid = site.executor()
    eventually(lambda: all(site.process(one).status.closed for one in jobs))
    os.kill(pid, signal.SIGTERM)
    steps = site.end(pid)["steps"]  # so many there are without a kill
    for seed in points("executor killed", 24):
        chance = random.Random(seed)
        waiting = [one for one in jobs if not site.process(one).status.closed]
        jobs += [site.submit() for _ in range(AT_ONCE - len(waiting))]
        die_at = chance.randint(1, steps)
        pid = site.executor(die_at=die_at)
        said = site.end(pid)
        assert said["killed"], (seed, die_at, said)
        eventually(lambda: not site.survivors(), what=(seed, die_at))
    pid = site.executor()
    eventually(lambda: all(site.process(one).status.closed for one in jobs))
    os.kill(pid, signal.SIGTERM)
    assert site.end(pid)["status"] == 0

    ran = Counter(site.runs.read_text().splitlines())
    for one in jobs:
        process, log = site.process(one), log_of(site.session.client, one)
        begun = ran[f"begin {one}"]
        assert begun <= RETRIES + 1
        if process.status is ProcessState.SUCCESS:
            assert ran[f"end {one}"]
            assert site.results(one) == {"large": b"\0" * LARGE, "id": f"{one}\n".encode()}
            assert "hello" in log or MAY_BE_MISSING in log
            assert begun <= told_tries(log) or MAY_BE_MISSING in log, (begun, log)
        else:
            assert ["in the last of its" in error for error in process.errors] == [True], process.errors


def write_journal(site: Site, process_id: str, past: dict) -> None:
    file = site.directory / "fs" / ".executor" / "runs" / f"{process_id}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(past))


def own_worker(site: Site) -> Worker:
    """Start an executor in this process."""
    directory = site.directory / "fs"
    connection = Connection(site.colony.server, site.colony.colony, site.key, site.objects)
    worker = Worker(
        connection, site.colony.owner_key, ProcessEngine(directory), name="host", fs_dir=directory, poll_s=1
    )
    worker.start()
    return worker


@pytest.mark.parametrize("errors", [[], ["Exit status 3"]])
def test_what_had_ended_when_its_executor_was_killed_is_brought_home_and_not_run_again(site: Site, errors: list[str]):
    one = site.submit()
    home = (site.process(one).spec.env or {})["PROJECT_DIR"].removeprefix("/cfs/")
    result = site.directory / "fs" / home / "result"
    result.mkdir(parents=True)
    (result / "left").write_text("by the killed one")
    write_journal(site, one, {"tries": 1, "errors": errors, "log_is_whole": True})

    worker = own_worker(site)
    try:
        eventually(lambda: site.process(one).status.closed)
    finally:
        worker.stop()

    assert site.process(one).errors == errors
    assert site.results(one) == {"left": b"by the killed one"}
    assert not site.runs.exists()
    assert log_of(site.session.client, one) == ""


def test_a_process_that_ends_while_the_executor_looks_for_lost_ones_is_not_run_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    worker = own_worker(site)
    try:
        go = site.directory / "go"
        one = site.submit(f"echo begin >> {site.runs}; while [ ! -e {go} ]; do sleep 0.02; done")
        eventually(lambda: site.runs.exists() and site.process(one).status is ProcessState.RUNNING)
        history = worker._client.history

        def slow_history(*arguments: object, **options: object) -> list[Process]:
            mine = history(*arguments, **options)
            go.touch()
            eventually(lambda: worker.running == 0)
            return mine

        monkeypatch.setattr(worker._client, "history", slow_history)
        worker._look_at = 0.0
        eventually(lambda: worker._look_at == float("inf"))
        two = site.submit(f"echo begin >> {site.runs}")
        eventually(lambda: site.process(two).status is ProcessState.SUCCESS)
        eventually(lambda: worker.running == 0)
    finally:
        worker.stop()
    assert site.runs.read_text() == "begin\n" * 2


def test_an_end_that_the_server_has_not_heard_of_is_not_forgotten_by_an_executor_that_stops(site: Site):
    worker = own_worker(site)
    away = site.directory / "away"
    one = site.submit(f"{site.program}while [ ! -e {away} ]; do sleep 0.02; done; exit 3")
    eventually(lambda: site.runs.exists() and "end" in site.runs.read_text())
    site.colony.stop()
    away.touch()
    journal = site.directory / "fs" / ".executor" / "runs" / f"{one}.json"
    eventually(lambda: "Exit status 3" in journal.read_text())
    worker.stop()
    site.colony.start()

    worker = own_worker(site)
    try:
        eventually(lambda: site.process(one).status.closed)
    finally:
        worker.stop()

    assert site.process(one).status is ProcessState.FAILED
    assert site.runs.read_text().count("begin") == 1
