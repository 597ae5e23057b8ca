"""Names that may travel, and labels."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.cfs.names import check_path, label_of, normal_label, path_below
from pollinator_magic.errors import UnsafeName


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "/", "/etc/passwd", "a/../b", "a//b", "a/", "./a", "a/.", "../a", "a/b/.."),
        *(
            "a\\b",
            "..\\a",
            "C:",
            "c:\\a",
            "C:a",
            "sub/D:x",
            "\\\\host\\share",
            "a\x00b",
            "a\nb",
            "a\x1b[31m",
            "\x7f",
            "\x85",
        ),
        os.fsdecode(b"latin-\xe9"),
    ],
)
def test_a_path_that_could_leave_its_directory_or_is_no_name_is_refused(path):
    with pytest.raises(UnsafeName) as caught:
        check_path(path)

    assert str(caught.value).isprintable()
    assert caught.value.path == path


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a/b.c",
        ".hidden",
        "...",
        "a..b",
        "rün ☃.py",
        "2026-01-01T12:30:00.csv",
        "aux.py",
        "con",
        "-rf",
        " a ",
        "~",
        "$HOME",
    ],
)
def test_ordinary_and_odd_names_are_accepted(path):
    check_path(path, windows=False)


@pytest.mark.parametrize("path", ["aux.py", "sub/CON", "nul.tar.gz", "a:b", "a?", "a.", "a ", "com1", "x|y", 'q"'])
def test_names_that_windows_cannot_hold_are_refused_there(path):
    with pytest.raises(UnsafeName):
        check_path(path, windows=True)


@given(st.text())
def test_whatever_is_accepted_stays_below_the_directory(path):
    try:
        check_path(path)
    except UnsafeName:
        return

    assert os.path.normpath(f"/top/{path}") == "/top/" + path


paths = st.lists(st.text("abü. ", min_size=1).filter(lambda part: part not in {".", ".."}), min_size=1).map("/".join)


@given(paths)
def test_labels_and_names_give_the_path_back(path):
    assert path_below("/p/src", *label_of("/p/src", path)) == path


def test_labels_that_only_begin_alike_are_not_below():
    assert path_below("/p/src", "/p/src2", "a") is None
    assert path_below("/p/src", "/p", "a") is None


@pytest.mark.parametrize(
    ("label", "name"), [("/p/src", "a/b"), ("/p/src", "../a"), ("/p/src/", "a"), ("/p/src//x", "a")]
)
def test_labels_and_names_that_no_directory_tree_has_are_refused(label, name):
    with pytest.raises(UnsafeName):
        check_path(path_below("/p/src", label, name) or "")


@pytest.mark.parametrize("label", ["p/src", "/p/src", "/p/src/", "p/src//"])
def test_a_label_is_written_in_one_way(label):
    assert normal_label(label) == "/p/src"
