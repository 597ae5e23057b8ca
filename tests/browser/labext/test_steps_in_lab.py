"""Steps of workflows in the sidebar and in the view of a job: which they are, and what their Cancel is about."""

from __future__ import annotations

import pytest

from pollinator_magic.jobs import Session, Workflow
from pollinator_magic.project import Project
from tests.browser.cells import picture
from tests.browser.labext.jobview import open_job
from tests.browser.labext.panel import colony_of, open_page, rows
from tests.browser.themes import dark
from tests.jobs import ENDLESS

pytestmark = pytest.mark.browser


@pytest.fixture
def session(lab):
    colony = colony_of(lab)
    colony.start()
    with Session(colony.connection()) as session:
        yield session


@pytest.fixture
def collect(session, tmp_path):
    """Submit steps, each after those that it names; what still runs at the end is cancelled."""
    graphs = []

    def collected(steps):
        workflow, project = Workflow(), Project.create(tmp_path / f"project-{len(graphs)}", "local")
        for name, (source, *after) in steps.items():
            workflow.add(session, project, name, after=after, source=source)
        graphs.append(workflow.submit(session))
        return graphs[-1]

    yield collected
    for graph in graphs:
        graph.cancel()


def test_cancel_of_a_step_asks_about_its_whole_workflow_in_the_sidebar_and_in_the_view_of_the_job(
    lab, page, collect, session
):
    graph = collect({"prepare": ["1"], "fit": [ENDLESS, "prepare"], "compare": ["2", "fit"], "report": ["3", "fit"]})
    panel, question = open_page(lab, page), page.get_by_role("dialog")
    running = rows(panel).filter(has_text="step fit")
    running.get_by_text("Running").wait_for()
    rows(panel).filter(has_text="step prepare").get_by_text("Success").wait_for()

    running.hover()
    running.get_by_role("button", name="Cancel").click()
    question.get_by_text("“fit” is a step of a workflow of 4 steps.").wait_for()
    assert "all of them that have not ended: 3 now." in question.inner_text()
    picture(page, "steps-cancel")
    with dark(page):
        picture(page, "steps-cancel-dark")
    question.get_by_role("button", name="Keep It").click()
    question.wait_for(state="detached")
    assert not graph.closed

    view = open_job(page, graph["compare"].id)
    view.get_by_text(graph.short_id).wait_for()
    view.get_by_role("button", name="Cancel").click()
    question.get_by_text("“compare” is a step of a workflow of 4 steps.").wait_for()
    question.get_by_role("button", name="Cancel Workflow").click()

    view.get_by_role("status").get_by_text("Cancelled").wait_for()
    for name in ("fit", "compare", "report"):
        rows(panel).filter(has_text=f"step {name}").get_by_text("Cancelled").wait_for()
    assert [str(state) for state in graph.states().values()] == ["success", *["cancelled"] * 3]


def test_a_step_that_never_ran_says_so_and_the_whole_workflow_is_found_by_its_id(lab, page, collect):
    graph = collect({"read": ["raise SystemExit(3)"], "report": ["1", "read"]})
    panel = open_page(lab, page)
    never = rows(panel).filter(has_text="step report")
    never.get_by_text("never ran").wait_for()
    assert rows(panel).filter(has_text="step read").filter(has_text="never ran").count() == 0

    panel.get_by_placeholder("Filter jobs").fill(graph.short_id)
    rows(panel).nth(2).wait_for(state="detached")
    assert rows(panel).count() == 2
    picture(page, "steps-never-ran")

    view = open_job(page, graph["report"].id)
    view.get_by_text("Never ran: another step of its workflow has failed.").wait_for()
    picture(page, "steps-never-ran-job")
