"""Cleaning up a project on a real colony: what is old goes with its objects, and no job ever misses anything."""

from __future__ import annotations

from cleaning import clean, objects, program, readable, revisions, snapshots

from pollinator_magic.jobs import Job, submit
from tests.jobs import WAIT_S, contents, follow_until_text, run, waiting_for


def test_old_jobs_leave_nothing_and_the_newest_keeps_everything(session, project):
    jobs = [run(session, project, program(number)) for number in range(3)]
    for job in jobs:
        job.fetch_results()
    before = objects(session, project)

    cleaning = clean(session, project, keep=1)

    after = objects(session, project)
    assert {name for name in before if readable(session, name)} == after
    assert (len(before) - len(after), len(cleaning.plan.objects)) == (4, 4)  # two cells, two results
    assert cleaning.plan.size > 0
    assert len(snapshots(session, project)) == 1
    assert {session.client.labels_below(job.result_label) == [] for job in jobs[:2]} == {True}
    assert {(project.state / "jobs" / job.id).exists() for job in jobs[:2]} == {False}
    assert contents(jobs[2])["r.txt"] == b"2"
    assert {job.refresh().status.name for job in jobs} == {"SUCCESS"}  # their records and logs are history
    assert not clean(session, project, keep=1)


def test_results_of_a_kept_job_can_still_be_fetched_elsewhere(session, project, tmp_path):
    run(session, project, program("old"))
    kept = run(session, project, program("new"))

    clean(session, project, keep=1)

    assert Job.attach(session, kept.id).fetch_results(to=tmp_path / "to")["r.txt"].text() == "new"


def test_a_waiting_job_runs_after_the_cleaning_as_it_was_submitted(session, project, executor, late):
    (project.src / "helper.py").write_text("answer = 42")
    waiting = submit(
        session,
        project.with_options(executors=(late.name,)),
        source="import sys; sys.path.insert(0, 'src')\nimport helper\n" + program("the first"),
    )
    (project.src / "helper.py").write_text("answer = 43")
    for number in range(3):
        run(session, project, program(number))

    clean(session, project)
    late.begin()

    assert waiting.wait(WAIT_S).succeeded
    assert contents(waiting)["r.txt"] == b"the first"


def test_a_waiting_job_whose_files_were_deleted_since_runs_after_the_cleaning(session, project, late):
    (project.src / "helper.py").write_text("answer = 42")
    slow = project.with_options(executors=(late.name,))
    waiting = submit(session, slow, source="import sys; sys.path.insert(0, 'src')\nimport helper\n" + program(1))
    (project.src / "helper.py").unlink()
    apart = submit(session, slow, source=program("apart"))
    run(session, project, program("while they wait"))
    assert len({one.label for one in snapshots(session, project)}) > 1

    clean(session, project)
    late.begin()

    assert contents(waiting.wait(WAIT_S))["r.txt"] == b"1"
    assert contents(apart.wait(WAIT_S))["r.txt"] == b"apart"
    assert contents(run(session, project, program("still works")))["r.txt"] == b"still works"
    clean(session, project)
    assert not [one for one in revisions(session, project) if "/snapshots/" in one.label]


def test_a_running_job_ends_as_if_nothing_had_happened(session, project, tmp_path):
    sign = tmp_path / "go on"
    running = submit(session, project, source=waiting_for(sign, says="begun", then=program("to the end")))
    follow_until_text(running)
    (data,) = session.client.revisions(f"/pollinator/{project.name}/data", "hello.txt")
    (project.data / "hello.txt").write_text("changed meanwhile")
    run(session, project, program("another"))

    clean(session, project)
    assert readable(session, data.ref.s3object.object)  # it may still be fetching what was there when it began
    sign.touch()

    assert contents(running.wait(WAIT_S))["r.txt"] == b"to the end"
    clean(session, project)
    assert not readable(session, data.ref.s3object.object)
