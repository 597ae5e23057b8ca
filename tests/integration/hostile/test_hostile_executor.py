"""An executor of ours at a server that forgets to wake it up, tells it nothing, refuses it, or is old."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from upstream_traps import LateEnvironment, old_capabilities, sleep_through

from pollinator_magic.cli import main
from pollinator_magic.colonies.envelope import seal
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Conditions, FunctionSpec, ProcessState
from pollinator_magic.errors import JobCancelled, JobFailed
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Job, submit
from pollinator_magic.jobs.executors import Condition, survey
from tests.jobs import ENDLESS, WAIT_S, contents, follow_until_text, own_lines, run
from tests.place import environment
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostile_server import Exchange

_INVALID = "Failed to add executor, invalid JSON"


@contextmanager
def working(colony, storage, *, owner: bool = True, key: PrivateKey | None = None, name: str = "") -> Iterator[Worker]:
    """Run another executor until the block ends, as a person starts it."""
    name = name or colony.free_name()
    directory = colony.directory / name
    connection = colony.connection(storage, key or PrivateKey.generate())
    engine = ProcessEngine(directory, grace_s=0.5)
    worker = Worker(connection, colony.owner_key if owner else None, engine, name=name, fs_dir=directory)
    try:
        worker.start()
        yield worker
    finally:
        worker.stop()


def test_a_job_that_wakes_nobody_up_is_taken_by_the_next_short_poll(session, project, hostile, executor):
    hostile.instead("assignprocessmsg", sleep_through)

    assert run(session, project, "print('taken')").succeeded


def test_a_job_that_is_given_out_before_its_environment_is_stored_gets_all_of_it(session, hostile, executor):
    late = LateEnvironment()
    hostile.alters("assignprocessmsg", late.assigned)
    hostile.alters("getprocessmsg", late.read)
    spec = FunctionSpec(
        funcname="execute",
        kwargs={"cmd": "env", "args": [], "docker-image": "", "init-cmd": "", "rebuild-image": False},
        env={"FIRST": "1", "SECOND": "2"},
        conditions=Conditions(
            colonyname=session.connection.colony,
            executortype="container-executor",
            executornames=[executor],
            nodes=1,
            processespernode=1,
            cpu="250m",
            mem="16Mi",
            walltime=60,
        ),
        maxexectime=59,
        maxretries=1,
    )

    process_id = session.client.submit(spec).processid
    eventually(lambda: late.asked >= 3)
    hostile.relent()

    log = str(Job.attach(session, process_id).wait(WAIT_S).log)
    assert {"FIRST=1", "SECOND=2"} <= set(log.splitlines())


def test_an_executor_never_asks_for_longer_than_a_lost_wake_up_may_cost(colony, storage, hostile):
    timeouts = []

    def note(exchange: Exchange) -> None:
        timeouts.append(exchange.message["timeout"])
        exchange.refuse(404, "No process available for assignment")

    hostile.instead("assignprocessmsg", note)
    with working(colony, storage):
        eventually(lambda: len(timeouts) >= 5)

    assert 1 < max(timeouts) <= 10, "longer than that of the other executor here, whom a test has told to hurry"


def test_a_paused_colony_is_no_work_and_no_trouble(session, project, hostile, executor, caplog):
    pauses = []

    def paused(exchange: Exchange) -> None:
        pauses.append(exchange)
        exchange.refuse(408, "assignments are paused")

    hostile.instead("assignprocessmsg", paused)
    eventually(lambda: pauses)
    job = submit(session, project, source="print(1)")
    with pytest.raises(TimeoutError):
        job.wait(1)
    hostile.relent()

    assert len(pauses) < 30, "a server that does not wait is not asked without a pause"

    assert job.wait(WAIT_S).succeeded
    assert "Cannot ask for work" not in caplog.text


def test_an_executor_finds_out_that_a_silent_job_was_cancelled(session, project, hostile, colony, storage):
    job = submit(session, project, source=ENDLESS)
    follow_until_text(job)
    job.cancel()
    worker = colony._workers[storage]

    eventually(lambda: not worker.running)

    assert job.state is ProcessState.CANCELLED


def test_a_close_that_is_refused_because_of_a_cancellation_leaves_the_job_cancelled_and_the_executor_at_work(
    session, project, hostile
):
    async def too_late(exchange: Exchange) -> None:
        await exchange.ask("cancelprocessmsg", {"processid": exchange.message["processid"]})
        await exchange.carry_out()

    hostile.instead("closesuccessfulmsg", too_late)
    job = submit(session, project, source="open('result/done', 'w').write('done')")

    with pytest.raises(JobCancelled):
        job.wait(WAIT_S)

    assert not any(exchange.message["out"] for exchange in hostile.asked if exchange.msgtype == "closesuccessfulmsg")
    assert contents(job) == {"done": b"done"}
    hostile.relent()
    assert run(session, project, "print('and the next')").succeeded


def test_a_close_that_fails_again_and_again_is_made_in_the_end_and_the_job_runs_once(session, project, hostile):
    left = [3]

    async def fail_at_first(exchange: Exchange) -> None:
        left[0] -= 1
        if left[0] >= 0:
            exchange.status, exchange.body = 500, b""
        else:
            await exchange.carry_out()

    hostile.instead("closesuccessfulmsg", fail_at_first)

    job = run(session, project, "print('once')")

    assert own_lines(job) == ["once"]
    assert job.process.retries == 0


def test_log_messages_that_the_server_refuses_for_a_while_arrive_in_order(session, project, hostile):
    left = [3]

    async def fail_at_first(exchange: Exchange) -> None:
        left[0] -= 1
        if left[0] >= 0:
            exchange.refuse(500, "database is locked")
        else:
            await exchange.carry_out()

    hostile.instead("addlogmsg", fail_at_first)

    job = run(session, project, "for n in range(3): print(n, flush=True)")

    assert own_lines(job) == ["0", "1", "2"]


@pytest.mark.parametrize("kwargs", [{"cmd": 1}, {"cmd": ["sh"], "args": {"a": 1}}, {"cmd": "sh", "args": [None]}])
def test_a_process_that_no_executor_could_run_is_closed_with_the_reason(session, project, hostile, kwargs):
    def alter(exchange: Exchange) -> None:
        if exchange.status == 200:
            exchange.reply["spec"]["kwargs"].update(kwargs)

    hostile.alters("assignprocessmsg", alter)
    job = submit(session, project, source="print(1)")

    with pytest.raises(JobFailed, match="must be"):
        job.wait(WAIT_S)


@pytest.mark.parametrize("executor_id", ["", "../../x", "a/b", "x" * 5000])
def test_a_process_with_an_id_that_is_none_touches_no_file_and_the_executor_goes_on(
    session, project, hostile, colony, executor_id
):
    before = sorted(path.name for path in colony.directory.iterdir())

    def alter(exchange: Exchange) -> None:
        if exchange.status == 200:
            exchange.reply["processid"] = executor_id

    hostile.alters("assignprocessmsg", alter)
    job = submit(session, project, source="print(1)")
    eventually(lambda: job.state is ProcessState.RUNNING)
    hostile.relent()

    assert sorted(path.name for path in colony.directory.iterdir()) == before
    job.cancel()
    assert run(session, project, "print('goes on')").succeeded


# --- old servers -----------------------------------------------------------------------------------------------------


def test_an_executor_registers_at_a_server_that_knows_one_kind_of_hardware_only(
    session, project, hostile, colony, storage
):
    async def before_1_9_6(exchange: Exchange) -> None:
        capabilities = exchange.message["executor"]["capabilities"]
        if any(isinstance(kind, list) for kind in capabilities.values()):
            exchange.refuse(400, _INVALID)
            return
        seen.append(capabilities)
        await add(exchange)

    async def add(exchange: Exchange) -> None:
        """Register it at the colony behind, which takes lists only."""
        listed = {kind: [each] for kind, each in exchange.message["executor"]["capabilities"].items()}
        message = {"executor": {**exchange.message["executor"], "capabilities": listed}}
        exchange.status, exchange.reply = await hostile.forward(seal(colony.owner_key, "addexecutormsg", message))

    seen: list[dict[str, object]] = []
    hostile.instead("addexecutormsg", before_1_9_6)
    hostile.refuses("updateexecutormsg", 403, "invalid rpcMsg.PayloadType: updateexecutormsg")

    with working(colony, storage) as worker:
        assert run(session, project.with_options(executors=[worker.name]), "print(1)").succeeded

    assert seen[0]["hardware"]["cpu"].endswith("m")


def test_an_executor_that_is_known_already_works_at_a_server_that_takes_no_new_capabilities(
    session, project, hostile, colony, storage
):
    member = colony.new_executor()
    hostile.refuses("updateexecutormsg", 403, "invalid rpcMsg.PayloadType: updateexecutormsg")

    with working(colony, storage, owner=False, key=member.key, name=member.name):
        assert run(session, project.with_options(executors=[member.name]), "print(1)").succeeded


def test_executors_of_an_old_server_are_listed_with_what_they_have(session, project, hostile, executor):
    hostile.alters("getexecutorsmsg", old_capabilities)
    hostile.alters("getexecutormsg", old_capabilities)

    (one,) = [view for view in survey(session.client) if view.name == executor]

    assert (one.place, one.nodes, one.condition.alive) == ("Luleå", 1, True)
    assert one.condition in {Condition.IDLE, Condition.BUSY}
    assert run(session, project, "print(1)").succeeded


@pytest.mark.parametrize("name", ["a:b", "../evil", "a/b", "", "a\nb"])
def test_a_name_that_would_break_the_listings_of_a_colony_is_refused_before_anything_is_sent(
    colony, hostile, name, monkeypatch, capsys
):
    connection = colony.connection(None, PrivateKey.generate())
    for variable, value in environment(connection).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("COLONIES_COLONY_PRVKEY", colony.owner_key.reveal())

    assert main(["executor", "start", "process", "--name", name]) == 2

    assert "name" in capsys.readouterr().err
    assert hostile.counted()["addexecutormsg"] == 0
