"""What cleaning up leaves alone, and what it finds; with one of the object stores, because it does not matter which."""

from __future__ import annotations

import pytest
from cleaning import clean, objects, program, readable, revisions, snapshots

from pollinator_magic.cfs import push
from pollinator_magic.jobs import submit
from pollinator_magic.jobs.housekeeping import Housekeeping, Policy
from pollinator_magic.project import Project
from tests.jobs import WAIT_S, contents, run


@pytest.fixture(scope="module")
def storage(colony):
    return colony.any_storage


def test_jobs_of_another_user_of_the_same_project_are_safe(
    colony, session, project, storage, late, tmp_path, monkeypatch
):
    with colony.session(storage) as bob:
        theirs = Project.create(tmp_path / "bob", project.executors)
        theirs.file.write_text(project.file.read_text())
        theirs = Project.open(theirs.root)
        waiting = submit(bob, theirs.with_options(executors=(late.name,)), source=program("of bob"))
        ended = run(bob, theirs, program("of bob, ended"))
        run(session, project, program("of alice"))

        cleaning = clean(session, project)

        assert ended.id in {job.process.processid for job in cleaning.jobs}
        late.begin()
        assert contents(waiting.wait(WAIT_S))["r.txt"] == b"of bob"
        # Whoever comes back after half an hour takes a new snapshot: the old one may have been cleaned up.
        monkeypatch.setattr(push, "REUSED_FOR_S", 0)
        assert contents(run(bob, theirs, program("of bob, ended")))["r.txt"] == b"of bob, ended"


def test_nothing_younger_than_an_hour_goes_whatever_is_asked_for(session, project):
    job = run(session, project, program(1))
    run(session, project, program(2))

    cleaning = Housekeeping(session, project, Policy(0, 0)).clean()

    assert not cleaning
    assert len(snapshots(session, project)) == 2
    assert contents(job)["r.txt"] == b"1"


def test_objects_of_deleted_files_go(session, project):
    (project.src / "big.bin").write_text("first")
    run(session, project, program(1))
    (project.src / "big.bin").write_text("second")
    run(session, project, program(1))
    contents_of_big = {one.ref.s3object.object for one in revisions(session, project) if one.name == "big.bin"}
    (project.src / "big.bin").unlink()
    run(session, project, program(2))

    clean(session, project)

    assert len(contents_of_big) == 2
    assert not any(readable(session, name) for name in contents_of_big)
    assert not (project.state / "clean.json").exists()


def test_a_snapshot_that_somebody_has_named_stays_with_its_files(session, project, tmp_path):
    run(session, project, program("for the paper"))
    named = session.client.create_snapshot(f"/pollinator/{project.name}/src", f"paper-{project.name[:8]}")
    for number in range(2):
        run(session, project, program(number))

    clean(session, project)

    files = session.filesystem.checkout(named.snapshotid, named.label, tmp_path / "paper")
    assert program("for the paper") in [file.read_text().strip() for file in files]


def test_a_project_whose_name_begins_alike_is_left_alone(session, project, executor, tmp_path):
    inner = Project.create(tmp_path / "inner", executor)
    inner.file.write_text(inner.file.read_text().replace(inner.name, f"{project.name}/inner"))
    inner = Project.open(inner.root)
    for number in range(2):
        run(session, inner, program(number))
        run(session, project, program(number))
    before = objects(session, inner), snapshots(session, inner)

    assert clean(session, project)

    assert (objects(session, inner), snapshots(session, inner)) == before
    assert all(readable(session, name) for name in before[0])


def test_results_here_of_a_process_that_this_colony_does_not_know_stay(session, project):
    elsewhere = project.state / "jobs" / ("ab" * 32) / "result"
    elsewhere.mkdir(parents=True)
    (elsewhere / "r.txt").write_text("of another colony")

    clean(session, project)

    assert (elsewhere / "r.txt").read_text() == "of another colony"


def test_shared_results_keep_their_newest_files(session, project):
    project.file.write_text(project.file.read_text() + "results: shared\n")
    shared = Project.open(project.root)
    for number in range(3):
        run(session, shared, f"import os; os.chdir(os.environ['PROJECT_DIR'])\n{program(number)}")

    cleaning = clean(session, shared)

    label = f"/pollinator/{project.name}/result"
    assert len(session.client.revisions(label, "r.txt")) == 1
    assert len(cleaning.plan.objects) >= 2
    assert readable(session, session.client.file_named(label, "r.txt").ref.s3object.object)
