"""Variables on their way into a job: judged before anything is written, written only when they have changed."""

from __future__ import annotations

import io
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.errors import ProjectError, UsageError
from pollinator_magic.project.inputs import check_inputs, write_inputs
from pollinator_magic.runner import content
from pollinator_magic.runner.variables import load
from tests.fuzz.effort import effort

MiB = 1 << 20


class Writes:
    """Counts the files that are written, and their bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[str] = []
        self.size = 0
        self._store = content.store
        monkeypatch.setattr(content, "store", self._counting)

    def _counting(self, path: content.Place, *args: object) -> content.Sink:
        sink = self._store(path, *args)
        self.files.append(Path(path).name)
        self.size += sink.size
        return sink

    def since(self) -> list[str]:
        """Return what was written since this was asked the last time."""
        files, self.files = sorted(self.files), []
        return files


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(monkeypatch)


def refused(namespace: dict[str, object], *names: str, **options: object) -> str:
    with pytest.raises(UsageError) as caught:
        check_inputs(namespace, names, **options)
    return str(caught.value)


def test_variables_are_taken_as_they_are():
    array = np.zeros(3)

    found = check_inputs({"a": array, "b": 1, "_c": None}, ["a", "_c", "a"])

    assert list(found) == ["a", "_c"]
    assert found["a"] is array


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("signl", "there is no such variable in the notebook. Did you mean 'signal' or 'signal2'?"),
        ("zzz", "there is no such variable in the notebook."),
        ("lambda", "this is a word of Python, not a variable."),
        ("df.x", "this is not the name of a variable; if it is an expression, assign it to one first."),
        ("../x", "this is not the name of a variable; if it is an expression, assign it to one first."),
        ("", "this is not the name of a variable; if it is an expression, assign it to one first."),
        ("a\ud800", "this is not the name of a variable; if it is an expression, assign it to one first."),
        ("__name__", "this name is Python's own, and the job has its own value for it."),
        ("print", "this is built into Python, and the job has it too."),
        ("math", "it is a module: import it in the cell."),
        ("fit", "it is a function: define it in the cell, or in a file in cfs/src that the cell imports."),
        ("rows", "it can be read only once, and only where it is: use list(…) of it."),
        ("file", "it is an open file: use what it holds, or put the file into cfs/data."),
        (
            "large",
            "it has 7.8 KiB, and 4.0 KiB is the limit: use a part of it, or a file in cfs/data or in the results.",
        ),
        (
            "much",
            "it has 7.8 KiB, and 4.0 KiB is the limit: use a part of it, or a file in cfs/data or in the results.",
        ),
    ],
)
def test_what_cannot_go_into_a_job_is_named_with_what_to_do(name, says):
    namespace = {
        "signal": 1,
        "signal2": 2,
        "_signl": 3,
        "__name__": "__main__",
        "math": math,
        "fit": lambda: 1,
        "rows": (row for row in "abc"),
        "file": io.StringIO(),
        "large": np.zeros(1000),
        "much": "x" * 8000,
    }

    assert refused(namespace, name, limit=4 << 10) == f"--in {name!r}: {says}"


def test_all_problems_are_told_at_once():
    said = refused({"math": math, "fine": 1}, "math", "fine", "class", "lost").splitlines()

    assert said == [
        "--in names what cannot go into the job:",
        "  'math': it is a module: import it in the cell.",
        "  'class': this is a word of Python, not a variable.",
        "  'lost': there is no such variable in the notebook.",
    ]


def test_what_has_no_safe_form_may_go_as_a_pickle_if_that_is_allowed():
    namespace = {"odd": [{1: object()}]}

    assert "--allow-pickle" in refused(namespace, "odd")
    assert check_inputs(namespace, ["odd"], allow_pickle=True) == namespace


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_names_that_a_file_system_cannot_tell_apart_are_refused_there(monkeypatch, system):
    namespace = {"X": 1, "x": 2, "y": 3}
    assert check_inputs(namespace, ["X", "x", "y"]) == namespace
    monkeypatch.setattr("platform.system", lambda: system)

    assert "'x': files on this system cannot tell it from 'X'" in refused(namespace, "X", "x", "y")
    assert check_inputs(namespace, ["X", "y"])


def test_the_directory_holds_exactly_the_variables_of_this_cell(tmp_path):
    directory = tmp_path / "in"
    write_inputs(directory, {"a": 1, "df": pd.DataFrame({"x": [1]})})
    (directory / "old").mkdir()
    (directory / ".pollinator-part-killed").write_text("half")

    write_inputs(directory, {"b": np.zeros(3)})

    assert sorted(path.name for path in directory.iterdir()) == ["b.json", "b.npy"]
    write_inputs(directory, {})
    assert not directory.exists()
    write_inputs(directory, {})


def test_a_value_that_changes_its_form_leaves_nothing_of_the_old_one(tmp_path):
    for value, names in ((np.zeros(3), ["x.json", "x.npy"]), ([1], ["x.json", "x.value"])):
        write_inputs(tmp_path, {"x": value})
        assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_200_mb_cost_one_write_the_first_time_and_none_the_second(tmp_path, writes):
    array = np.zeros(25_000_000)

    write_inputs(tmp_path, {"a": array})
    assert writes.since() == ["a.json", "a.npy"]
    assert array.nbytes < writes.size < array.nbytes + 4096

    before = {path.name: path.stat() for path in tmp_path.iterdir()}
    tracemalloc.start()
    try:
        write_inputs(tmp_path, {"a": array})
        assert tracemalloc.get_traced_memory()[1] < 40 * MiB
    finally:
        tracemalloc.stop()
    assert writes.since() == []
    assert {path.name: path.stat() for path in tmp_path.iterdir()} == before

    array[-1] = 1
    write_inputs(tmp_path, {"a": array})
    assert writes.since() == ["a.json", "a.npy"]
    assert load(tmp_path, "a")[-1] == 1


VALUES = st.one_of(
    st.integers(0, 3),
    st.text("ab", max_size=2),
    st.binary(max_size=2),
    st.lists(st.integers(0, 2), max_size=2),
    st.integers(0, 2).map(lambda number: np.full(3, number)),
    st.integers(0, 2).map(lambda number: [np.full(2, number)]),
    st.integers(0, 2).map(lambda number: pd.DataFrame({"x": [number]})),
)


@effort(60)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), min_size=1, max_size=4))
def test_after_any_history_the_values_are_there_and_only_what_changed_was_written(tmp_path_factory, writes, history):
    directory = tmp_path_factory.mktemp("history")
    writes.since()
    before: dict[str, object] = {}
    for values in history:
        write_inputs(directory, values)

        changed = {name for name, value in values.items() if name not in before or not equal(before[name], value)}
        assert {file.partition(".")[0] for file in writes.since()} == changed
        assert {path.name.partition(".")[0] for path in directory.glob("*")} == set(values)
        assert all(equal(load(directory, name), value) for name, value in values.items())
        before = values


def equal(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, pd.DataFrame):
        return one.equals(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else one == other


def test_a_record_that_was_damaged_is_written_again(tmp_path, writes):
    write_inputs(tmp_path, {"a": [1]})
    (tmp_path / "a.json").write_text("{")
    writes.since()

    write_inputs(tmp_path, {"a": [1]})

    assert load(tmp_path, "a") == [1]


def test_where_nothing_can_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ProjectError, match="cannot be written to"):
        write_inputs(tmp_path / "file" / "in", {"a": 1})
