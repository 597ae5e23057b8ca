"""The list of jobs, one of them, its end before its time, and the choice of the colony, asked as a page does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jupyter_runs import running_jupyter

from pollinator_magic.colonies.models import Conditions, FunctionSpec
from pollinator_magic.jobs import Workflow, submit
from pollinator_magic.local.colony import LocalColony
from tests.jobs import ENDLESS, WAIT_S, follow_until_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Graph, Session
    from pollinator_magic.project import Project


@pytest.fixture
def stuck(session: Session) -> Iterator[Process]:
    """A process that waits for an executor that there is not."""
    conditions = Conditions(
        colonyname=session.connection.colony, executornames=["nobody"], executortype="container-executor"
    )
    spec = FunctionSpec(
        funcname="execute", conditions=conditions, env={"API_TOKEN": "do-not-show", "PLAIN": "yes"}, maxwaittime=600
    )
    process = session.client.submit(spec)
    yield process
    if not session.client.process(process.processid).status.closed:
        session.client.cancel(process.processid)


def test_the_list_has_jobs_newest_first_and_its_filters_apply(jupyter, session, project, stuck):
    job = submit(session, project, source="print(1)").wait(WAIT_S)

    everything = jupyter.told("jobs")
    mine_waiting = jupyter.told("jobs", mine=1, state="waiting", text=f"NOBODY {stuck.processid[:8]}")

    ids = [each["id"] for each in everything["jobs"]]
    assert ids[:2] == [job.id, stuck.processid]
    assert everything["jobs"][0]["state"] == "success"
    assert everything["counts"]["waiting"] >= 1
    assert [each["id"] for each in mine_waiting["jobs"]] == [stuck.processid]
    assert mine_waiting["total"] == 1
    assert mine_waiting["next"] is None
    assert jupyter.told("jobs", text="there is no such job")["jobs"] == []


def test_a_job_is_told_with_why_it_waits_and_without_its_secrets(jupyter, stuck):
    told = jupyter.told(f"jobs/{stuck.processid}")

    assert told["state"] == "waiting"
    assert told["executor"] == "nobody"
    assert told["why"] == "there is no executor that could take it"
    assert told["waitDeadline"] > told["submitted"]
    assert told["execDeadline"] is None
    assert told["errors"] == []
    assert told["spec"]["funcname"] == "execute"
    assert told["spec"]["env"] == {"API_TOKEN": "…", "PLAIN": "yes"}


def test_a_job_that_failed_is_told_with_its_errors(jupyter, session, project):
    job = submit(session, project, source="raise SystemExit(3)")
    with pytest.raises(Exception, match="failed"):
        job.wait(WAIT_S)

    told = jupyter.told(f"jobs/{job.id}")

    assert told["state"] == "failed"
    assert any("3" in error for error in told["errors"])
    assert told["why"] == ""


def test_cancelling_ends_a_running_job_and_leaves_one_that_has_ended(jupyter, session, project):
    job = submit(session, project, source=ENDLESS)
    follow_until_text(job)

    first, second = (jupyter.post(f"jobs/{job.id}/cancel") for _ in range(2))

    assert first.json()["state"] == second.json()["state"] == "cancelled"
    assert str(job.state) == "cancelled"
    assert jupyter.told("jobs", text=job.id)["jobs"][0]["state"] == "cancelled"


@pytest.fixture
def graph(session: Session, project: Project) -> Iterator[Graph]:
    """Two steps, of which the first never ends."""
    workflow = Workflow()
    workflow.add(session, project, "first", source=ENDLESS)
    workflow.add(session, project, "second", after=["first"], source="1")
    graph = workflow.submit(session)
    yield graph
    graph.cancel()


def test_a_step_is_known_by_its_name_and_its_graph_and_whoever_names_it_is_told_how_large_that_is(jupyter, graph):
    told = jupyter.told("jobs", text=f"SECOND {graph.id[:20]}")
    named = jupyter.post("jobs", {"jobs": [graph["second"].id]}).json()

    assert [(job["id"], job["step"]) for job in told["jobs"]] == [(graph["second"].id, "second")]
    assert named["jobs"] == told["jobs"]
    assert named["graphs"] == {graph.id: {"steps": 2, "open": 2}}
    assert told["jobs"][0]["parameters"] == ""


def test_a_step_is_cancelled_with_its_graph_and_only_by_those_who_know_that(jupyter, graph):
    refused = jupyter.post(f"jobs/{graph['second'].id}/cancel")
    open_ = jupyter.told(f"jobs/{graph['second'].id}")["state"]
    replies = [jupyter.post(f"jobs/{job.id}/cancel", {"graph": True}) for job in graph.values()]

    assert refused.status_code == 400
    assert "is step 'second' of graph" in refused.json()["message"]
    assert open_ == "waiting"
    assert [reply.json()["state"] for reply in replies] == ["cancelled", "cancelled"]
    named = jupyter.post("jobs", {"jobs": [graph["first"].id]}).json()
    assert named["graphs"] == {graph.id: {"steps": 2, "open": 0}}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("jobs/" + "0" * 64, 404),
        ("jobs/nonsense", 404),
        ("jobs/" + "A" * 64, 404),
        ("jobs?state=sleeping", 400),
        ("jobs?count=0", 400),
        ("jobs?count=501", 400),
        ("jobs?count=-1", 400),
        ("jobs?count=x", 400),
        ("jobs?cursor=x", 400),
        ("jobs?count=%F0%9D%9F%9B", 400),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(jupyter, path, status):
    reply = jupyter.get(path)

    assert reply.status_code == status
    assert set(reply.json()) == {"message", "remedy"}
    assert reply.json()["message"]


@pytest.mark.parametrize("content", [[], {}, {"where": "mars"}, {"where": 1}, "no json"])
def test_a_colony_that_there_is_not_cannot_be_chosen(jupyter, content):
    reply = jupyter.post("connection", content)

    assert reply.status_code == 400
    assert reply.json()["message"]


def test_where_no_colony_is_configured_that_one_cannot_be_chosen_and_the_choice_stays(jupyter):
    reply = jupyter.post("connection", {"where": "remote"})
    told = jupyter.told("connection")

    assert reply.status_code == 503
    assert "COLONIES_SERVER_HOST" in reply.json()["message"]
    assert told["where"] == "local"
    assert told["reachable"]
    assert [choice["where"] for choice in told["choices"]] == ["local", "remote"]
    assert not told["choices"][0]["problem"]
    assert "COLONIES_SERVER_HOST" in told["choices"][1]["problem"]


def test_executors_are_told_as_they_are_now(jupyter):
    [executor] = jupyter.told("executors")["executors"]

    assert executor["name"] == "local"
    assert executor["usable"]
    assert executor["alive"]
    assert executor["condition"] in {"idle", "busy"}
    assert executor["heard"] >= 0


def test_the_embedded_colony_starts_only_if_somebody_says_so(tmp_path):
    embedded = LocalColony(tmp_path / "home")
    try:
        with running_jupyter(tmp_path) as jupyter, jupyter.page() as page:
            lost = page.until_kind("connection")["connection"]
            assert not jupyter.told("connection")["reachable"]
            assert jupyter.get("jobs").status_code == 502
            assert jupyter.get("executors").status_code == 502
            assert not jupyter.post("connection", {"where": "local"}).json()["reachable"]
            assert not embedded.running

            started = jupyter.post("connection", {"where": "local", "start": True}).json()
            found = page.until_kind("connection")["connection"]

            assert embedded.running
            assert jupyter.told("jobs")["jobs"] == []
    finally:
        embedded.stop()
    assert not lost["reachable"]
    assert started["reachable"]
    assert found == started
