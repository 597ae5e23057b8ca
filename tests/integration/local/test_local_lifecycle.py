"""What becomes of processes: limits, retries, removal of their executor, restarts of the server."""

from __future__ import annotations

import pytest
from asking import World, ask

from pollinator_magic.colonies.models import Attribute, AttributeType, Executor, ProcessState, parse_time
from pollinator_magic.errors import AccessDenied, NotFound, ServerError
from tests.waiting import eventually


def _in_state(world: World, process_id: str, state: ProcessState):
    def look():
        process = world.client("alice").process(process_id)
        return process if process.status is state else None

    return eventually(look)


def test_a_process_that_runs_too_long_is_tried_again_and_then_fails(world: World):
    submitted = world.client("alice").submit(world.spec(maxexectime=1, maxretries=1))
    world.client("ex1").assign(-1)

    waiting = _in_state(world, submitted.processid, ProcessState.WAITING)
    assert (waiting.retries, waiting.isassigned, waiting.assignedexecutorid) == (1, False, "")
    assert waiting.started_at
    assert waiting.prioritytime == submitted.prioritytime

    world.client("ex1").assign(-1)
    failed = _in_state(world, submitted.processid, ProcessState.FAILED)
    assert (failed.retries, failed.errors) == (1, ["Maximum execution time limit exceeded"])
    assert failed.isassigned


def test_a_maximum_execution_time_of_zero_is_over_at_once(world: World):
    process = world.client("alice").submit(world.spec(maxexectime=0, maxretries=0))
    world.client("ex1").assign(-1)

    assert _in_state(world, process.processid, ProcessState.FAILED).errors == ["Maximum execution time limit exceeded"]


def test_a_process_that_waits_too_long_fails(world: World):
    process = world.client("alice").submit(world.spec(maxwaittime=1))

    failed = _in_state(world, process.processid, ProcessState.FAILED)

    assert failed.errors == ["Maximum waiting time limit exceeded"]
    assert failed.started_at is None
    assert failed.ended_at
    assert world.client("ex1").assign(-1) is None


def test_deadlines_survive_a_restart_of_the_server(world: World):
    process = world.client("alice").submit(world.spec(maxexectime=1, maxretries=0))
    world.client("ex1").assign(-1)

    world.restart()

    assert _in_state(world, process.processid, ProcessState.FAILED).errors == ["Maximum execution time limit exceeded"]


def test_the_queue_survives_a_restart_of_the_server(world: World):
    process = world.client("alice").submit(world.spec())

    world.restart()

    assert world.client("ex1").assign(-1).processid == process.processid


@pytest.mark.parametrize("how", ["remove", "reject", "register again"])
def test_what_a_dismissed_executor_was_running_goes_back_into_the_queue(world: World, how: str):
    process, owner = world.process("running"), world.client("colony")
    if how == "remove":
        owner.remove_executor("ex1")
    elif how == "reject":
        owner.reject_executor("ex1")
    else:
        executor = Executor(
            executorid=world.keys["ex1"].identity, executorname="ex1", executortype="vec-exec", colonyname="vec"
        )
        owner.add_executor(executor)

    waiting = world.client("alice").process(process.processid)

    assert (waiting.status, waiting.retries, waiting.isassigned) == (ProcessState.WAITING, 0, False)
    assert waiting.started_at is None
    with pytest.raises(AccessDenied):
        world.client("ex1").process(process.processid)


def test_a_new_attempt_can_set_the_attributes_of_the_former_one(world: World):
    process = world.client("alice").submit(world.spec(maxexectime=1, maxretries=1, env={"A": "b"}))
    runner = world.client("ex1")
    runner.assign(-1)
    runner.add_attribute(process.processid, "NODES", "n1", AttributeType.ENV)
    _in_state(world, process.processid, ProcessState.WAITING)

    assert world.client("alice").process(process.processid).spec.env == {"A": "b"}
    runner.assign(-1)
    runner.add_attribute(process.processid, "NODES", "n2", AttributeType.ENV)
    assert world.client("alice").process(process.processid).spec.env == {"A": "b", "NODES": "n2"}


def test_an_attribute_is_set_once_in_an_attempt_and_found_by_its_id(world: World):
    process, runner = world.process("running"), world.client("ex1")

    added = runner.add_attribute(process.processid, "key", "value")

    assert world.client("alice").attribute(added.attributeid).value == "value"
    assert isinstance(added, Attribute)
    with pytest.raises(ServerError):
        runner.add_attribute(process.processid, "key", "other")


def test_a_refused_close_leaves_the_output_as_it_was(world: World):
    process, runner = world.process("running"), world.client("ex1")
    runner.set_output(process.processid, ["partial"])
    world.client("alice").cancel(process.processid)

    with pytest.raises(ServerError):
        runner.close_successful(process.processid, ["late"])

    assert world.client("alice").process(process.processid).output == ["partial"]


def test_closing_without_output_keeps_what_was_set_before(world: World):
    process, runner = world.process("running"), world.client("ex1")
    runner.set_output(process.processid, ["partial"])

    runner.close_successful(process.processid)

    assert world.client("alice").process(process.processid).output == ["partial"]


def test_the_reply_of_assign_shows_the_deadline(world: World):
    world.client("alice").submit(world.spec(maxexectime=60))

    assigned = world.client("ex1").assign(-1)

    assert (parse_time(assigned.execdeadline) - assigned.started_at).total_seconds() == 60


def test_closing_again_replaces_the_output_and_counts_once(world: World):
    from pollinator_magic.colonies.models import Function

    runner = world.client("ex1")
    runner.add_function(Function(executorname="ex1", colonyname="vec", funcname="execute"))
    process = world.process("successful")
    runner.close_successful(process.processid, ["again"])
    world.process("successful")

    function = world.client("alice").functions("ex1")[0]

    assert world.client("alice").process(process.processid).output == ["again"]
    assert function.counter == 2
    assert 0 < function.minexectime <= function.avgexectime <= function.maxexectime


def test_listings_are_in_order_and_filtered(world: World):
    alice = world.client("alice")
    closed = [world.process("successful").processid for _ in range(3)]
    waiting = [alice.submit(world.spec(label="a" if i else "b")).processid for i in range(3)]
    world.client("ex1").assign(-1)

    assert [p.processid for p in alice.processes(ProcessState.SUCCESS)] == closed[::-1]
    assert [p.processid for p in alice.processes(ProcessState.WAITING)] == waiting[1:]
    assert [p.processid for p in alice.processes(ProcessState.WAITING, count=1)] == waiting[1:2]
    assert [p.processid for p in alice.processes(ProcessState.RUNNING, initiator="alice")] == waiting[:1]
    assert alice.processes(ProcessState.WAITING, label="b") == []
    assert len(alice.processes(ProcessState.WAITING, label="a")) == 2
    assert alice.processes(ProcessState.WAITING, executor_type="other") == []
    assert [p.processid for p in alice.history(ProcessState.SUCCESS, seconds=60)] == closed
    assert alice.history(ProcessState.SUCCESS, seconds=60, executor_id=world.keys["ex2"].identity) == []


def test_statistics_count_what_is_there(world: World):
    for state in ("successful", "failed", "cancelled", "running", "waiting"):
        world.process(state)
    world.client("colony").remove_executor("ex2")

    counts = world.client("alice").statistics()

    assert (counts.executors, counts.activeexecutors, counts.unregisteredexecutors) == (2, 1, 1)
    assert (counts.waitingprocesses, counts.runningprocesses, counts.successfulprocesses) == (1, 1, 1)
    assert (counts.failedprocesses, counts.cancelledprocesses) == (1, 1)
    assert world.client("server").rpc is not None
    status, everything = ask(world.server, world.server_key, {"msgtype": "getstatisticsmsg"})
    assert (status, everything["colonies"], everything["successfulprocesses"]) == (200, 1, 1)


def test_removing_a_process_removes_its_log_and_frees_its_place_in_the_queue(world: World):
    done, waiting, alice = world.process("running"), None, world.client("alice")
    world.client("ex1").add_log(done.processid, "unforgettable")
    world.client("ex1").close_successful(done.processid)
    waiting = alice.submit(world.spec())

    alice.remove_process(done.processid)
    alice.remove_process(waiting.processid)

    assert alice.search_logs("unforgettable") == []
    assert world.client("ex1").assign(-1) is None
    with pytest.raises(NotFound):
        alice.process(done.processid)


@pytest.mark.parametrize("state", [ProcessState.WAITING, ProcessState.SUCCESS, -1])
def test_removing_all_processes_of_a_state_spares_the_others(world: World, state: int):
    kept = {s: world.process(s) for s in ("successful", "waiting")}

    world.client("colony").remove_all_processes(state)

    left = {name for name, process in kept.items() if _exists(world, process.processid)}
    assert left == {ProcessState.WAITING: {"successful"}, ProcessState.SUCCESS: {"waiting"}, -1: set()}[state]


def _exists(world: World, process_id: str) -> bool:
    try:
        world.client("alice").process(process_id)
    except NotFound:
        return False
    return True


def test_a_removed_user_is_no_member_any_more(world: World):
    world.client("colony").remove_user("bob")

    with pytest.raises(AccessDenied):
        world.client("bob").users()
    assert [user.name for user in world.client("alice").users()] == ["alice"]


def test_a_removed_colony_is_gone_with_everything_in_it(world: World):
    from pollinator_magic.colonies.models import Colony, File, User

    process = world.process("running")
    world.client("ex1").add_log(process.processid, "text")
    world.client("alice").add_file(File(colonyname="vec", label="/l", name="f"))
    world.client("alice").create_snapshot("/l", "s")
    server = world.client("server")

    server.remove_colony("vec")

    assert server.colonies() == []
    with pytest.raises(NotFound):
        world.client("alice").me()
    server.add_colony(Colony(name="vec", colonyid=world.owner_key.identity))
    world.client("colony").add_user(User(colonyname="vec", userid=world.user_key.identity, name="alice"))
    alice = world.client("alice")
    assert (alice.labels(), alice.snapshots(), alice.executors()) == ([], [], [])
    assert alice.search_logs("text") == []


def test_what_an_executor_says_of_itself_is_shown(world: World):
    from pollinator_magic.colonies.models import Allocation, Allocations, Capabilities, Hardware

    runner = world.client("ex1")
    runner.update_capabilities("ex1", Capabilities(hardware=[Hardware(cores=4), Hardware(cores=8)]))
    runner.report_allocations("ex1", Allocations(projects={"proj_X": Allocation(usedcpu=3)}))

    executor = world.client("bob").executor("ex1")

    assert [hardware.cores for hardware in executor.capabilities.hardware] == [4, 8]
    assert executor.allocations.projects["proj_X"].usedcpu == 3
    assert executor.last_heard_at is None
    runner.assign(-1)
    assert world.client("bob").executor_by_id(executor.executorid).last_heard_at
