"""Names and labels, from here and from there: inside the directory always, and the same file on both sides."""

from __future__ import annotations

import contextlib
import os
from pathlib import PurePosixPath, PureWindowsPath

from effort import effort
from hypothesis import example, given
from hypothesis import strategies as st
from inprocess import spec

from pollinator_magic.cfs.ignore import Ignore
from pollinator_magic.cfs.index import LocalIndex
from pollinator_magic.cfs.names import check_path, label_of, normal_label, path_below
from pollinator_magic.colonies.models import Process
from pollinator_magic.errors import PollinatorError, UnsafeName
from pollinator_magic.executors.specs import SpecRefused, directory_below, task_of
from pollinator_magic.project.naming import executor_name_problem, project_name_problem, source_problem

PIECES = st.sampled_from(
    [
        "a",
        "b.c",
        "..",
        ".",
        "",
        "/",
        "\\",
        "C:",
        "con",
        "nul.txt",
        " ",
        "~",
        "é",
        "e\u0301",
        "\0",
        "\n",
        "\u202e",
        "$X",
        "%",
        "*",
    ]
)
paths = st.lists(PIECES, max_size=5).map("/".join) | st.lists(PIECES, max_size=4).map("".join) | st.text(max_size=8)


def accepted(path: str, *, windows: bool = False) -> bool:
    try:
        check_path(path, windows=windows)
    except UnsafeName as error:
        return not (str(error).isprintable() and error.path == path)
    return True


@given(paths)
@example("a/..")
@example("a\\..\\..\\b")
@effort(200)
def test_what_is_accepted_stays_inside_on_every_system(path):
    if accepted(path):
        assert os.path.normpath(f"/top/{path}") == f"/top/{path}"
        assert not PurePosixPath(path).is_absolute()
    if accepted(path, windows=True):
        there = PureWindowsPath("C:/top") / path
        assert there.parts[:2] == ("C:\\", "top")
        assert ".." not in there.parts
        assert len(there.parts) == 2 + len(path.split("/"))


@given(st.sampled_from(["/p/src", "/p", "/p/src/a"]), paths, paths)
@example("/p/src", "/p/src/", "a")
@example("/p/src", "/p/src/a", "b/c")
@effort(300)
def test_a_label_and_a_name_are_one_file_here_and_back_or_none(root, inner, name):
    for label in (root, f"{root}/{inner}", inner, f"/{inner}"):
        path = path_below(root, label, name)
        if path is None:
            assert label != root
            assert not label.startswith(root + "/")
        elif accepted(path):
            assert label_of(root, path) == (label, name)


@given(paths)
@effort(100)
def test_a_label_is_normal_after_the_first_time(label):
    assert normal_label(normal_label(label)) == normal_label(label)


@given(
    st.lists(st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1), max_size=4)
)
@effort(80)
def test_what_a_scan_finds_could_come_down_again(tmp_path_factory, names):
    root = tmp_path_factory.mktemp("scan")
    for name in names:
        with contextlib.suppress(OSError, IsADirectoryError):
            (root / name).write_text("x")

    with contextlib.suppress(PollinatorError):
        scan = LocalIndex().scan(root, Ignore.nothing())
        for path in scan.tree:
            check_path(path)
            assert label_of("/x", path)[1] in names


@given(paths, paths, paths)
@effort(150)
def test_an_executor_puts_files_below_its_directory_or_refuses(tmp_path, directory, mount, process_id):
    asked = spec()
    asked.fs.dirs[0].dir, asked.fs.snapshots[0].dir, asked.fs.mount = directory, f"/{directory}", mount
    root = tmp_path / "root"
    try:
        task_of(Process(processid=process_id, spec=asked))
    except SpecRefused:
        return
    for each in (directory, f"/{directory}"):
        place = directory_below(root, each)
        assert os.path.normpath(place) == str(place).rstrip("/")
        assert place.is_relative_to(root)
        assert place != root


@given(paths)
@effort(150)
def test_names_that_a_project_may_have_are_names_of_directories_and_files_inside(name):
    for shared in (True, False):
        if project_name_problem(name, shared_results=shared) is None:
            assert os.path.normpath(f"/pollinator/{name}") == f"/pollinator/{name}"
    if source_problem(name) is None:
        inside = os.path.normpath(f"/src/{name}")
        assert inside.startswith("/src/")
        assert ".." not in PureWindowsPath(name).parts
    if executor_name_problem(name) is None:
        assert ":" not in name
        assert "\n" not in name
