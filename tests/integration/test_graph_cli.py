"""Graphs on the command line: looked at, followed and cancelled where nothing can be collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pollinator_magic.jobs.workflow import Workflow
from tests.jobs import ENDLESS, WAIT_S

if TYPE_CHECKING:
    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.graph import Graph
    from pollinator_magic.project import Project


@pytest.fixture(scope="session")
def storage(colony):
    return colony.any_storage


@pytest.fixture
def submitted(session: Session, project: Project):
    """Submit two steps; both say something, and the first leaves a file."""

    def submitted(second: str = "print('two', end='')") -> Graph:
        workflow = Workflow()
        workflow.add(session, project, "one", source="print('one')\nopen('result/n.txt', 'w').write('1')")
        workflow.add(session, project, "two", after=["one"], source=second)
        return workflow.submit(session)

    return submitted


def test_attach_shows_the_log_of_each_step_behind_its_name_and_brings_the_results(pollinate, submitted, project):
    graph = submitted()

    done = pollinate("attach", graph.short_id)

    assert done.returncode == 0
    assert {"one | one", "two | two"} <= set(done.stdout.splitlines())
    assert f"graph {graph.short_id} on " in done.stderr
    assert "2 success" in done.stderr or "step two: success after" in done.stderr  # it may have ended before
    assert "one/n.txt" in done.stdout
    assert (project.result / "one" / "n.txt").read_text() == "1"


def test_a_failed_step_is_the_exit_code_and_the_last_word(pollinate, submitted):
    graph = submitted("print('about to fail')\nraise SystemExit(3)")

    done = pollinate("graph", "attach", graph.id)

    assert done.returncode == 1
    assert "two | about to fail" in done.stdout
    assert "Step 'two' of 2 failed." in done.stderr
    assert "`pollinate logs" in done.stderr


def test_a_graph_is_shown_as_a_table_and_its_processes_by_the_names_of_their_steps(pollinate, submitted):
    graph = submitted().wait(WAIT_S)

    shown, jobs = pollinate("graph", "show", graph.short_id), pollinate("jobs")

    rows = [line.split() for line in shown.stdout.splitlines()]
    assert rows == [
        ["step", "after", "state", "process"],
        ["one", "success", graph["one"].short_id],
        ["two", "one", "success", graph["two"].short_id],
    ]
    assert jobs.stdout.splitlines()[0].split()[:3] == ["process", "step", "state"]
    assert f"{graph['one'].short_id}  one" in jobs.stdout


def test_a_graph_is_cancelled_by_its_id(pollinate, submitted):
    graph = submitted(ENDLESS)

    done, again = pollinate("cancel", graph.short_id), pollinate("cancel", graph.short_id)

    assert f"Graph {graph.short_id} cancelled." in done.stdout
    assert "had ended already" in again.stdout


@pytest.mark.parametrize("action", ["run", "clear", "show"])
def test_nothing_is_collected_on_the_command_line(pollinate, action):
    done = pollinate("graph", action)

    assert done.returncode == 2
    assert "`%%pollinate --step NAME`" in done.stderr


def test_a_job_of_its_own_is_no_graph(pollinate, session, project):
    from pollinator_magic.jobs import submit

    job = submit(session, project, source="print(1)").wait(WAIT_S)

    done = pollinate("graph", "attach", job.short_id)

    assert done.returncode == 2
    assert f"Process {job.short_id} is not part of a graph." in done.stderr
