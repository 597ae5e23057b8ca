"""The static record of a job, with which a page mends a card that nobody updates any more."""

from __future__ import annotations

import shutil

import pytest

from pollinator_magic.errors import GraphFailed, GroupFailed
from pollinator_magic.jobs import Workflow, submit
from pollinator_magic.jobs.ledger import Ledger, Origin
from pollinator_magic.jobs.sweep import submit_each
from tests.jobs import ENDLESS, follow_until_text

PLOT = """
import base64, pathlib
picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
pathlib.Path("result/plot.png").write_bytes(base64.b64decode(picture))
pathlib.Path("result/<b>.txt").write_text("1")
for number in range(30): print(f"<i>line {number}</i>")
"""


def ended(session, project, source):
    job = submit(session, project, source=source)
    for _ in job.follow():
        pass
    return job


def test_the_record_of_a_job_says_how_it_ended_with_its_log_and_results(jupyter, session, project):
    job = ended(session, project, PLOT)

    record = jupyter.told(f"jobs/{job.id}/record")

    assert record["closed"] is True
    for said in ("local", "success", job.short_id, "2 results", "plot.png"):
        assert said in record["html"]
        assert said in record["text"]
    assert "line 29" in record["text"]
    assert "the last 10 of 3" in record["text"]


def test_nothing_of_a_job_becomes_markup_in_its_record(jupyter, session, project):
    job = ended(session, project, PLOT)

    html = jupyter.told(f"jobs/{job.id}/record")["html"]

    assert "&lt;i&gt;line 29&lt;/i&gt;" in html
    assert "&lt;b&gt;.txt" in html
    assert "<i>line" not in html
    assert "<b>.txt" not in html
    assert "<script" not in html


def test_pictures_are_shown_where_the_project_holds_them_and_names_lead_to_files(jupyter, session, project):
    job = ended(session, project, PLOT)
    Ledger(jupyter.home).note([job.id], project.root, Origin(project.root / "fit.ipynb", "cell-1"))
    before = jupyter.told(f"jobs/{job.id}/record")["html"]
    job.fetch_results()
    job.show_results()

    after = jupyter.told(f"jobs/{job.id}/record")["html"]

    assert "<img" not in before
    assert "<img" in after
    assert 'href="cfs/result/plot.png"' in after


def test_of_many_results_the_first_are_named(jupyter, session, project):
    job = ended(session, project, "for number in range(60): open(f'result/{number}.txt', 'w').write('1')")

    record = jupyter.told(f"jobs/{job.id}/record")

    for said in (record["html"], record["text"]):
        assert "60 results" in said
        assert "49.txt" in said
        assert "50.txt" not in said
        assert "10 more" in said


def test_the_record_needs_no_project(jupyter, session, project):
    job = ended(session, project, PLOT)
    Ledger(jupyter.home).note([job.id], project.root, Origin(project.root / "fit.ipynb"))
    shutil.rmtree(project.root)

    record = jupyter.told(f"jobs/{job.id}/record")

    assert "2 results" in record["text"]


def test_a_failure_is_told_with_its_reason(jupyter, session, project):
    job = ended(session, project, "print('so far'); raise SystemExit(3)")

    record = jupyter.told(f"jobs/{job.id}/record")

    assert "failed" in record["text"]
    assert "so far" in record["text"]
    assert f"pollinator logs {job.short_id}" in record["text"]


@pytest.mark.parametrize("cancelled", [False, True])
def test_the_record_of_an_open_job_is_not_closed(jupyter, session, project, cancelled):
    job = submit(session, project, source=ENDLESS)
    try:
        follow_until_text(job)
        if cancelled:
            job.cancel()
        record = jupyter.told(f"jobs/{job.id}/record")
    finally:
        job.cancel()

    assert record["closed"] is cancelled
    assert ("cancelled" if cancelled else "running") in record["text"]


def test_the_record_of_a_sweep_has_a_row_for_each_job(jupyter, session, project):
    source = "import os\nif os.environ.get('n') == '2': raise SystemExit(3)"
    group = submit_each(session, project, [{"n": 1}, {"n": 2}, {"n": "<b>"}], source=source)
    jobs = [job.id for job in group]
    with pytest.raises(GroupFailed):
        group.wait()

    reply = jupyter.post("record", {"jobs": jobs})
    by_short_names = jupyter.post("record", {"jobs": [job[:12] for job in jobs]})

    assert by_short_names.json() == reply.json()
    record = reply.json()
    assert record["closed"] is True
    assert "3 jobs: 1 failed, 2 success" in record["text"]
    assert all(job.short_id in record["html"] for job in group)
    assert "&lt;b&gt;" in record["html"]
    assert "<b>&" not in record["html"]


@pytest.mark.parametrize(
    "asked", [{}, {"jobs": []}, {"jobs": "all"}, {"jobs": ["0" * 64] * 1001}, {"jobs": [1]}, {"jobs": ["0" * 12]}]
)
def test_a_record_of_what_are_no_jobs_is_refused(jupyter, asked):
    assert jupyter.post("record", asked).status_code in {400, 404}


def test_the_record_of_a_graph_has_its_picture_and_says_what_never_ran(jupyter, session, project):
    workflow = Workflow()
    workflow.add(session, project, "first", source="print('so far')\nraise SystemExit(3)")
    workflow.add(session, project, "second", after=["first"], source="1")
    graph = workflow.submit(session)
    with pytest.raises(GraphFailed):
        graph.wait()

    record = jupyter.post("record", {"jobs": [job.id for job in graph.values()]}).json()

    assert record["closed"] is True
    assert "2 steps: 1 failed, 1 never ran" in record["text"]
    assert 'alt="A graph of 2 steps. first: failed; second: never ran, after first."' in record["html"]
    assert "so far" in record["html"]
