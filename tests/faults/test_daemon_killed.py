"""SIGKILL of the embedded colony's daemon, at any transaction, with a hundred jobs in flight."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Conditions, File, FunctionSpec, ProcessState
from pollinator_magic.errors import LocalColonyError, PollinatorError
from pollinator_magic.jobs import ConnectionLost, Job, LogText, Session
from tests.faults.hives import WAIT_S, Hive, is_dead, job, log_of, told_tries
from tests.faults.invariants import check_database
from tests.faults.points import SOAK, points
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300 * SOAK)

JOBS = 100
RETRIES = 3
LAST_TRY = "in the last of its"
MAY_BE_MISSING = "what was printed last may be missing"


@pytest.fixture
def hive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hive]:
    hive = Hive(tmp_path / "home", monkeypatch)
    yield hive
    hive.local.stop()


def kill(hive: Hive) -> None:
    pid = hive.local.status().pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_dead(pid))


class Scribe:
    """An executor of the test's own, in a thread: takes processes, logs line after line, closes; notes every answer."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive
        self._key = PrivateKey.generate()
        hive.add_executor("scribe", "scribe", self._key)
        self.said: defaultdict[str, list[str]] = defaultdict(list)
        """What was said, whether it arrived or not."""
        self.acknowledged: defaultdict[str, list[str]] = defaultdict(list)
        self.closed: set[str] = set()
        self._up, self._enough = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write, name="scribe")
        self._thread.start()

    def go_on(self) -> None:
        """The colony is there again."""
        self._up.set()

    def stop(self) -> None:
        self._enough.set()
        self._up.set()
        self._thread.join()

    def _write(self) -> None:
        current = ""
        while not self._enough.is_set():
            self._up.wait()
            self._up.clear()
            with suppress(PollinatorError), self._hive.client(self._key) as client:
                while not self._enough.is_set():
                    mine = client.history(ProcessState.RUNNING, seconds=10**8, executor_id=client.identity)
                    current = mine[0].processid if mine else ""
                    if not current and (process := client.assign(1)):
                        current = process.processid
                    if current:
                        self._log(client, current)

    def _log(self, client, process_id: str) -> None:
        for _ in range(20):
            line = f"line {len(self.said[process_id])} of {process_id}"
            self.said[process_id].append(line)
            client.add_log(process_id, line)
            self.acknowledged[process_id].append(line)
            self._enough.wait(0.002)
        client.close_successful(process_id)
        self.closed.add(process_id)


def test_nothing_acknowledged_is_lost_and_nothing_runs_too_often(hive: Hive, tmp_path: Path):
    hive.start()
    scribe = Scribe(hive)
    runs = tmp_path / "runs"
    note = f"$COLONIES_PROCESS_ID >> {runs}"
    command = f"echo begin {note}; echo hello; sleep 0.05; echo end {note}"
    chores = FunctionSpec(
        funcname="chore", maxexectime=-1, conditions=Conditions(colonyname="local", executortype="scribe")
    )
    jobs: list[str] = []
    written: list[str] = []
    files: list[str] = []
    try:
        with hive.client() as client:
            jobs += [client.submit(job(command, retries=RETRIES)).processid for _ in range(JOBS)]
        kill(hive)
        for seed in points("daemon killed", 20):
            chance = random.Random(seed)
            plan = f"{chance.randint(1, 120)} {chance.choice(['before', 'after'])}"
            try:
                pid = hive.start(plan)
            except LocalColonyError:  # so early that it never was ready
                continue
            with suppress(PollinatorError), hive.client() as client:
                scribe.go_on()
                if len(written) < 40:
                    written += [client.submit(chores).processid for _ in range(4)]
                while True:
                    one = File(colonyname="local", label="/l", name=f"n{len(files) % 5}")
                    files.append(client.add_file(one).fileid)
                    if len(jobs) < JOBS + 40:
                        jobs.append(client.submit(job(command, retries=RETRIES)).processid)
            eventually(lambda pid=pid: is_dead(pid), what=plan)
        hive.start()
        scribe.go_on()
        with hive.client() as client:
            waiting = {*jobs, *written}
            while waiting:
                one = waiting.pop()
                eventually(lambda one=one: client.process(one).status.closed, what=one)
            logs = {one: log_of(client, one) for one in jobs}
            assert set(files) <= {one.fileid for name in range(5) for one in client.revisions("/l", f"n{name}")}
            lines = {one: [entry.message for entry in client.logs(one)] for one in scribe.said}
    finally:
        scribe.stop()
    hive.local.stop()

    processes = check_database(hive.home.database)
    began = Counter(runs.read_text().split("\n"))
    for one in jobs:
        process, starts, ends = processes[one], began[f"begin {one}"], began[f"end {one}"]
        assert starts <= RETRIES + 1, process
        if process.status is ProcessState.SUCCESS:
            assert ends, process
            assert "hello" in logs[one] or MAY_BE_MISSING in logs[one]
            assert starts <= told_tries(logs[one]) or MAY_BE_MISSING in logs[one], (starts, logs[one])
        else:
            assert any(LAST_TRY in error for error in process.errors), process
    for one, entries in lines.items():
        assert [line for line in entries if line in scribe.acknowledged[one]] == scribe.acknowledged[one]
        assert len(set(entries)) == len(entries)
        assert set(entries) <= set(scribe.said[one])
    for one in scribe.closed:
        assert processes[one].status is ProcessState.SUCCESS


def test_a_follower_goes_on_when_somebody_starts_the_colony_again(hive: Hive, tmp_path: Path):
    hive.start()
    go = tmp_path / "go"
    command = f"echo begun; while [ ! -e {go} ]; do sleep 0.02; done; for n in 1 2 3; do echo line $n; done"
    said: list[str] = []
    with Session(hive.local.connection()) as session:
        followed = Job(session, session.client.submit(job(command)))
        for event in followed.follow():
            if isinstance(event, LogText):
                said.append(event.text)
                if "begun" in event.text and not go.exists():
                    kill(hive)
                    go.touch()
            elif isinstance(event, ConnectionLost):
                assert "%pollinator local" in event.reason
                hive.start()
        assert followed.succeeded
        assert "".join(said) == log_of(session.client, followed.id)
    again = "\nThe executor was killed while this job was running; it is run again (try 2 of 2).\n"
    lines = "begun\nline 1\nline 2\nline 3\n"
    assert "".join(said) == f"begun\n{again}{lines}"


def test_a_job_that_was_cut_off_in_its_last_try_fails_and_says_so(hive: Hive, tmp_path: Path):
    runs = tmp_path / "runs"
    hive.start()
    with hive.client() as client:
        process_id = client.submit(job(f"echo run >> {runs}; sleep 600", retries=1)).processid
    for tries in (1, 2):
        hive.start()
        eventually(lambda tries=tries: runs.exists() and runs.read_text() == "run\n" * tries)
        kill(hive)
    hive.start()
    with hive.client() as client:
        eventually(lambda: client.process(process_id).status is ProcessState.FAILED, within_s=WAIT_S)
        assert client.process(process_id).errors == [
            "The executor was killed while the job was running, in the last of its 2 tries. Submit it again."
        ]
    assert runs.read_text() == "run\n" * 2
