"""Directories of ended jobs: found only where they are meant, removed as a whole."""

from __future__ import annotations

import pytest
from filelock import FileLock

from pollinator_magic.jobs import localresults
from pollinator_magic.project import Project

ID = "ab" * 32


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project.create(tmp_path / "project", "local")
    result = project.state / "jobs" / ID / "result"
    result.mkdir(parents=True)
    (result / "r.txt").write_text("12345")
    return project


@pytest.mark.parametrize("name", ["..", "../..", ".", "", "jobs", ID.upper(), f"../jobs/{ID}", "/etc", "cd" * 32])
def test_only_a_directory_of_a_process_is_one(project, name):
    assert localresults.of_process(project, name) is None
    assert localresults.of_process(project, ID) == project.state / "jobs" / ID


def test_a_link_is_no_directory_of_a_process(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (project.state / "jobs" / ("cd" * 32)).symlink_to(elsewhere)

    assert localresults.of_process(project, "cd" * 32) is None


def test_one_that_somebody_is_following_into_stays(project):
    directory = project.state / "jobs" / ID
    with FileLock(directory / "reading.lock"):
        assert localresults.of_process(project, ID) is None
    assert localresults.of_process(project, ID) == directory


def test_it_goes_as_a_whole_with_what_was_left_of_another(project):
    directory = project.state / "jobs" / ID
    left = project.state / "removed" / ("ef" * 32)
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    assert localresults.size(directory) >= 5

    localresults.remove(project, [directory])
    localresults.remove(project, [directory])

    assert not directory.exists()
    assert not (project.state / "removed").exists()
    assert localresults.ids(project) == []
