"""How executors are described to people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from pollinator_magic.colonies.models import (
    Capabilities,
    Conditions,
    Executor,
    ExecutorState,
    FunctionSpec,
    Gpu,
    Hardware,
    Process,
    format_time,
)
from pollinator_magic.jobs.executors import Condition, ExecutorView, describe

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def executor(name: str = "hpc", *, heard_s: float | None = 1, state: int = ExecutorState.APPROVED, **more) -> Executor:
    heard = None if heard_s is None else NOW - timedelta(seconds=heard_s)
    return Executor(
        executorid=f"id of {name}",
        executorname=name,
        executortype=more.pop("type", "container-executor"),
        state=state,
        lastheardfromtime=format_time(heard),
        **more,
    )


def running_on(name: str) -> Process:
    return Process(assignedexecutorid=f"id of {name}", state=1)


def waiting_for(*names: str, executor_type: str = "") -> Process:
    conditions = Conditions(executornames=list(names) or None, executortype=executor_type)
    return Process(state=0, spec=FunctionSpec(conditions=conditions))


def described(one: Executor, *, running=(), waiting=()) -> ExecutorView:
    return describe([one], running=running, waiting=waiting, now=NOW)[0]


@pytest.mark.parametrize(
    ("heard_s", "work", "condition"),
    [
        (1, 0, Condition.IDLE),
        (1, 1, Condition.BUSY),
        (100, 0, Condition.IDLE),  # a request that is held open for 100 s
        (121, 0, Condition.QUIET),
        (121, 1, Condition.BUSY),  # it may run one process at a time and not ask meanwhile
        (601, 1, Condition.QUIET),
        (None, 0, Condition.NEVER_HEARD),
        (-5, 0, Condition.IDLE),  # the server's clock is ahead
    ],
)
def test_an_executor_is_quiet_when_it_should_have_been_heard(heard_s, work, condition):
    assert described(executor(heard_s=heard_s), running=[running_on("hpc")] * work).condition is condition


@pytest.mark.parametrize(
    ("state", "condition"),
    [(0, Condition.PENDING), (2, Condition.REJECTED), (3, Condition.GONE), (17, Condition.UNKNOWN)],
)
def test_an_executor_that_is_not_approved_is_not_usable(state, condition):
    view = described(executor(state=state))

    assert view.condition is condition
    assert not view.usable


def test_work_is_counted_by_who_runs_it_and_who_may_take_it():
    executors = [executor("a"), executor("b", type="other")]
    running = [running_on("a"), running_on("a"), running_on("gone")]
    waiting = [waiting_for("a"), waiting_for("a", "b"), waiting_for(), waiting_for(executor_type="other")]

    first, second = describe(executors, running=running, waiting=waiting, now=NOW)

    assert (first.work.running_text, first.work.waiting_text) == ("2", "3")
    assert (second.work.running_text, second.work.waiting_text) == ("0", "3")


def test_a_full_listing_gives_the_least_that_there_is():
    view = described(executor(), running=[running_on("hpc")] * 3, waiting=[waiting_for("hpc")] * 100)

    assert (view.work.running_text, view.work.waiting_text) == ("3", "100+")
    assert view.summary == "container-executor · busy · 100+ waiting"


def test_hardware_is_told_in_a_few_words():
    hardware = Hardware(nodes=4, cpu="64000m", mem="262144Mi", gpu=Gpu(name="A100", count=8))
    view = described(executor(capabilities=Capabilities(hardware=[hardware])))

    assert view.hardware == "4 nodes, 64 CPU, 256Gi, 8 x A100"
    assert view.summary == "container-executor · idle · 8 x A100"


def test_what_is_not_told_is_left_out():
    assert described(executor()).hardware == ""
    assert described(executor(capabilities=Capabilities(hardware=[Hardware(cores=8, mem="0Mi")]))).hardware == "8 cores"
    assert described(executor(capabilities=Capabilities(hardware=[Hardware(mem="lots")]))).hardware == "lots"


def test_what_an_executor_says_of_itself_is_one_short_printable_line():
    hardware = Hardware(cpu="1\x1b[2J", mem="x" * 10_000, gpu=Gpu(name="a\nb", count=1))
    place = {"desc": "here\r\nthere" * 1000}
    view = described(executor(type="t\x00ype", capabilities=Capabilities(hardware=[hardware]), location=place))

    for text in (view.type, view.place, view.hardware, view.summary):
        assert text.isprintable()
        assert len(text) < 300


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_a_name_that_cannot_be_written_in_a_line_is_not_usable(name):
    assert not described(executor(name)).usable
