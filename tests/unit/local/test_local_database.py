"""The database: what is committed is announced, what is not has never been; its clock only goes forward."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.colonies.models import Conditions, Executor, FunctionSpec, Process, ProcessState
from pollinator_magic.errors import LocalColonyError
from pollinator_magic.local import lifecycle, records
from pollinator_magic.local.access import Member
from pollinator_magic.local.core import Core
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.operations import executors
from pollinator_magic.local.operations.processes import LongPoll
from pollinator_magic.local.scheduler import Poll

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_USER = Member("1" * 64, "alice", is_executor=False)
_EXECUTOR = Member("2" * 64, "ex", is_executor=True)
_MUCH = 2**40


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "colony.db", Facts())
    yield database
    database.close()


def submit(database: Database, **conditions: object) -> Process:
    spec = FunctionSpec(funcname="f", conditions=Conditions(colonyname="c", executortype="t", **conditions))
    with database.transaction():
        return lifecycle.submit(database, spec, _USER)


def assign(database: Database) -> Process | None:
    with database.transaction():
        return lifecycle.assign(database, _EXECUTOR, colony="c", executortype="t", cpu=_MUCH, mem=_MUCH)


def test_a_transaction_that_fails_leaves_nothing_and_announces_nothing(database: Database):
    def fail() -> None:
        with database.transaction():
            lifecycle.submit(database, FunctionSpec(conditions=Conditions(colonyname="c", executortype="t")), _USER)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert database.changed == []
    assert assign(database) is None
    submit(database)
    assert [process.status for process in database.changed] == [ProcessState.WAITING]


def test_the_clock_goes_forward_even_if_the_machines_does_not(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time, "time_ns", lambda: 5 * 10**18)
    first = database.now_ns()
    monkeypatch.setattr(time, "time_ns", lambda: 4 * 10**18)

    second = database.now_ns()

    assert first < second < database.now_ns() < first + 60 * 10**9


def test_data_of_a_newer_version_is_not_touched(tmp_path: Path):
    path = tmp_path / "colony.db"
    database = Database(path, Facts())
    database.run("PRAGMA user_version = 99")
    database.close()

    with pytest.raises(LocalColonyError, match="newer version"):
        Database(path, Facts())


def test_a_process_whose_assign_reply_was_lost_goes_back_to_its_place(database: Database):
    first, second = submit(database), submit(database)
    core = Core(database)
    assigned = assign(database)
    assert assigned
    assert assigned.processid == first.processid

    core.scheduler.take_back(assigned)

    again = assign(database)
    assert again
    assert (again.processid, again.retries) == (first.processid, 0)
    assert assign(database).processid == second.processid


def test_a_lost_reply_takes_nothing_from_a_later_attempt(database: Database):
    submit(database)
    core = Core(database)
    lost = assign(database)
    core.scheduler.take_back(lost)
    later = assign(database)

    core.scheduler.take_back(lost)

    assert records.load(database, later.processid).status is ProcessState.RUNNING


def test_a_process_waits_in_the_queue_exactly_while_it_can_be_assigned(database: Database):
    def queued() -> int:
        return database.one("SELECT count(*) FROM queue")[0]

    submit(database, executornames=["ex", "other", "ex"])
    assert queued() == 2
    process = assign(database)
    assert queued() == 0
    with database.transaction():
        lifecycle.release(database, process)
    assert queued() == 2
    with database.transaction():
        lifecycle.cancel(database, records.load(database, process.processid))
    assert queued() == 0


def test_a_poll_waits_from_the_moment_at_which_it_found_nothing(database: Database):
    async def poll_and_submit() -> Process | None:
        executor = Executor(executorid="2" * 64, executorname="ex", executortype="t", colonyname="c", state=1)
        with database.transaction():
            executors.save(database, executor)
        core = Core(database)
        request = LongPoll("c", "2" * 64, "t", cpu=_MUCH, mem=_MUCH, timeout_s=5)
        outcome = core.scheduler.wait(Poll(request, connected=lambda: True))
        submit(database)
        core.announce()
        return await outcome

    assert asyncio.run(poll_and_submit()) is not None


def test_assigning_stays_fast_when_much_work_waits_for_others(database: Database):
    with database.transaction():
        for number in range(5000):
            conditions = Conditions(colonyname="c", executortype="t", executornames=[f"other{number % 7}"])
            lifecycle.submit(database, FunctionSpec(conditions=conditions), _USER)
    plan = database.all(
        "EXPLAIN QUERY PLAN SELECT prioritytime, process FROM queue WHERE colonyname = 'c' AND executortype = 't'"
        " AND executorname = 'ex' AND cpu <= 1 AND mem <= 1 ORDER BY prioritytime, process LIMIT 1"
    )

    assert assign(database) is None
    assert [row[3] for row in plan] == [
        "SEARCH queue USING PRIMARY KEY (colonyname=? AND executortype=? AND executorname=?)"
    ]
