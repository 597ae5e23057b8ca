"""--cached: a run that would only repeat an earlier one is that one, and nothing else ever is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.index import hash_file
from pollinator_magic.errors import JobFailed, UsageError
from pollinator_magic.jobs import Session, cache
from pollinator_magic.jobs.parameters import combinations
from pollinator_magic.jobs.submission import find_cached, submit
from pollinator_magic.jobs.sweep import submit_each
from pollinator_magic.project import Project, Runner
from tests.jobs import ENDLESS, WAIT_S, follow_until_text, run, waiting_for, write

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.jobs import Job

CELL = "open('result/r.txt', 'w').write(open('data/hello.txt').read())"


@pytest.fixture(scope="module")
def storage(colony):
    return colony.any_storage


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """The files that are read for their checksums."""
    names: list[str] = []

    def noted(file: Path, *args: object) -> object:
        names.append(file.name)
        return hash_file(file, *args)

    monkeypatch.setattr("pollinator_magic.cfs.index.hash_file", noted)
    return names


@pytest.fixture
def earlier(session, project) -> Job:
    """A successful run of the cell."""
    return run(session, project, CELL)


# --- hits ------------------------------------------------------------------------------------------------------------


def test_the_same_cell_finds_the_earlier_job_with_its_results_for_two_requests(session, project, earlier, operations):
    operations.clear()

    found = find_cached(session, project, source=CELL)

    assert found is not None
    assert found.id == earlier.id
    assert sorted(operations) == ["getfilelabelsmsg", "getprocessmsg"]
    assert found.results["r.txt"].text() == "Hello from the data directory!\n"


def test_a_new_session_and_a_new_look_at_the_project_find_it_too(colony, storage, project, earlier):
    with colony.session(storage) as later:
        found = find_cached(later, Project.open(project.root), source=CELL)

        assert found is not None
        assert found.id == earlier.id


def test_a_project_that_was_moved_finds_it_too(session, project, earlier, tmp_path):
    project.root.rename(tmp_path / "moved")

    found = find_cached(session, Project.open(tmp_path / "moved"), source=CELL)

    assert found is not None
    assert found.id == earlier.id


def test_the_newest_of_several_is_found(session, project, earlier):
    newer = run(session, project, CELL)

    assert find_cached(session, project, source=CELL).id == newer.id


def test_a_later_run_that_failed_does_not_hide_it(session, project, tmp_path):
    cell = f"import os\nif os.path.exists({str(tmp_path / 'broken')!r}): raise SystemExit(1)\n{CELL}"
    good = run(session, project, cell)
    (tmp_path / "broken").touch()
    with pytest.raises(JobFailed):
        run(session, project, cell)

    assert find_cached(session, project, source=cell).id == good.id


def test_changing_back_finds_the_first_run_again(session, project, earlier):
    run(session, project, "print('another')")

    assert find_cached(session, project, source=CELL).id == earlier.id


def test_results_that_are_here_are_enough(session, project, earlier, operations):
    earlier.fetch_results()
    remove_results(session, earlier)

    found = find_cached(session, project, source=CELL)

    assert found.id == earlier.id


def test_nothing_is_hashed_twice_nor_asked_for_being_remembered(session, project, hashed, operations):
    ours = ["hello.txt", "main.py", "start.sh"]
    assert find_cached(session, project, source=CELL) is None
    assert operations == []
    assert sorted(hashed) == ours

    submit(session, project, source=CELL).wait(WAIT_S)
    assert find_cached(session, project, source=CELL) is not None

    assert sorted(name for name in hashed if name in ours) == ours


# --- misses ----------------------------------------------------------------------------------------------------------


def test_a_cell_that_has_never_run_is_not_found_and_nothing_is_asked(session, project, operations):
    assert find_cached(session, project, source=CELL) is None
    assert operations == []


@pytest.mark.parametrize(
    "options",
    [
        {"mem": "2Gi"},
        {"nodes": 1, "ppn": 2},
        {"walltime": "3m"},
        {"image": "docker.io/other"},
        {"cmd": "python3 -X dev"},
        {"init": "echo prepared"},
        {"env": {"A": "1"}},
        {"executors": ("another",)},
    ],
)
def test_other_conditions_are_another_run(session, project, earlier, options):
    assert find_cached(session, project.with_options(**options), source=CELL) is None


def test_another_cell_is_another_run(session, project, earlier):
    assert find_cached(session, project, source=CELL + " ") is None


def test_another_file_beside_the_cell_is_another_run(session, project, earlier):
    write(project.src, {"helper.py": "x = 1"})

    assert find_cached(session, project, source=CELL) is None


def test_a_run_with_the_notebook_runner_is_another_run(session, project, earlier):
    assert find_cached(session, project, source=CELL, runner=Runner()) is None


def test_another_value_of_an_input_is_another_run(session, project):
    cell = "open('result/r.txt', 'w').write(str(a))"
    job = submit(session, project, source=cell, runner=Runner(inputs={"a": 1})).wait(WAIT_S)

    assert find_cached(session, project, source=cell, runner=Runner(inputs={"a": 2})) is None
    assert find_cached(session, project, source=cell, runner=Runner(inputs={"a": 1})).id == job.id


@pytest.mark.parametrize("change", [{"hello.txt": "changed"}, {"added.txt": "new"}])
def test_other_data_is_another_run_and_its_return_is_not(session, project, earlier, change):
    before = (project.data / "hello.txt").read_bytes()
    write(project.data, change)
    assert find_cached(session, project, source=CELL) is None

    for name in change:
        (project.data / name).unlink()
    write(project.data, {"hello.txt": before})

    assert find_cached(session, project, source=CELL).id == earlier.id


def test_a_job_that_may_have_read_other_data_than_it_was_submitted_with_is_not_found(session, project, tmp_path):
    release = tmp_path / "release"
    cell = waiting_for(release, says="begun", then=CELL)
    slow = submit(session, project, source=cell)
    follow_until_text(slow)
    before = (project.data / "hello.txt").read_bytes()
    write(project.data, {"hello.txt": "changed"})
    run(session, project, "pass")
    release.touch()
    slow.wait(WAIT_S)
    write(project.data, {"hello.txt": before})

    assert find_cached(session, project, source=cell) is None


@pytest.mark.parametrize("cell", ["raise SystemExit(1)", ENDLESS])
def test_a_job_that_failed_or_still_runs_is_not_found(session, project, cell):
    job = submit(session, project, source=cell)
    if cell == ENDLESS:
        follow_until_text(job)
    else:
        with pytest.raises(JobFailed):
            job.wait(WAIT_S)

    assert find_cached(session, project, source=cell) is None
    job.cancel()


def test_a_job_whose_results_are_gone_is_not_found(session, project, earlier):
    remove_results(session, earlier)

    assert find_cached(session, project, source=CELL) is None


def test_a_job_that_the_server_has_forgotten_is_not_found(session, project, earlier):
    session.client.remove_process(earlier.id)

    assert find_cached(session, project, source=CELL) is None


def test_fingerprints_of_another_version_are_not_found(session, project, earlier, monkeypatch):
    monkeypatch.setattr(cache, "_SCHEME", cache._SCHEME + 1)

    assert find_cached(session, project, source=CELL) is None


def test_another_colony_has_not_run_it(session, project, earlier):
    with Session(replace(session.connection, colony="another")) as elsewhere:
        assert find_cached(elsewhere, project, source=CELL) is None


def test_jobs_that_share_their_results_are_never_taken_for_each_other(session, project):
    project.file.write_text(project.file.read_text() + "results: shared\n")

    with pytest.raises(UsageError, match="results: shared"):
        find_cached(session, Project.open(project.root), source=CELL)


# --- sweeps ----------------------------------------------------------------------------------------------------------

SWEPT = "import os\nopen('result/r.txt', 'w').write(os.environ['x'])"


def test_each_job_of_a_sweep_is_looked_up_by_itself(session, project, operations):
    first = submit_each(session, project, combinations(["x=1:3"]), source=SWEPT).wait(WAIT_S)
    operations.clear()
    said: list[str] = []

    wider = submit_each(session, project, combinations(["x=2:5"]), source=SWEPT, cached=True, announce=said.append)

    assert [job.id for job in wider[:2]] == [job.id for job in first[1:]]
    assert operations.count("submitfuncspecmsg") == 2
    assert "Cached: 2 of 4 jobs ran before" in said[-1]
    wider.wait(WAIT_S)
    assert [results["r.txt"].text() for results in wider.results] == ["2", "3", "4", "5"]


def test_a_sweep_of_which_every_job_is_known_sends_nothing(session, project, operations):
    first = submit_each(session, project, combinations(["x=1:3"]), source=SWEPT).wait(WAIT_S)
    operations.clear()

    again = submit_each(session, project, combinations(["x=1:3"]), source=SWEPT, cached=True)

    assert [job.id for job in again] == [job.id for job in first]
    assert set(operations) == {"getfilelabelsmsg", "getprocessmsg"}
    assert len(operations) == 6


def test_a_job_of_a_sweep_is_not_taken_for_the_same_cell_without_parameters(session, project):
    submit_each(session, project, combinations(["x=1"]), source=SWEPT).wait(WAIT_S)

    assert find_cached(session, project, source=SWEPT) is None
    assert find_cached(session, project.with_options(env={"x": "1"}), source=SWEPT) is None


def test_jobs_that_were_run_again_are_known_too(session, project):
    first = submit_each(session, project, combinations(["x=1"]), source=SWEPT).wait(WAIT_S)
    again = first.rerun().wait(WAIT_S)

    found = submit_each(session, project, combinations(["x=1"]), source=SWEPT, cached=True)

    assert found[0].id == again[0].id


def remove_results(session, job: Job) -> None:
    for label in session.client.labels_below(job.result_label):
        for file in session.client.files(label.name):
            session.client.remove_files_named(label.name, file.name)
