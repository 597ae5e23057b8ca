"""Disks that are full, wherever this package writes: what was acknowledged stays, errors say it, space mends it."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import File, ProcessState, User
from pollinator_magic.errors import LocalColonyError, PollinatorError, ServerError
from pollinator_magic.executors import reporter
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Job, LogText, Session, submit
from pollinator_magic.local import bootstrap
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.server import LocalServer
from pollinator_magic.project import Project
from pollinator_magic.settings import Connection, DirectorySettings, Server
from tests.colony_server import running_colony
from tests.faults.hives import job, log_of
from tests.faults.invariants import check_database
from tests.faults.points import SOAK, points
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.small_disk import SmallDisk

pytestmark = pytest.mark.timeout(180 * SOAK)

PROGRAM = """\
for number in 1 2 3 4 5; do echo line $number; done
cat src/part* > result/sources
head -c 400000 /dev/zero > result/zeros
"""
LOG = "".join(f"line {number}\n" for number in range(1, 6))


class Site:
    """A colony with an executor, whose parts lie on the small disk or beside it."""

    def __init__(self, directory: Path, *, project: Path, executor: Path) -> None:
        self._running = running_colony()
        self.colony = self._running.__enter__()
        self.objects = DirectorySettings(directory / "objects")
        self.session = Session(self._connection(self.colony.user_key))
        engine = ProcessEngine(executor, cpu_millis=8000, memory_bytes=16 << 30)
        connection = self._connection(PrivateKey.generate())
        self.worker = Worker(connection, self.colony.owner_key, engine, name="host", fs_dir=executor, poll_s=1)
        self.worker.start()
        self.root = project
        self._cells = 0

    def _connection(self, key: PrivateKey) -> Connection:
        return Connection(self.colony.server, self.colony.colony, key, self.objects, embedded=True)

    def run(self) -> Job:
        """Make the project, or open it, change it, run it, and bring its results."""
        self._cells += 1
        project = Project.open_or_create(self.root, "host")
        text = project.file.read_text()
        if "python3" in text:
            project.file.write_text(text.replace("cmd: python3", "cmd: sh").replace("main.py", "main.sh"))
        project = Project.open(self.root)
        project.write_source(f"part {self._cells}\n" * 5000, "part")
        job = submit(self.session, project, source=f"# {self._cells}\n{PROGRAM}")
        self.follow(job)
        return job

    def follow(self, job: Job) -> None:
        for _ in job.follow(resume=True):
            pass
        job.raise_unless_successful()
        job.show_results()

    def check(self, job: Job) -> None:
        """The job has run, and everything of it is here."""
        assert log_of(self.session.client, job.id) == LOG
        assert (self.root / "cfs" / "log" / f"{job.id}.log").read_text() == LOG
        for name, content in {"sources": (self.root / "cfs/src/part").read_bytes(), "zeros": b"\0" * 400_000}.items():
            assert job.results[name].bytes() == content
            assert (self.root / "cfs" / "result" / name).read_bytes() == content
        shutil.rmtree(self.root / ".pollinator" / "jobs")  # or the disk would fill up by and by

    def close(self) -> None:
        self.worker.stop()
        self.session.close()
        self._running.__exit__(None, None, None)


@pytest.fixture
def site_on(tmp_path: Path, disk: SmallDisk) -> Iterator[object]:
    """Makes a site of which one part lies on the small disk."""
    sites: list[Site] = []

    def make(part: str) -> Site:
        places = {"project": tmp_path / "project", "executor": tmp_path / "executor"}
        places[part] = disk.path / part
        for place in places.values():
            place.mkdir()
        sites.append(Site(tmp_path, **places))
        return sites[-1]

    yield make
    disk.empty()
    for site in sites:
        site.close()


def assert_names_the_remedy(error: PollinatorError) -> None:
    text = str(error)
    assert any(word in text.lower() for word in ("space", "no room", "full")), text
    assert len(text) < 1500, text
    assert "Traceback" not in text


def test_a_full_disk_of_the_project_is_an_error_that_says_so_and_space_mends_it(disk: SmallDisk, site_on):
    site = site_on("project")
    site.check(site.run())
    failures = 0
    for seed in points("full disk of the project", 24):
        chance = random.Random(seed)
        disk.fill(leave=chance.choice([0, 0, 1, 2, 5, 20, 60, 150]) * 4096)
        left = None
        try:
            left = site.run()
        except PollinatorError as error:
            failures += 1
            assert_names_the_remedy(error)
        for file in site.root.rglob("*"):
            assert not file.name.startswith(PART_PREFIX), file
        disk.empty()
        site.check(left or site.run())
    assert failures


def test_a_full_disk_of_the_executor_fails_the_job_with_the_reason_and_space_mends_it(disk: SmallDisk, site_on):
    site = site_on("executor")
    site.check(site.run())
    failures = 0
    for seed in points("full disk of the executor", 14):
        chance = random.Random(seed)
        disk.fill(leave=chance.choice([0, 0, 1, 2, 20, 60, 150]) * 4096)
        try:
            site.run()
        except PollinatorError as error:
            failures += 1
            assert_names_the_remedy(error)
        disk.empty()
        site.check(site.run())
        eventually(lambda: site.worker.running == 0)
    assert failures


class Served:
    """An embedded server whose database lies on the small disk, and an executor with a disk of its own."""

    def __init__(self, disk: SmallDisk, directory: Path) -> None:
        self.path = disk.path / "colony.db"
        self.keys = {name: PrivateKey.generate() for name in ("owner", "user", "executor")}
        self.server = self._start()
        address = Server("127.0.0.1", self.server.port, tls=False)
        self.client = Colonies(address, "local", self.keys["user"])
        engine = ProcessEngine(directory / "fs", cpu_millis=8000, memory_bytes=16 << 30)
        connection = Connection(address, "local", self.keys["executor"], None)
        self.worker = Worker(connection, self.keys["owner"], engine, name="local", fs_dir=directory / "fs", poll_s=1)
        self.worker.start()

    def _start(self) -> LocalServer:
        def prepare(database) -> None:
            bootstrap.ensure_colony(database, name="local", owner_id=self.keys["owner"].identity)
            bootstrap.ensure_user(database, User(colonyname="local", userid=self.keys["user"].identity, name="u"))

        server = LocalServer(self.path, owner_id="", prepare=prepare)
        server.start()
        return server

    def close(self) -> None:
        self.worker.stop()
        self.client.close()
        self.server.stop()


@pytest.fixture
def server(tmp_path: Path, disk: SmallDisk) -> Iterator[Served]:
    server = Served(disk, tmp_path)
    yield server
    disk.empty()
    server.close()


def test_on_a_full_disk_the_colony_acknowledges_nothing_that_it_does_not_keep(disk: SmallDisk, server: Served):
    client, jobs, files = server.client, [], []
    refusals: list[ServerError] = []
    for seed in points("full disk of the colony", 14):
        chance = random.Random(seed)
        disk.fill(leave=chance.choice([0, 1, 4, 16, 40]) * 4096)
        for _ in range(60):
            try:
                if chance.random() < 0.3:
                    jobs.append(client.submit(job("echo hello")).processid)
                else:
                    files.append(client.add_file(File(colonyname="local", label="/l", name=f"n{len(files)}")).fileid)
            except ServerError as error:
                refusals.append(error)
        disk.empty()
        for one in jobs:
            eventually(lambda one=one: client.process(one).status is ProcessState.SUCCESS)
            assert log_of(client, one) == "hello\n"
        assert set(files) <= {client.file(one).fileid for one in files}
        client.add_file(File(colonyname="local", label="/l", name="again"))
    assert refusals
    assert {error.status for error in refusals} == {507}
    assert all("is full: free some space" in str(error) for error in refusals)
    server.server.stop()
    assert {one.processid for one in check_database(server.path).values()} == set(jobs)
    server.server = server._start()


def test_a_job_that_talks_and_ends_while_the_disk_is_full_loses_nothing(
    disk: SmallDisk, server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reporter, "_FAILURES", 1)  # so soon a message is given up that a server refuses by failing
    go, ended = tmp_path / "go", tmp_path / "ended"
    command = f"echo begun; while [ ! -e {go} ]; do sleep 0.02; done; seq 1 20000; touch {ended}"
    one = server.client.submit(job(command)).processid
    eventually(lambda: "begun" in log_of(server.client, one))
    disk.fill()
    with suppress(ServerError):  # the last pages that were still to be had
        while True:
            server.client.add_file(File(colonyname="local", label="/l", name="n"))
    go.touch()
    eventually(ended.exists)
    eventually(lambda: server.worker._current()[0]._reporter._failures > 3)
    disk.empty()
    eventually(lambda: server.client.process(one).status is ProcessState.SUCCESS)
    assert log_of(server.client, one) == "begun\n" + "".join(f"{number}\n" for number in range(1, 20_001))


def test_a_colony_that_cannot_start_for_want_of_space_says_so_and_starts_later(disk: SmallDisk):
    local = LocalColony(disk.path / "home")
    try:
        with Session(local.connection()) as session:
            first = session.client.submit(job("echo hello", executor="nobody")).processid
        local.stop()
        disk.fill()
        with pytest.raises(LocalColonyError, match=r"its disk is full. Free some space there"):
            local.connection()
        with pytest.raises(LocalColonyError, match=r"No space left on device. Free some space there"):
            LocalColony(disk.path / "another").connection()
        disk.empty()
        with Session(local.connection()) as session:
            assert session.client.process(first).status is ProcessState.WAITING
            second = session.client.submit(job("echo hello")).processid
            eventually(lambda: session.client.process(second).status is ProcessState.SUCCESS)
    finally:
        disk.empty()
        local.stop()


def test_a_follower_whose_disk_is_full_stops_and_another_one_goes_on(disk: SmallDisk, site_on):
    site = site_on("project")
    project = site.run().project
    job = submit(site.session, project, source="echo begun; sleep 0.3; seq 1 30000")

    def follow_into_the_full_disk() -> None:
        for event in job.follow():
            if isinstance(event, LogText) and "begun" in event.text:
                disk.fill()

    with pytest.raises(PollinatorError, match="No space left") as kept:  # as a notebook keeps the last error
        follow_into_the_full_disk()
    disk.empty()
    said = "".join(event.text for event in job.follow(resume=True) if isinstance(event, LogText))
    whole = "begun\n" + "".join(f"{number}\n" for number in range(1, 30_001))
    assert whole.endswith(said)
    assert (project.log / f"{job.id}.log").read_text() == whole
    assert kept.value
