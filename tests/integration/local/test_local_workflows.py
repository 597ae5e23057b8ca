"""Workflows on the embedded colony: order, outputs to inputs, failure, cancellation, time limits, removal."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

import pytest
from asking import World, ask

from pollinator_magic.colonies.models import Process, ProcessGraph, ProcessState, WorkflowSpec
from pollinator_magic.errors import AccessDenied, NotFound, ServerError
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

DIAMOND = {"first": [], "left": ["first"], "right": ["first"], "last": ["left", "right"]}


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "shared" in request.fixturenames:
        world = request.getfixturevalue("shared")
        world.client("colony").remove_all_graphs()
        world.client("colony").remove_all_processes()


def workflow(world: World, steps: dict[str, list[str]], **fields: Any) -> WorkflowSpec:
    """Each step may run after those that it names; the earlier it stands the sooner it is assigned."""
    specs = []
    for place, (name, dependencies) in enumerate(steps.items()):
        spec = world.spec(**{"nodename": name, "priority": len(steps) - place, **fields})
        spec.conditions.dependencies = dependencies
        specs.append(spec)
    return WorkflowSpec(functionspecs=specs)


def submit(world: World, steps: dict[str, list[str]], **fields: Any) -> ProcessGraph:
    return world.client("alice").submit_workflow(workflow(world, steps, **fields))


def step(world: World) -> Process | None:
    return world.client("ex1").assign(-1)


def run(world: World, *expected: str) -> None:
    """Let the executor run what it gets; each succeeds with its own name as output."""
    for name in expected:
        process = step(world)
        assert process is not None
        assert process.spec.nodename == name
        world.client("ex1").close_successful(process.processid, [name])


def members(world: World, graph: ProcessGraph) -> dict[str, Process]:
    alice = world.client("alice")
    found = [alice.process(processid) for processid in graph.processids]
    return {process.spec.nodename: process for process in found}


def states(world: World, graph: ProcessGraph) -> list[int]:
    return [process.status for process in members(world, graph).values()]


def state(world: World, graph: ProcessGraph) -> ProcessState:
    return world.client("alice").process_graph(graph.processgraphid).status


def test_steps_run_after_those_that_they_depend_on_and_get_their_outputs(shared: World):
    graph = submit(shared, DIAMOND)
    assert state(shared, graph) is ProcessState.WAITING
    first = step(shared)
    assert first is not None
    assert (first.spec.nodename, first.input) == ("first", [])
    assert step(shared) is None
    assert state(shared, graph) is ProcessState.RUNNING
    shared.client("ex1").close_successful(first.processid, ["a", {"b": 1}])

    left, right = step(shared), step(shared)
    assert left is not None
    assert right is not None
    assert [left.spec.nodename, right.spec.nodename] == ["left", "right"]
    assert left.input == right.input == ["a", {"b": 1}]
    shared.client("ex1").close_successful(right.processid, ["from right"])
    assert step(shared) is None
    shared.client("ex1").close_successful(left.processid, ["from left", 2])

    last = step(shared)
    assert last is not None
    assert last.input == ["from left", 2, "from right"]
    shared.client("ex1").close_successful(last.processid)
    ended = shared.client("alice").process_graph(graph.processgraphid)
    assert ended.status is ProcessState.SUCCESS
    assert ended.submissiontime < ended.starttime < ended.endtime


def test_a_graph_knows_its_members_and_they_know_each_other(shared: World):
    graph = submit(shared, DIAMOND)

    first, left, right, last = members(shared, graph).values()
    shown = shared.client("alice").process_graph(graph.processgraphid)
    assert shown.rootprocessids == [first.processid]
    assert shown.processids == [first.processid, left.processid, right.processid, last.processid]
    assert first.children == [left.processid, right.processid]
    assert last.parents == [left.processid, right.processid]
    assert [each.waitforparents for each in (first, left, right, last)] == [False, True, True, True]
    assert {each.processgraphid for each in (first, left, right, last)} == {graph.processgraphid}
    assert {each.initiatorname for each in (first, left, right, last)} == {"alice"}
    assert (shown.initiatorname, shown.colonyname) == ("alice", "vec")


def test_a_graph_is_drawn_with_each_step_below_those_that_it_depends_on(shared: World):
    graph = submit(shared, {**DIAMOND, "late": ["first", "last"]})
    process = step(shared)

    shown = shared.client("alice").process_graph(graph.processgraphid)

    assert process is not None
    assert {node.data.label: (node.position.x, node.position.y, node.type) for node in shown.nodes} == {
        "first": (100, 0, "input"),
        "left": (0, 80, ""),
        "right": (200, 80, ""),
        "last": (100, 160, ""),
        "late": (100, 240, "output"),
    }
    assert len({node.style.background for node in shown.nodes}) == 2
    edges = {(edge.source, edge.target): edge.animated for edge in shown.edges}
    assert len(edges) == 6
    assert {source for (source, _), animated in edges.items() if animated} == {process.processid}


def test_a_step_that_fails_ends_all_that_is_open_and_changes_nothing_that_is_done(shared: World):
    graph = submit(shared, {"done": [], "fails": ["done"], "runs": ["done"], "waits": ["runs"]})
    run(shared, "done")
    fails, runs = step(shared), step(shared)
    assert fails is not None
    assert runs is not None

    shared.client("ex1").close_failed(fails.processid, ["boom"])

    assert state(shared, graph) is ProcessState.FAILED
    after = members(shared, graph)
    assert {name: process.status for name, process in after.items()} == {
        "done": ProcessState.SUCCESS,
        "fails": ProcessState.FAILED,
        "runs": ProcessState.FAILED,
        "waits": ProcessState.FAILED,
    }
    assert [after[name].errors for name in ("fails", "runs", "waits")] == [["boom"], [], []]
    assert all(process.ended_at for process in after.values())
    assert step(shared) is None
    with pytest.raises(AccessDenied, match="not running"):
        shared.client("ex1").add_log(runs.processid, "I am still here\n")
    with pytest.raises(ServerError, match="failed process as successful"):
        shared.client("ex1").close_successful(runs.processid)


def test_a_cancelled_graph_is_cancelled_with_all_that_is_open(shared: World):
    graph = submit(shared, DIAMOND)
    run(shared, "first")
    running = step(shared)

    shared.client("bob").cancel_graph(graph.processgraphid)

    assert state(shared, graph) is ProcessState.CANCELLED
    assert states(shared, graph) == [ProcessState.SUCCESS, *[ProcessState.CANCELLED] * 3]
    assert step(shared) is None
    assert running is not None
    with pytest.raises(ServerError, match="cancelled process as successful"):
        shared.client("ex1").close_successful(running.processid)
    shared.client("bob").cancel_graph(graph.processgraphid)
    assert state(shared, graph) is ProcessState.CANCELLED


@pytest.mark.parametrize("outcome", ["successful", "failed"])
def test_a_graph_that_has_ended_cannot_be_cancelled(shared: World, outcome: str):
    graph = submit(shared, {"only": []})
    process = step(shared)
    assert process is not None
    if outcome == "successful":
        shared.client("ex1").close_successful(process.processid)
    else:
        shared.client("ex1").close_failed(process.processid, [])

    with pytest.raises(ServerError, match=f"cancel {outcome}"):
        shared.client("alice").cancel_graph(graph.processgraphid)

    assert state(shared, graph) in {ProcessState.SUCCESS, ProcessState.FAILED}


def test_a_member_is_neither_cancelled_nor_removed_alone(shared: World):
    graph = submit(shared, DIAMOND)
    alice = shared.client("alice")

    for processid in graph.processids:
        with pytest.raises(ServerError, match="cancel the entire workflow"):
            alice.cancel(processid)
        with pytest.raises(ServerError, match="delete the entire workflow"):
            alice.remove_process(processid)
    shared.client("colony").remove_all_processes()

    assert states(shared, graph) == [ProcessState.WAITING] * 4


def test_a_graph_is_removed_with_its_members_unless_it_runs(shared: World):
    alice = shared.client("alice")
    graph, other = submit(shared, DIAMOND), submit(shared, {"only": []})
    run(shared, "first")
    with pytest.raises(ServerError, match="running processgraph"):
        alice.remove_graph(graph.processgraphid)
    run(shared, "left", "right", "last")

    alice.remove_graph(graph.processgraphid)

    for processid in graph.processids:
        with pytest.raises(NotFound):
            alice.process(processid)
    with pytest.raises(NotFound):
        alice.process_graph(graph.processgraphid)
    assert states(shared, other) == [ProcessState.WAITING]


def test_the_owner_removes_all_graphs_or_those_of_a_state(shared: World):
    alice, owner = shared.client("alice"), shared.client("colony")
    ended, waiting = submit(shared, {"a": []}), submit(shared, {"b": []})
    run(shared, "a")
    plain = alice.submit(shared.spec())
    with pytest.raises(AccessDenied):
        alice.remove_all_graphs()

    owner.remove_all_graphs(ProcessState.SUCCESS)
    with pytest.raises(NotFound):
        alice.process_graph(ended.processgraphid)
    assert state(shared, waiting) is ProcessState.WAITING
    owner.remove_all_graphs()

    with pytest.raises(NotFound):
        alice.process_graph(waiting.processgraphid)
    assert shared.state(plain) is ProcessState.WAITING
    with pytest.raises(ServerError, match="running"):
        owner.remove_all_graphs(ProcessState.RUNNING)
    with pytest.raises(ServerError, match="invalid state"):
        owner.remove_all_graphs(7)


def test_graphs_are_listed_by_state_newest_first_and_counted(shared: World):
    alice = shared.client("alice")
    graphs = [submit(shared, {"a": []}), submit(shared, {"b": []}), submit(shared, {"c": ["d"], "d": []})]
    run(shared, "a")

    waiting = alice.process_graphs(ProcessState.WAITING)

    assert [graph.processgraphid for graph in waiting] == [graphs[2].processgraphid, graphs[1].processgraphid]
    assert [(graph.nodes, len(graph.processids)) for graph in waiting] == [([], 2), ([], 1)]
    assert len(alice.process_graphs(ProcessState.WAITING, count=1)) == 1
    assert alice.process_graphs(ProcessState.WAITING, count=0) == []
    counts = alice.statistics()
    assert (counts.waitingworkflows, counts.successfulworkflows) == (2, 1)
    assert (counts.runningworkflows, counts.failedworkflows, counts.cancelledworkflows) == (0, 0, 0)


@pytest.mark.parametrize(
    ("steps", "status", "message"),
    [
        ({"a": ["b"]}, 500, "invalid dependencies"),
        ({"": []}, 500, "Nodename is missing"),
        ({}, 400, "no function specs"),
        ({"a": ["b"], "b": ["a"], "c": []}, 400, "these wait for each other: a, b"),
        ({"a": ["a"]}, 400, "these wait for each other: a"),
    ],
)
def test_what_could_never_run_is_refused_and_leaves_nothing(shared: World, steps: dict, status: int, message: str):
    with pytest.raises(ServerError, match=message) as caught:
        submit(shared, steps)

    assert caught.value.status == status
    alice = shared.client("alice")
    assert alice.process_graphs(ProcessState.WAITING) == alice.processes(ProcessState.WAITING) == []


def test_a_specification_that_cannot_be_read_leaves_nothing_of_its_workflow(shared: World):
    spec = workflow(shared, {"a": [], "b": ["a"]})
    spec.functionspecs[1].conditions.mem = "much"

    with pytest.raises(ServerError, match="much"):
        shared.client("alice").submit_workflow(spec)

    alice = shared.client("alice")
    assert alice.process_graphs(ProcessState.WAITING) == alice.processes(ProcessState.WAITING) == []


def test_a_dependency_that_is_named_twice_counts_once(shared: World):
    graph = submit(shared, {"a": [], "b": ["a", "a"]})
    run(shared, "a")

    process = step(shared)

    assert process is not None
    assert process.input == ["a"]
    assert members(shared, graph)["a"].children == [process.processid]


def test_every_member_belongs_to_the_colony_of_the_workflow_and_zero_is_no_time_limit(shared: World):
    spec = workflow(shared, {"a": []}, maxexectime=0)
    spec.functionspecs[0].conditions.colonyname = "elsewhere"

    graph = shared.client("alice").submit_workflow(spec)

    (member,) = members(shared, graph).values()
    assert (member.spec.conditions.colonyname, member.spec.maxexectime) == ("vec", -1)


def test_a_step_that_ran_too_long_is_tried_again_and_then_fails_the_graph(shared: World):
    graph = submit(shared, {"slow": [], "after": ["slow"]}, maxexectime=1, maxretries=1)
    first = step(shared)
    assert first is not None
    again = eventually(lambda: step(shared))
    assert (again.processid, again.retries) == (first.processid, 1)
    assert state(shared, graph) is ProcessState.RUNNING

    eventually(lambda: state(shared, graph) is ProcessState.FAILED)

    after = members(shared, graph)
    assert after["slow"].errors == ["Maximum execution time limit exceeded"]
    assert (after["after"].status, after["after"].errors) == (ProcessState.FAILED, [])


def test_a_step_that_waited_too_long_fails_the_graph(shared: World):
    graph = submit(shared, {"a": [], "b": ["a"]}, maxwaittime=1)

    eventually(lambda: state(shared, graph) is ProcessState.FAILED)

    assert states(shared, graph) == [ProcessState.FAILED] * 2
    assert [process.errors for process in members(shared, graph).values()].count([]) == 1


def test_a_workflow_goes_on_after_the_server_was_stopped_in_between(world: World):
    graph = submit(world, DIAMOND)
    run(world, "first")
    left = step(world)
    assert left is not None

    world.restart()

    world.client("ex1").close_successful(left.processid, ["left"])
    run(world, "right")
    last = step(world)
    assert last is not None
    assert last.input == ["left", "right"]
    world.client("ex1").close_successful(last.processid)
    assert state(world, graph) is ProcessState.SUCCESS


def test_a_step_goes_back_into_the_queue_when_its_executor_is_removed(world: World):
    graph = submit(world, {"a": [], "b": ["a"]}, conditions={"executornames": []})
    assert step(world) is not None

    world.client("colony").remove_executor("ex1")

    ex2 = world.client("ex2")
    for name in ("a", "b"):
        process = ex2.assign(-1)
        assert process is not None
        assert process.spec.nodename == name
        ex2.close_successful(process.processid)
    assert state(world, graph) is ProcessState.SUCCESS


def test_an_executor_that_waits_for_work_gets_a_step_when_its_last_parent_succeeds(shared: World):
    submit(shared, {"a": [], "b": ["a"]})
    first = step(shared)
    assert first is not None
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(shared.client("ex1").assign, 20)
        assert not concurrent.futures.wait([waiting], timeout=0.2).done
        shared.client("ex1").close_successful(first.processid, ["x"])
        second = waiting.result(timeout=15)

    assert second is not None
    assert (second.spec.nodename, second.input) == ("b", ["x"])


def test_others_see_nothing_of_a_workflow(shared: World):
    graph = submit(shared, {"a": []})
    stranger = shared.server_key
    for name in ("getprocessgraphmsg", "cancelprocessgraphmsg", "removeprocessgraphmsg"):
        status, reply = ask(shared.server, stranger, {"msgtype": name, "processgraphid": graph.processgraphid})
        assert (status, reply["message"]) == (403, "Access denied, not a member of Colony with name <vec>")
    for name in ("submitworkflowspecmsg", "getprocessgraphsmsg"):
        message = {"msgtype": name, "colonyname": "vec", "spec": {"colonyname": "vec", "functionspecs": []}}
        assert ask(shared.server, stranger, message)[0] == 403


def test_steps_cannot_be_added_to_a_workflow(shared: World):
    status, reply = ask(shared.server, shared.user_key, {"msgtype": "addchildmsg", "processgraphid": "0" * 64})

    assert (status, reply["message"]) == (403, "invalid rpcMsg.PayloadType: addchildmsg")


def test_a_large_workflow_is_submitted_run_and_removed(shared: World):
    steps = {"root": [], **{f"leaf{number}": ["root"] for number in range(200)}}
    graph = submit(shared, {**steps, "end": [f"leaf{number}" for number in range(200)]})

    run(shared, *steps)
    last = step(shared)

    assert last is not None
    assert last.input == [f"leaf{number}" for number in range(200)]
    shared.client("ex1").close_successful(last.processid)
    assert state(shared, graph) is ProcessState.SUCCESS
    shared.client("alice").remove_graph(graph.processgraphid)
