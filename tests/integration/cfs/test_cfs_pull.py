"""Results down, and trees up as executors send them, against a real server and real stores."""

from __future__ import annotations

import uuid

import pytest

from pollinator_magic.cfs.scope import MARKER


@pytest.fixture
def new_job(place, tmp_path):
    """Uploads results as an executor does; returns their label."""

    def make(**files: str) -> str:
        root = tmp_path / uuid.uuid4().hex
        label = f"/pollinator/p/jobs/{uuid.uuid4().hex}/result"
        for name, content in files.items():
            file = root / name.replace("__", "/").replace("_csv", ".csv").replace("_png", ".png")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        place.filesystem.upload_tree(root, label)
        return label

    return make


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cfs" / "result"


def contents(target):
    return {file.relative_to(target).as_posix(): file.read_text() for file in target.rglob("*") if file.is_file()}


def test_the_results_of_a_job_come_down(place, new_job, target):
    label = new_job(fit_csv="1", sub__plot_png="p")

    files = place.filesystem.pull(label, target, state=place.state)

    assert files == [target / "fit.csv", target / "sub/plot.png"]
    assert contents(target) == {"fit.csv": "1", "sub/plot.png": "p"}


def test_results_in_subdirectories_only_come_down_without_the_marker(place, new_job, target):
    label = new_job(sub__plot_png="p")

    files = place.filesystem.pull(label, target)

    assert files == [target / "sub/plot.png"]
    assert contents(target) == {"sub/plot.png": "p"}
    assert [file.name for file in place.client.files(label)] == [MARKER]


def test_a_job_without_results_gives_an_empty_directory(place, target):
    assert place.filesystem.pull("/pollinator/p/jobs/none/result", target, state=place.state) == []
    assert target.is_dir()


def test_only_matching_results_are_fetched(place, new_job, target):
    label = new_job(fit_csv="1", sub__deep_csv="2", plot_png="p")

    assert place.filesystem.pull(label, target, patterns=["*.csv"]) == [target / "fit.csv", target / "sub/deep.csv"]
    assert place.filesystem.pull(label, target, patterns=["sub/*"]) == [target / "sub/deep.csv"]
    assert contents(target) == {"fit.csv": "1", "sub/deep.csv": "2"}


def test_a_second_pull_with_other_patterns_keeps_what_the_first_one_brought(place, new_job, target):
    label = new_job(fit_csv="1", plot_png="p")

    place.filesystem.pull(label, target, state=place.state, patterns=["*.csv"])
    place.filesystem.pull(label, target, state=place.state, patterns=["*.png"])

    assert contents(target) == {"fit.csv": "1", "plot.png": "p"}


def test_results_that_are_here_already_are_not_fetched_again(place, new_job, target, store):
    label = new_job(fit_csv="1", sub__plot_png="p")
    place.filesystem.pull(label, target, state=place.state)
    reads = store.reads

    place.filesystem.pull(label, target, state=place.state)
    place.filesystem.pull(label, target)

    assert store.reads == reads


def test_the_next_jobs_results_take_the_place_of_the_last_ones(place, new_job, target):
    place.filesystem.pull(new_job(fit_csv="1", old_csv="x"), target, state=place.state)

    place.filesystem.pull(new_job(fit_csv="2", new_csv="y"), target, state=place.state)

    assert contents(target) == {"fit.csv": "2", "new.csv": "y"}


def test_a_result_that_was_changed_by_hand_is_kept_beside_the_new_one(place, new_job, target):
    place.filesystem.pull(new_job(fit_csv="1", notes_csv="n"), target, state=place.state)
    (target / "fit.csv").write_text("corrected")
    (target / "notes.csv").write_text("my notes")

    place.filesystem.pull(new_job(fit_csv="2"), target, state=place.state)

    assert contents(target) == {"fit.csv": "2", "fit.local-1.csv": "corrected", "notes.csv": "my notes"}


def test_files_of_the_user_in_the_result_directory_stay(place, new_job, target):
    target.mkdir(parents=True)
    (target / "mine.txt").write_text("mine")
    (target / "fit.csv").write_text("also mine")

    for number in "12":
        place.filesystem.pull(new_job(fit_csv=number), target, state=place.state)

    assert contents(target) == {"mine.txt": "mine", "fit.csv": "2", "fit.local-1.csv": "also mine"}


def test_a_result_that_was_deleted_here_comes_again_when_asked_for(place, new_job, target):
    label = new_job(fit_csv="1", other_csv="o")
    place.filesystem.pull(label, target, state=place.state)
    (target / "fit.csv").unlink()

    place.filesystem.pull(label, target, state=place.state)

    assert contents(target) == {"fit.csv": "1", "other.csv": "o"}


def test_results_that_were_purged_on_the_server_stay_here(place, new_job, target):
    label = new_job(fit_csv="1")
    place.filesystem.pull(label, target, state=place.state)
    place.client.remove_files_named(label, "fit.csv")

    assert place.filesystem.pull(label, target, state=place.state) == []
    assert contents(target) == {"fit.csv": "1"}


def test_a_pull_changes_nothing_on_the_server(place, new_job, target):
    label = new_job(fit_csv="1", other_csv="o")
    place.filesystem.pull(label, target, state=place.state)
    (target / "fit.csv").write_text("changed")
    (target / "other.csv").unlink()
    (target / "new.csv").write_text("new")
    before = {file.name: file.checksum for file in place.client.files(label)}

    place.filesystem.pull(label, target, state=place.state)

    assert {file.name: file.checksum for file in place.client.files(label)} == before


def test_uploading_a_tree_again_sends_only_what_differs(place, tmp_path, store):
    root = tmp_path / "job"
    root.mkdir()
    (root / "a.txt").write_text("a")
    (root / ".hidden").write_text("h")
    (root / "empty").write_text("")
    label = f"{place.label}/result"
    assert place.filesystem.upload_tree(root, label) == 3
    (root / "a.txt").write_text("b")

    assert place.filesystem.upload_tree(root, label) == 1
    assert {file.name for file in place.client.files(label)} == {"a.txt", ".hidden", "empty"}


def test_uploading_a_directory_that_does_not_exist_uploads_nothing(place, tmp_path):
    assert place.filesystem.upload_tree(tmp_path / "none", "/pollinator/p/jobs/x/result") == 0
