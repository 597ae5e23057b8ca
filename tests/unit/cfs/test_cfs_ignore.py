"""Which files stay where they are."""

from __future__ import annotations

import pytest

from pollinator_magic.cfs.ignore import PART_PREFIX, Ignore
from pollinator_magic.errors import ProjectError


@pytest.mark.parametrize(
    "path",
    [
        *(".git/", "sub/.git/", "__pycache__/", "a/b/__pycache__/", "x.pyc", ".ipynb_checkpoints/", ".DS_Store"),
        *(
            ".main.py.swp",
            "main.py~",
            ".venv/",
            "node_modules/",
            ".mypy_cache/",
            ".pytest_cache/",
            ".pollinator/",
            ".cfs",
        ),
        f"sub/{PART_PREFIX}0123",
    ],
)
def test_what_nobody_wants_in_a_job_is_ignored(tmp_path, path):
    assert path in Ignore.for_root(tmp_path)


@pytest.mark.parametrize("path", ["main.py", ".hidden", "git", ".github/", "data.csv", ".pollinatorignore", "venv/"])
def test_everything_else_is_not(tmp_path, path):
    assert path not in Ignore.for_root(tmp_path)


def test_start_scripts_of_a_source_are_not_ignored(tmp_path):
    assert ".pollinator/" not in Ignore.for_source(tmp_path)
    assert not Ignore.for_source(tmp_path).covers(".pollinator/start.sh")
    assert Ignore.for_source(tmp_path).covers(".git/config")


def test_the_file_in_the_root_speaks_gitignore(tmp_path):
    (tmp_path / ".pollinatorignore").write_text("# comment\n\n*.tmp\n/only-here\nbig/\n!keep.tmp\ndoc/**/*.pdf\n")
    ignore = Ignore.for_root(tmp_path)

    for path in ("a.tmp", "sub/a.tmp", "only-here", "big/", "sub/big/", "doc/a/b/c.pdf"):
        assert path in ignore
    for path in ("keep.tmp", "sub/only-here", "big", "x.pdf"):
        assert path not in ignore


def test_a_pattern_can_bring_back_what_is_ignored_by_default(tmp_path):
    (tmp_path / ".pollinatorignore").write_text("!node_modules/\n")

    assert "node_modules/" not in Ignore.for_root(tmp_path)
    assert ".git/" in Ignore.for_root(tmp_path)


def test_patterns_of_a_project_are_relative_to_the_project(tmp_path):
    root = tmp_path / "cfs" / "data"
    root.mkdir(parents=True)
    project = tmp_path / ".pollinatorignore"
    project.write_text("/cfs/data/raw/\n*.bak\n/elsewhere\n")
    ignore = Ignore.for_root(root, files=[project])

    assert "raw/" in ignore
    assert "x.bak" in ignore
    assert "sub/raw/" not in ignore
    assert "elsewhere" not in ignore


def test_the_file_nearer_to_the_files_wins(tmp_path):
    root = tmp_path / "cfs" / "data"
    root.mkdir(parents=True)
    (tmp_path / ".pollinatorignore").write_text("*.bak\n")
    (root / ".pollinatorignore").write_text("!important.bak\n")
    ignore = Ignore.for_root(root, files=[tmp_path / ".pollinatorignore"])

    assert "x.bak" in ignore
    assert "important.bak" not in ignore


def test_nothing_is_ignored_but_temporary_files_and_markers_of_other_tools():
    ignore = Ignore.nothing()

    assert f"{PART_PREFIX}0123" in ignore
    assert ".cfs" in ignore
    assert ".git/" not in ignore
    assert "__pycache__/" not in ignore


def test_a_file_below_an_ignored_directory_is_covered(tmp_path):
    (tmp_path / ".pollinatorignore").write_text("big/\n")
    ignore = Ignore.for_root(tmp_path)

    assert ignore.covers("big/a/b")
    assert ignore.covers("sub/.git/config")
    assert not ignore.covers("small/big")


def test_an_ignore_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / ".pollinatorignore").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ProjectError, match="pollinatorignore"):
        Ignore.for_root(tmp_path)
