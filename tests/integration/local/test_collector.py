"""The embedded colony collects what is beyond its limits, and never what somebody may need, while it serves."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import BUCKET, open_store
from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Executor, File, ProcessState, Reference, S3Object, User
from pollinator_magic.errors import NotFound
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Job, Session, submit
from pollinator_magic.local import bootstrap, collector
from pollinator_magic.local.collectable import Found
from pollinator_magic.local.collector import Collected, Collector
from pollinator_magic.local.home import COLONY, EXECUTOR, Home
from pollinator_magic.local.limits import Limits
from pollinator_magic.local.server import LocalServer
from pollinator_magic.project import Project
from pollinator_magic.settings import Connection, DirectorySettings
from tests.jobs import WAIT_S, write
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTHING = Limits(None, None, None, None, None, None)
EVERYTHING = Limits(jobs=0, jobs_older=0, logs=None, files_older=0, leftovers_older=0)


class Hive:
    """An embedded colony in this process, whose collector does as it is told."""

    def __init__(self, directory: Path) -> None:
        self.home = Home(directory / "home")
        self.home.make()
        keys = self.home.keys
        self.collector = Collector(self.home)
        self._ready = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        self.server = LocalServer(
            self.home.database, owner_id=keys.server.identity, prepare=self._prepare, beside=self._beside
        )
        self.server.start()
        self._ready.wait()
        self.connection = Connection(
            Server("127.0.0.1", self.server.port, tls=False),
            COLONY,
            keys.user,
            DirectorySettings(self.home.objects),
            embedded=True,
        )
        self.session = Session(self.connection)
        self.hand = Colonies(self.connection.server, COLONY, keys.executor)
        with Colonies(self.connection.server, COLONY, keys.owner) as owner:
            owner.add_executor(
                Executor(
                    executorid=keys.executor.identity,
                    executorname=EXECUTOR,
                    executortype="container-executor",
                    colonyname=COLONY,
                )
            )
            owner.approve_executor(EXECUTOR)
        self.project = Project.create(directory / "project", EXECUTOR)
        self._made = directory / "made"

    def _prepare(self, database) -> None:
        bootstrap.ensure_colony(database, name=COLONY, owner_id=self.home.keys.owner.identity)
        bootstrap.ensure_user(database, User(colonyname=COLONY, userid=self.home.keys.user.identity, name="me"))

    async def _beside(self, database) -> None:
        self.database, self.loop = database, asyncio.get_running_loop()
        self._ready.set()
        await asyncio.Event().wait()

    def collect(self, **limits) -> Collected:
        beyond = Limits(**{**vars(NOTHING), **limits})
        work = self.collector.collect(self.database, beyond, self._thread)
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    def collect_everything(self) -> None:
        """As three looks do, for which everything that has ended is beyond the limits: files, suspects, contents."""
        for _ in range(3):
            self.collect(**vars(EVERYTHING))

    def submit(self, text: str) -> Job:
        return submit(self.session, self.project, source=text)

    def run(self, text: str, results: dict[str, str] | None = None, lines: int = 3) -> Job:
        job = self.submit(text)
        process = self.hand.assign(-1)
        assert process is not None
        assert process.processid == job.id
        for number in range(lines):
            self.hand.add_log(job.id, f"{text} {number}\n")
        write(self._made / job.id, results or {"r.txt": text})
        with Filesystem(self.hand, open_store(self.connection.storage)) as files:
            files.upload_tree(self._made / job.id, job.result_label)
        self.hand.close_successful(job.id)
        return job

    def ended(self) -> set[str]:
        return {process.processid for process in self.session.client.processes(ProcessState.SUCCESS)}

    def count(self, table: str) -> int:
        with closing(sqlite3.connect(self.home.database)) as database:
            return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    def objects(self) -> set[str]:
        return {path.name for path in (self.home.objects / BUCKET).iterdir()}

    def referred(self) -> set[str]:
        with closing(sqlite3.connect(self.home.database)) as database:
            return {row[0] for row in database.execute("SELECT object FROM files")}

    def results_of(self, job: Job, to: Path) -> dict[str, str]:
        return {name: one.text() for name, one in Job.attach(self.session, job.id).fetch_results(to=to).items()}

    def close(self) -> None:
        self.session.close()
        self.hand.close()
        self.server.stop()
        self._thread.shutdown()


@pytest.fixture
def hive(tmp_path) -> Iterator[Hive]:
    hive = Hive(tmp_path)
    yield hive
    hive.close()


def test_within_generous_limits_nothing_is_collected(hive):
    jobs = [hive.run(f"{number}") for number in range(3)]

    assert hive.collect(**vars(Limits())) == Collected()
    assert hive.ended() == {job.id for job in jobs}


def test_the_oldest_jobs_beyond_the_limit_go_with_logs_results_and_contents(hive, tmp_path):
    jobs = [hive.run(f"{number}", {"r.txt": f"{number}", "sub/s.txt": "s"}) for number in range(5)]
    logs, before = hive.count("logs"), hive.objects()

    for _ in range(3):
        hive.collect(jobs=2, leftovers_older=0)

    assert hive.ended() == {job.id for job in jobs[3:]}
    assert hive.count("logs") == logs - 3 * 3
    assert hive.objects() == hive.referred()
    assert len(before - hive.objects()) == 3 * 2
    assert hive.results_of(jobs[3], tmp_path / "to") == {"r.txt": "3", "sub/s.txt": "s"}
    with pytest.raises(NotFound):
        hive.session.client.process(jobs[0].id)
    assert hive.session.client.labels_below(jobs[0].result_label) == []


def test_old_jobs_go_and_young_ones_stay(hive):
    old, young = hive.run("old"), hive.run("young")
    ended = hive.session.client.process(old.id).endtime
    with closing(sqlite3.connect(hive.home.database)) as database:
        (document,) = database.execute("SELECT document FROM processes WHERE processid = ?", (old.id,)).fetchone()
        aged = document.replace(ended.encode(), b"2020-01-01T00:00:00Z")
        database.execute("UPDATE processes SET document = ? WHERE processid = ?", (aged, old.id))
        database.commit()

    hive.collect(jobs_older=3600)

    assert hive.ended() == {young.id}


def test_the_oldest_logs_go_with_their_jobs(hive):
    jobs = [hive.run("x" * 10_000, lines=10) for _ in range(4)]

    hive.collect(logs=250_000)

    assert hive.ended() == {job.id for job in jobs[2:]}


def test_snapshots_and_revisions_stay_while_a_job_has_them_and_go_after_it(hive):
    jobs = [hive.run(f"{number}") for number in range(3)]
    snapshots = [job.process.spec.fs.snapshots[0].snapshotid for job in jobs]

    hive.collect(files_older=0)
    assert [one.snapshotid for one in hive.session.client.snapshots()] == snapshots[::-1]
    hive.collect(jobs=1, files_older=0)

    assert [one.snapshotid for one in hive.session.client.snapshots()] == snapshots[2:]
    label = f"/pollinator/{hive.project.name}/src"
    assert len(hive.session.client.revisions(label, "main.py")) == 1


def test_what_is_open_has_everything_it_needs_after_everything_was_collected(hive, tmp_path):
    write(hive.project.src, {"helper.py": "x = 1"})
    waiting = hive.submit("import sys; sys.path.insert(0, 'src'); import helper; open('result/r.txt', 'w').write('1')")
    (hive.project.src / "helper.py").unlink()
    apart = hive.submit("open('result/r.txt', 'w').write('2')")
    assert "/snapshots/" in apart.process.spec.fs.snapshots[0].label
    running = hive.hand.assign(-1)

    hive.collect_everything()
    hive.hand.close_failed(running.processid, ["begun elsewhere"])
    again = submit(hive.session, hive.project, source="open('result/r.txt', 'w').write('3')")
    hive.collect_everything()

    worker = Worker(
        Connection(hive.connection.server, COLONY, hive.home.keys.executor, hive.connection.storage, embedded=True),
        hive.home.keys.owner,
        ProcessEngine(hive.home.cfs, grace_s=0.5),
        name=EXECUTOR,
        fs_dir=hive.home.cfs,
        poll_s=1,
    )
    worker.start()
    try:
        assert running.processid == waiting.id
        for number, job in (("2", apart), ("3", again)):
            assert job.wait(WAIT_S).succeeded
            assert hive.results_of(job, tmp_path / number) == {"r.txt": number}
    finally:
        worker.stop()


def test_the_newest_files_of_sources_and_data_stay_for_ever(hive):
    hive.run("first")
    write(hive.project.data, {"hello.txt": "newer", "more/deep.csv": "1,2"})
    hive.run("second")

    hive.collect_everything()

    client = hive.session.client
    home = f"/pollinator/{hive.project.name}"
    assert {file.name for file in client.files(f"{home}/data")} == {"hello.txt"}
    assert {file.name for file in client.files(f"{home}/data/more")} == {"deep.csv"}
    assert len(client.revisions(f"{home}/data", "hello.txt")) == 1
    assert "main.py" in {file.name for file in client.files(f"{home}/src")}
    assert hive.objects() == hive.referred()
    assert (hive.count("processes"), hive.count("snapshots"), hive.count("snapshot_files")) == (0, 0, 0)


def test_files_that_are_no_projects_are_left_alone(hive):
    client = hive.session.client
    for content in ("1", "2"):
        client.add_file(File(label="/mine/src", name="a.txt", size=1, checksum=content * 64))
    client.create_snapshot("/mine/src", "f" * 64)

    hive.collect_everything()

    assert len(client.revisions("/mine/src", "a.txt")) == 2
    assert len(client.snapshots()) == 1


def test_a_snapshot_with_a_name_of_its_own_stays(hive, tmp_path):
    hive.run("for the paper")
    named = hive.session.client.create_snapshot(f"/pollinator/{hive.project.name}/src", "paper")
    hive.run("later")

    hive.collect_everything()

    files = hive.session.filesystem.checkout(named.snapshotid, named.label, tmp_path / "paper")
    assert "for the paper\n" in [file.read_text() for file in files]


def test_what_is_submitted_after_the_look_has_its_snapshot(hive, monkeypatch):
    old = hive.run("old")
    find = Collector._find

    def find_then_submit(self, limits):
        found = find(self, limits)
        assert found.snapshots
        hive.session.client.submit(old.process.spec)
        return found

    monkeypatch.setattr(Collector, "_find", find_then_submit)
    hive.collect(**vars(EVERYTHING))
    monkeypatch.setattr(Collector, "_find", find)
    hive.collect_everything()

    (waiting,) = hive.session.client.processes(ProcessState.WAITING)
    (mount,) = waiting.spec.fs.snapshots
    assert hive.session.client.snapshot(mount.snapshotid).fileids
    assert hive.session.client.labels_below(old.result_label)


def test_jobs_of_one_graph_go_together_when_all_have_ended(hive):
    first, second, alone = hive.run("a"), hive.run("b"), hive.run("c")
    waiting = hive.submit("d")
    with closing(sqlite3.connect(hive.home.database)) as database:
        for number, members in ((7, [first, second]), (8, [alone, waiting])):
            database.execute("INSERT INTO graphs VALUES (?, ?, ?, 0, x'')", (number, f"{number}" * 64, COLONY))
            for job in members:
                database.execute("UPDATE processes SET graph = ? WHERE processid = ?", (number, job.id))
        database.commit()

    hive.collect(jobs=2)
    assert hive.ended() == {first.id, second.id, alone.id}  # two of them may stay, so that both do
    hive.collect(jobs=1)

    assert hive.ended() == {alone.id}
    assert hive.count("graphs") == 1


def test_contents_that_no_file_has_go_at_the_second_look_if_they_are_old(hive):
    bucket = hive.home.objects / BUCKET
    hive.run("job")
    used = hive.objects()
    old, young, again = ("1" * 64, "2" * 64, "3" * 64)
    for name in (old, young, again, f".{old}.part", ".rclone_temp_7", f".{young}.part", "notes.txt"):
        (bucket / name).write_text("x")
    for name in (old, again, f".{old}.part", ".rclone_temp_7", "notes.txt"):
        os.utime(bucket / name, (time.time() - 7200,) * 2)

    hive.collect(leftovers_older=3600)
    assert hive.objects() == used | {old, young, again, f".{young}.part", "notes.txt"}
    hive.session.client.add_file(
        File(label="/mine", name="a", size=1, ref=Reference(s3object=S3Object(bucket=BUCKET, object=again)))
    )
    collected = hive.collect(leftovers_older=3600)

    assert hive.objects() == used | {young, again, f".{young}.part", "notes.txt"}
    assert (collected.objects, collected.object_bytes) == (1, 1)


def test_directories_of_jobs_that_were_killed_go_and_those_of_open_ones_stay(hive):
    killed, open_ = hive.run("killed"), hive.submit("open")
    cfs = hive.home.cfs
    home = cfs / "pollinator" / hive.project.name
    for job in (killed, open_):
        for mount in job.process.spec.fs.dirs:
            write(cfs / mount.dir[1:], {"left.txt": "x"})

    hive.collect(leftovers_older=0)

    (left,) = {mount.dir for mount in open_.process.spec.fs.dirs if mount.dir.endswith("result")}
    assert {path.relative_to(cfs).as_posix() for path in cfs.rglob("left.txt")} == {
        f"{left[1:]}/left.txt",
        (home / "data/left.txt").relative_to(cfs).as_posix(),
    }


def test_no_specification_can_name_a_directory_outside(hive, tmp_path):
    run = "ab" * 16
    outside, linked = tmp_path / "home" / run, hive.home.cfs / "pollinator" / "linked"
    write(outside, {"precious.txt": "x"})
    linked.parent.mkdir(parents=True)
    linked.symlink_to(outside.parent)
    spec = hive.submit("a template").process.spec
    for project in ("../..", "linked", "x/../linked"):
        home = f"/pollinator/{project}"
        spec.fs.dirs[0].label, spec.fs.dirs[0].dir = f"{home}/jobs/{run}/result", f"{home}/{run}/result"
        hive.session.client.cancel(hive.session.client.submit(spec).processid)

    assert hive.collect(leftovers_older=0).directories == 0
    assert (outside / "precious.txt").exists()


def test_the_database_is_changed_by_handfuls_between_which_requests_are_answered(hive, monkeypatch):
    hive.run("much", {f"{number}.txt": "x" for number in range(60)}, lines=700)
    hive.run("last")
    handfuls: list[int] = []
    transaction = hive.database.transaction

    @contextmanager
    def counted():
        before = hive.database.changes
        with transaction():
            yield
        handfuls.append(hive.database.changes - before)

    monkeypatch.setattr(hive.database, "transaction", counted)
    answered: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            hive.session.client.statistics()
            answered.append(len(handfuls))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        hive.collect(jobs=1)
    finally:
        done.set()
        asking.join()

    assert hive.count("logs") == 3
    assert max(handfuls) <= 310
    assert len(set(answered)) > 4  # in between, again and again


def test_it_collects_by_itself_as_its_file_of_limits_says(tmp_path, monkeypatch):
    monkeypatch.setattr(collector, "_FIRST_AFTER_S", 0.05)
    monkeypatch.setattr(collector, "_TRIES_AGAIN_AFTER_S", 0.05)
    monkeypatch.setattr(Hive, "_beside", _by_itself)
    hive = Hive(tmp_path)
    try:
        hive.home.limits.write_text("jobs: none\n")
        jobs = [hive.run(f"{number}") for number in range(3)]
        eventually(lambda: "jobs must be a whole number" in hive.collector._complained)
        assert len(hive.ended()) == 3

        hive.home.limits.write_text("jobs: 1\n")

        eventually(lambda: hive.ended() == {jobs[2].id})
    finally:
        hive.close()


def test_after_the_clock_was_set_nothing_is_collected_until_it_has_stayed_so(tmp_path, monkeypatch):
    monkeypatch.setattr(collector, "_FIRST_AFTER_S", 0)
    monkeypatch.setattr(Collector, "_limits", lambda _: Limits(every=0.01))
    monkeypatch.setattr(Hive, "_beside", _by_itself)
    clock: list[float] = []

    def jumping() -> float:
        clock.append(3600.0 * min(len(clock), 9))
        return clock[-1]

    monkeypatch.setattr(collector, "_clock", jumping)
    collected: list[int] = []
    monkeypatch.setattr(Collector, "_find", lambda *_: collected.append(len(clock)) or Found())
    hive = Hive(tmp_path)
    try:
        eventually(lambda: collected)
    finally:
        hive.close()

    assert min(collected) > 10


async def _by_itself(hive, database) -> None:
    hive._ready.set()
    await hive.collector.run(database)


def test_the_server_stops_at_once_while_it_is_collecting(tmp_path, monkeypatch):
    monkeypatch.setattr(collector, "_FIRST_AFTER_S", 0)
    monkeypatch.setattr(Hive, "_beside", _by_itself)
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen

    def endless(_command, **options):
        started.append(popen([sys.executable, "-c", "import time; time.sleep(600)"], **options))
        return started[0]

    monkeypatch.setattr(collector.subprocess, "Popen", endless)
    hive = Hive(tmp_path)
    eventually(lambda: started)

    hive.close()

    assert not hive.server.running
    assert started[0].poll() is not None
