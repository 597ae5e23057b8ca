"""A cell never destroys a source file that was written by hand."""

from __future__ import annotations

import pytest

from pollinator_magic.project import Project


@pytest.fixture
def project(tmp_path):
    return Project.create(tmp_path / "p", "local", sample_files=False)


def write_cell(project: Project, text: str):
    kept = project.keep_replaced_source(text)
    project.write_source(text)
    return kept


def test_cells_overwrite_each_other_without_ado(project):
    assert write_cell(project, "print(1)") is None
    assert write_cell(project, "print(2)") is None
    assert not (project.state / "replaced").exists()


def test_a_file_written_by_hand_is_kept_before_a_cell_takes_its_place(project):
    (project.src / "main.py").write_text("mine")

    kept = write_cell(project, "print(1)")

    assert kept is not None
    assert kept.read_text() == "mine"
    assert (project.src / "main.py").read_text() == "print(1)\n"


def test_a_cells_file_that_was_edited_is_kept_under_another_name_each_time(project):
    for number in range(3):
        write_cell(project, "print(1)")
        (project.src / "main.py").write_text(f"edited {number}")
    write_cell(project, "print(1)")

    assert sorted(path.read_text() for path in (project.state / "replaced").iterdir()) == [
        "edited 0",
        "edited 1",
        "edited 2",
    ]


def test_the_same_text_and_an_empty_file_need_no_keeping(project):
    (project.src / "main.py").write_text("print(1)\n")
    assert write_cell(project, "print(1)") is None
    (project.src / "main.py").write_text("\n")
    assert write_cell(project, "print(2)") is None


def test_a_damaged_memory_only_keeps_too_much(project):
    write_cell(project, "print(1)")
    (project.state / "cells.json").write_text("[")

    assert write_cell(project, "print(2)").read_text() == "print(1)\n"
