"""Workflows on a colony: steps that were frozen one by one run as one graph, each with the results of others."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import GraphFailed, JobCancelled, NotFound, ServerError, SubmissionUnclear, UsageError
from pollinator_magic.jobs import rounds
from pollinator_magic.jobs.graph import Graph
from pollinator_magic.jobs.ledger import Ledger, Origin
from pollinator_magic.jobs.listeners import Said
from pollinator_magic.jobs.steps import StepState
from pollinator_magic.jobs.submission import submit
from pollinator_magic.jobs.workflow import Workflow
from pollinator_magic.project import Project, Runner
from tests.jobs import ENDLESS, WAIT_S, own_lines, waiting_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.jobs import Session


PREPARE = "open('result/numbers.csv', 'w').write('1\\n2\\n3\\n')"
TOTAL = """\
numbers = [int(line) for line in open("steps/prepare/numbers.csv")]
open("result/total.txt", "w").write(str(sum(numbers) * {factor}))
"""
COMPARE = """\
print(*(open(f"steps/{name}/total.txt").read() for name in ("double", "triple")))
"""


@pytest.fixture(scope="module")
def storage(colony):
    return colony.any_storage


@pytest.fixture(autouse=True)
def impatient(request, monkeypatch) -> None:
    """Have the poller ask more often, but where it is counted what it asks."""
    if "costs" not in request.node.name:
        monkeypatch.setattr(rounds, "ROUND_S", 0.1)
        monkeypatch.setattr(rounds, "IDLE_RATE", 20.0)


@pytest.fixture
def session(impatient, colony, storage) -> Iterator[Session]:
    with colony.session(storage) as session:
        yield session


@pytest.fixture
def collect(session, project) -> Callable[..., Workflow]:
    """Collects programs as steps, each after those that it names."""

    def collect(steps: dict[str, tuple[str, list[str]]], of: Project = project, **options: object) -> Workflow:
        workflow = Workflow()
        for name, (source, after) in steps.items():
            workflow.add(session, of, name, after=after, source=source, **options)
        return workflow

    return collect


@pytest.fixture
def idle(nobody, session, tmp_path) -> Iterator[Project]:
    """A project whose jobs wait for ever; its graphs are cancelled at the end."""
    yield Project.create(tmp_path / "idle", nobody)
    for process in session.client.processes(ProcessState.WAITING):
        if process.processgraphid and process.spec.conditions.executornames == [nobody]:
            with suppress(ServerError):  # it was cancelled with another step
                session.client.cancel_graph(process.processgraphid)


@pytest.fixture
def chain(session, idle) -> Workflow:
    """Two steps, of which none ever runs."""
    workflow = Workflow()
    workflow.add(session, idle, "first", source="print(1)")
    workflow.add(session, idle, "second", after=["first"], source="print(2)")
    return workflow


def diamond() -> dict[str, tuple[str, list[str]]]:
    return {
        "prepare": (PREPARE, []),
        "double": (TOTAL.format(factor=2), ["prepare"]),
        "triple": (TOTAL.format(factor=3), ["prepare"]),
        "compare": (COMPARE, ["double", "triple"]),
    }


# --- there and back --------------------------------------------------------------------------------------------------


def test_each_step_finds_the_results_of_the_steps_before_it(session, collect):
    graph = collect(diamond()).submit(session).wait(WAIT_S)

    assert list(graph) == ["prepare", "double", "triple", "compare"]
    assert own_lines(graph["compare"]) == ["12 18"]
    assert graph["double"].results["total.txt"].text() == "12"
    assert set(graph.states().values()) == {StepState.SUCCESS}
    results = graph.fetch_results()
    assert sorted(results) == ["double/total.txt", "prepare/numbers.csv", "triple/total.txt"]
    assert results["triple/total.txt"].text() == "18"
    graph.show_results(results)
    assert (graph.project.result / "prepare" / "numbers.csv").read_text() == "1\n2\n3\n"


def test_variables_go_from_step_to_step_and_to_the_notebook(session, project):
    workflow = Workflow()
    workflow.add(session, project, "one", source="x, y = [1, 2], 'text'", runner=Runner(outputs=("x", "y")))
    taken = workflow.taken_from_steps(["x", "z"], ["one"])
    runner = Runner(inputs={"z": 10}, from_steps=taken, outputs=("total",))
    workflow.add(session, project, "two", after=["one"], source="total = sum(x) + z\ntotal", runner=runner)

    graph = workflow.submit(session).wait(WAIT_S)

    assert taken == {"x": "one"}
    assert graph["two"].value == 13
    assert graph["two"].variables["total"] == 13
    assert dict(graph["one"].variables) == {"x": [1, 2], "y": "text"}


def test_a_variable_that_the_step_before_has_not_set_is_said_in_the_log(session, project):
    workflow = Workflow()
    workflow.add(session, project, "one", source="y = 1", runner=Runner(outputs=("x",)))
    workflow.add(session, project, "two", after=["one"], source="x", runner=Runner(from_steps={"x": "one"}))

    with pytest.raises(GraphFailed) as failed:
        workflow.submit(session).wait(WAIT_S)

    assert failed.value.failed == ("two",)
    assert "The variable 'x' (--in, from step 'one') cannot be had" in failed.value.log_tail
    assert "the cell has not set it" in failed.value.log_tail


def test_what_the_steps_say_is_heard_and_kept(session, collect):
    graph = collect(diamond()).submit(session)

    said = [change for change in graph.follow() if isinstance(change, Said)]

    assert "12 18\n" in [one.event.text for one in said if one.job is graph["compare"]]
    logs = {name: graph.project.log / f"{job.id}.log" for name, job in graph.items()}
    assert "12 18" in logs["compare"].read_text()


def test_steps_of_another_language_find_the_results_too(session, project):
    bash = project.with_options(cmd="bash", source="main.sh")
    workflow = Workflow()
    workflow.add(session, bash, "write", source="echo hello > result/a.txt")
    workflow.add(session, bash, "read", after=["write"], source="cat steps/write/a.txt; ls $PROJECT_DIR/steps")

    graph = workflow.submit(session).wait(WAIT_S)

    assert own_lines(graph["read"])[-2:] == ["hello", "write"]


def test_each_run_of_the_same_steps_is_a_graph_of_its_own_and_carries_nothing(session, collect, operations):
    workflow = collect(diamond())
    first = workflow.submit(session).wait(WAIT_S)
    operations.clear()

    second = workflow.submit(session)

    assert {name for name in operations if name != "getprocessesmsg"} == {
        "submitworkflowspecmsg",
        "getprocessgraphmsg",
        "getprocessmsg",
    }
    assert Counter(operations)["submitworkflowspecmsg"] == 1
    second.wait(WAIT_S)
    assert first["compare"].result_label != second["compare"].result_label
    assert second["double"].results["total.txt"].text() == "12"


# --- collecting ------------------------------------------------------------------------------------------------------


def test_a_step_is_what_the_sources_were_when_it_was_collected(session, project):
    (project.src / "helper.py").write_text("WORD = 'early'")
    workflow = Workflow()
    workflow.add(session, project, "step", source="import helper\nprint(helper.WORD)")
    (project.src / "helper.py").write_text("WORD = 'late'")
    workflow.add(session, project, "other", source="import helper\nprint(helper.WORD)")
    (project.src / "helper.py").unlink()
    submit(session, project, source="print('no helper')").wait(WAIT_S)

    graph = workflow.submit(session).wait(WAIT_S)

    assert own_lines(graph["step"]) == ["early"]
    assert own_lines(graph["other"]) == ["late"]


def test_a_step_of_the_same_name_takes_the_place_of_the_one_before(session, project):
    workflow = Workflow()
    workflow.add(session, project, "a", source="print('old')")
    workflow.add(session, project, "b", after=["a"], source="print('b')")
    workflow.add(session, project, "a", source="print('new')")

    graph = workflow.submit(session).wait(WAIT_S)

    assert list(graph) == ["a", "b"]
    assert own_lines(graph["a"]) == ["new"]


@pytest.mark.parametrize(
    ("name", "after", "said"),
    [
        ("bad name", [], "is not the name of a step"),
        ("FIRST", [], "only capitals tell the two apart"),
        ("new", ["frist"], "Did you mean 'first'?"),
        ("first", ["second"], "first → second → first"),
        ("first", ["first"], "cannot come after itself"),
    ],
)
def test_what_cannot_be_meant_is_found_before_anything_is_sent(session, idle, chain, operations, name, after, said):
    operations.clear()
    source = (idle.src / "main.py").read_text()

    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        chain.add(session, idle, name, after=after, source="print('never')")

    assert operations == []
    assert (idle.src / "main.py").read_text() == source
    assert list(chain.steps) == ["first", "second"]


def test_steps_of_two_colonies_or_two_projects_are_no_graph(
    session, colony, storage, idle, chain, tmp_path, monkeypatch
):
    with colony.session(storage) as other:
        monkeypatch.setattr(type(other.connection), "embedded", property(lambda self: self is other.connection))
        with pytest.raises(UsageError, match="all steps of a graph run in one colony"):
            chain.add(other, idle, "third", source="print(3)")
        with pytest.raises(UsageError, match="connect to it again"):
            chain.submit(other)
    with pytest.raises(UsageError, match="a graph is of one project"):
        chain.add(session, Project.create(tmp_path / "two", idle.executors), "third", source="print(3)")


def test_steps_that_would_share_their_results_are_refused(session, idle):
    idle.file.write_text(f"{idle.file.read_text()}\nresults: shared\n")

    with pytest.raises(UsageError, match="results: per-job"):
        Workflow().add(session, Project.open(idle.root), "step", source="print(1)")


def test_nothing_collected_is_nothing_to_submit(session):
    with pytest.raises(UsageError, match="There are no steps: `%%pollinate --step NAME`"):
        Workflow().submit(session)


def test_a_variable_that_the_step_before_brings_no_more_is_missed_before_anything_is_sent(session, idle, operations):
    workflow = Workflow()
    workflow.add(session, idle, "one", source="x = 1", runner=Runner(outputs=("x",)))
    workflow.add(session, idle, "two", after=["one"], source="x", runner=Runner(from_steps={"x": "one"}))
    workflow.add(session, idle, "one", source="x = 2", runner=Runner())
    operations.clear()

    with pytest.raises(UsageError, match=r"takes 'x' from step 'one'.*`--out x`"):
        workflow.submit(session)

    assert operations == []


def test_a_variable_that_two_steps_bring_back_is_ambiguous(session, idle):
    workflow = Workflow()
    for name in ("one", "two"):
        workflow.add(session, idle, name, source="x = 1", runner=Runner(outputs=("x",)))

    with pytest.raises(UsageError, match="'one' and 'two'"):
        workflow.taken_from_steps(["x"], ["one", "two"])


def test_a_step_whose_snapshot_was_cleaned_up_has_to_be_collected_again(session, chain, monkeypatch):
    session.client.remove_snapshot(chain.steps["second"].frozen.snapshot.snapshotid)
    much_later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: much_later)

    with pytest.raises(UsageError, match="sources of step 'second' have been cleaned up"):
        chain.submit(session)


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_step_that_fails_stops_its_followers_and_the_error_says_so(session, collect):
    steps = diamond()
    steps["double"] = ("print('about to fail')\nraise SystemExit(7)", ["prepare"])
    graph = collect(steps, origin=Origin()).submit(session)

    with pytest.raises(GraphFailed) as failed:
        graph.wait(WAIT_S)

    error = failed.value
    assert error.failed == ("double",)
    assert error.process_id == graph["double"].id
    assert "compare" in error.not_run
    assert "about to fail" in error.log_tail
    assert "Step 'double' of 4 failed." in str(error)
    assert "'compare'" in str(error)
    assert "| about to fail" in str(error)
    assert f"`%pollinator logs {graph['double'].short_id}`" in str(error)
    states = graph.known_states
    assert states["prepare"] is StepState.SUCCESS
    assert states["compare"] is StepState.NEVER_RAN
    graph.collect()
    assert {row.name: row.says for row in graph.rows()}["double"].startswith("Exit status 7")
    assert "prepare/numbers.csv" in graph.fetch_results()
    assert Graph.attach(session, graph.id).known_states == states


def test_a_step_that_runs_when_another_fails_is_stopped_by_that(session, collect, tmp_path):
    begun = tmp_path / "begun"
    steps = {
        "runs": (f"open({str(begun)!r}, 'w')\n{ENDLESS}", []),
        "fails": (waiting_for(begun, then="1 / 0"), []),
        "never": ("print(1)", ["runs", "fails"]),
    }
    graph = collect(steps).submit(session)

    with pytest.raises(GraphFailed, match=r"Stopped by that: 'runs'. Never ran: 'never'"):
        graph.wait(WAIT_S)

    graph.collect()
    assert [row.state for row in graph.rows()] == ["stopped", "failed", "never ran"]
    assert [row.says.split(":")[0] for row in graph.rows()] == ["another step failed", "Exit status 1", ""]


def test_cancelling_ends_all_steps_at_once(session, chain):
    graph = chain.submit(session)

    graph.cancel()

    assert set(graph.states().values()) == {StepState.CANCELLED}
    with pytest.raises(JobCancelled, match="2 steps: 2 cancelled"):
        graph.wait(WAIT_S)
    graph.cancel()  # once more changes nothing


def test_one_step_cannot_be_cancelled_and_the_error_says_what_can(session, chain):
    graph = chain.submit(session)

    with pytest.raises(UsageError, match=rf"is step 'second' of graph .*`%pollinator cancel {graph.short_id}`"):
        graph["second"].cancel()

    graph["second"].cancel(with_graph=True)
    assert set(graph.states().values()) == {StepState.CANCELLED}


def test_a_graph_whose_submission_was_not_answered_is_found_and_not_sent_twice(session, chain, monkeypatch):
    submit_workflow, sent = session.client.submit_workflow, []

    def unanswered(spec):
        sent.append(submit_workflow(spec))
        raise SubmissionUnclear("The answer was lost.")

    monkeypatch.setattr(session.client, "submit_workflow", unanswered)

    graph = chain.submit(session)

    assert [one.processgraphid for one in sent] == [graph.id]


def test_a_graph_that_did_not_arrive_may_be_submitted_again(session, chain, monkeypatch):
    def lost(_spec):
        raise SubmissionUnclear("The answer was lost.")

    monkeypatch.setattr(session.client, "submit_workflow", lost)

    with pytest.raises(SubmissionUnclear, match="does not list its steps"):
        chain.submit(session)


# --- taking it up again ----------------------------------------------------------------------------------------------


def test_a_graph_is_taken_up_again_from_anywhere(session, colony, storage, collect):
    before = collect(diamond()).submit(session)
    with colony.session(storage) as elsewhere:
        found = elsewhere.find(before.short_id)
        assert found.processgraphid == before.id
        graph = Graph.attach(elsewhere, found.processgraphid)

        graph.wait(WAIT_S)

        assert list(graph) == list(before)
        assert graph.after == before.after
        assert graph.project is None
        assert graph.fetch_results() is None
    again = Graph.attach(session, before.id, before.project)
    assert again["compare"].project is before.project
    assert again.fetch_results()["double/total.txt"].text() == "12"


def test_an_id_may_be_that_of_a_process_or_of_a_graph(session, chain):
    graph = chain.submit(session)

    assert session.find(graph.id).processids
    assert session.find(graph["first"].id).processid == graph["first"].id
    with pytest.raises(UsageError, match="is a graph of 2 processes"):
        session.find_process(graph.short_id)
    with pytest.raises(NotFound):
        session.find("0" * 64)


def test_waiting_ends_after_its_time_and_the_graph_goes_on(session, chain):
    graph = chain.submit(session)

    with pytest.raises(TimeoutError, match="2 steps: 2 waiting"):
        graph.wait(0.1)

    assert not graph.closed


def test_a_graph_costs_lists_and_no_request_for_each_step_while_nothing_happens(session, idle, operations, monkeypatch):
    workflow = Workflow()
    for number in range(20):
        workflow.add(session, idle, f"step-{number}", after=[f"step-{number - 1}"] if number else [], source="1")
    graph = workflow.submit(session)
    operations.clear()
    lists = threading.Semaphore(0)
    processes = session.client.processes

    def listed(*args, **options):
        found = processes(*args, **options)
        lists.release()
        return found

    monkeypatch.setattr(session.client, "processes", listed)

    end = graph.listen(lambda _change: None)

    for _ in range(4):
        assert lists.acquire(timeout=WAIT_S)
    end()
    assert set(operations) == {"getprocessesmsg"}
    graph.cancel()


def test_the_cell_of_each_step_is_remembered(session, idle, monkeypatch, tmp_path):
    monkeypatch.setenv("POLLINATOR_HOME", str(tmp_path / "home"))
    workflow = Workflow()
    for name in ("one", "two"):
        workflow.add(session, idle, name, source="1", origin=Origin(tmp_path / "n.ipynb", cell=f"cell-{name}"))

    graph = workflow.submit(session)

    cells = {job_id: entry.cell for job_id, entry in Ledger().read().items()}
    assert cells == {graph["one"].id: "cell-one", graph["two"].id: "cell-two"}


def test_a_graph_reads_well(session, chain):
    graph = chain.submit(session)

    assert repr(chain) == "<Workflow of 2 steps>\n  first\n  second  after first"
    assert repr(graph).splitlines()[0] == f"<Graph {graph.short_id} of 2 steps: 2 waiting>"
    with pytest.raises(KeyError, match="has no step 'third'; it has: first, second"):
        graph["third"]
