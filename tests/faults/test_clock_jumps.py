"""The machine's clock is set while the embedded colony works: nothing is lost, times out, or is locked out."""

from __future__ import annotations

import random
import struct
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from pollinator_magic.colonies.models import Conditions, FunctionSpec, ProcessState
from pollinator_magic.jobs import Job, LogText, Session
from tests.faults.hives import Hive, job, log_of
from tests.faults.invariants import check_database
from tests.faults.points import SOAK, points
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300 * SOAK)

SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
JUMPS_NS = [
    *(sign * seconds * SECOND_NS for seconds in (2, 20, 45, 90, 700, 7200) for sign in (1, -1)),
    *(sign * days * DAY_NS for days in (1, 400) for sign in (1, -1)),
]


class WrongClock:
    """The clock of this process and of the daemons that it starts: how wrong it is stands in a file."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = file
        self.jump(0)
        monkeypatch.setenv("POLLINATOR_FAULT_CLOCK", str(file))
        real, real_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: real() + self.wrong_ns / 1e9)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + self.wrong_ns)

    def jump(self, wrong_ns: int) -> None:
        """Set the clock for everybody, in one write."""
        self.wrong_ns = wrong_ns
        with self._file.open("r+b" if self._file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("<q", wrong_ns))


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WrongClock:
    return WrongClock(tmp_path / "clock", monkeypatch)


@pytest.fixture
def hive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: WrongClock) -> Iterator[Hive]:
    hive = Hive(tmp_path / "home", monkeypatch)
    yield hive
    hive.local.stop()


def nobodys(wait_s: int) -> FunctionSpec:
    """Return a specification for an executor that does not exist, which may wait for so long."""
    conditions = Conditions(colonyname="local", executortype="none", executornames=["nobody"])
    return FunctionSpec(funcname="f", conditions=conditions, maxwaittime=wait_s, maxexectime=10)


def test_jobs_logs_and_deadlines_do_not_mind_when_the_clock_is_set(hive: Hive, clock: WrongClock, tmp_path: Path):
    ids: list[str] = []
    with Session(hive.local.connection()) as session:
        client = session.client
        patient = client.submit(nobodys(3600))
        for seed in points("clock jumps", 14):
            jump_ns = random.Random(seed).choice(JUMPS_NS)
            go = tmp_path / f"go-{len(ids)}"
            lines = "for n in 1 2 3 4 5; do echo line $n; sleep 0.01; done"
            running = client.submit(job(f"{lines}; while [ ! -e {go} ]; do sleep 0.01; done; {lines}"))
            ids.append(running.processid)
            impatient = client.submit(nobodys(1))
            said: list[str] = []
            for event in Job(session, running).follow():
                if isinstance(event, LogText):
                    said.append(event.text)
                    if "line 5" in event.text and not go.exists():
                        clock.jump(clock.wrong_ns + jump_ns)
                        go.touch()
            ended = client.process(running.processid)
            assert (ended.status, ended.retries) == (ProcessState.SUCCESS, 0), (seed, jump_ns, ended)
            assert ended.started_at <= ended.ended_at
            assert "".join(said) == "".join(f"line {number}\n" for number in (1, 2, 3, 4, 5)) * 2, (seed, jump_ns)
            assert "".join(said) == log_of(client, running.processid)
            eventually(lambda one=impatient.processid: client.process(one).status is ProcessState.FAILED, within_s=20)
            assert client.process(patient.processid).status is ProcessState.WAITING, (seed, jump_ns)
        assert LocalStatusOf(hive).is_as_before()
    hive.local.stop()
    assert set(ids) <= check_database(hive.home.database).keys()


class LocalStatusOf:
    """The daemon must not be taken for another one."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive

    def is_as_before(self) -> bool:
        return self._hive.local.status().running and self._hive.local.status().uptime_s >= 0


def test_a_colony_is_not_taken_for_dead_when_setting_the_clock_moves_the_time_of_boot(
    hive: Hive, monkeypatch: pytest.MonkeyPatch
):
    before = hive.start()
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 86_400)

    assert hive.local.running
    assert hive.start() == before
