"""Values in files: whatever a job writes beside its results is a value, or one error that says so, in little memory."""

from __future__ import annotations

import contextlib
import json
import shutil
import tracemalloc
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from effort import effort
from hypothesis import example, given
from hypothesis import strategies as st
from wire_strategies import cut, cuts, doubled, hostile, mutated, mutations, written

from pollinator_magic.errors import ResultError, VariableError
from pollinator_magic.jobs.results import Results
from pollinator_magic.jobs.variables import Variables
from pollinator_magic.runner import content, records
from pollinator_magic.runner.variables import Unreadable, Unsupported, formats, load, read_record, save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20
KINDS = {
    "text": "text \u2603",
    "bytes": bytes(range(50)),
    "json": {"a": [1, 2.5, None, True, (1, 2), {3}], "b": complex(1, 2)},
    "tree": [np.arange(5), "x", pd.Series([1, 2])],
    "npy": np.arange(12.0).reshape(3, 4),
    "parquet": pd.DataFrame({"x": np.arange(5), "y": list("abcde")}),
    "columns": pd.DataFrame({"c": pd.Categorical(list("abcde"))}),
    "image": PIL.Image.effect_noise((9, 9), 50),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    """A directory for each kind of value, with its record and its content."""
    root = tmp_path_factory.mktemp("originals")
    for kind, value in KINDS.items():
        record = save(value, root / kind, "x", reads=formats())
        assert record["format"] == kind
    return root


@pytest.fixture
def place(tmp_path) -> Iterator[Path]:
    yield tmp_path / ".pollinator" / "out"
    shutil.rmtree(tmp_path)


def variables_of(directory: Path, *, allow_pickle: bool = False) -> Variables:
    job = SimpleNamespace(id="ab" * 32, short_id="abababababab", succeeded=True, allow_pickle=allow_pickle)
    return Variables(job, directory.parent)


def fill(place: Path, originals: Path, kind: str) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(originals / kind, place)
    return place / "x.json"


def read_in_every_way(place: Path) -> None:
    """Read what is there as a notebook does."""
    found = variables_of(place)
    assert repr(found).isprintable() or "\n" in repr(found)
    assert len(list(found)) + len(found.problems) <= 1
    for name in found:
        try:
            found[name]
        except VariableError as error:
            assert str(error).isprintable()  # noqa: PT017  not raising is as good
            assert len(str(error)) < 700  # noqa: PT017  the same
    with contextlib.suppress(Unreadable):
        load(place, "x")


@given(
    kind=st.sampled_from(sorted(KINDS)), changes=mutations, edits=cuts | st.just([]), at=st.none() | st.integers(0, 9)
)
@example("npy", [([7], "<nested 900>")], [], None)
@effort(100)
def test_a_record_with_anything_in_any_place_is_read_or_refused(originals, place, kind, changes, edits, at):
    file = fill(place, originals, kind)
    text = written(mutated(json.loads(file.read_text()), changes))
    file.write_bytes(cut((text if at is None else doubled(text, at)).encode(), edits))

    read_in_every_way(place)


@given(
    field=st.sampled_from(["type", "shape", "dtype", "versions", "as", "alternatives", "problem", "name"]),
    value=hostile,
)
@example("shape", "<nested 900>")
@example("type", "<nested 900>")
@effort(80)
def test_what_a_record_says_of_its_value_may_be_anything(originals, place, field, value):
    file = fill(place, originals, "npy")
    file.write_text(written({**json.loads(file.read_text()), field: value}))

    read_in_every_way(place)


@given(kind=st.sampled_from(sorted(KINDS)), of=st.sampled_from(sorted(KINDS)), edits=cuts | st.just([]))
@effort(100)
def test_a_content_of_any_other_kind_is_read_or_refused_in_bounded_memory(originals, place, kind, of, edits):
    file = fill(place, originals, kind)
    record = json.loads(file.read_text())
    other = json.loads((originals / of / "x.json").read_text())["file"]
    data = cut((originals / of / other).read_bytes(), edits)
    (place / record["file"]).write_bytes(data)
    about = content.measure(lambda sink: content.put(data, sink))
    file.write_text(json.dumps({**record, "size": about.size, "sha256": about.sha256}))
    tracemalloc.start()
    try:
        read_in_every_way(place)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 * MIB


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.dates()
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.booleans(), inner, max_size=3)
        | st.frozensets(st.integers() | st.text(max_size=3), max_size=3)
    ),
    max_leaves=8,
)
arrays = st.lists(st.floats(allow_nan=False) | st.integers(-9, 9), max_size=5).map(np.array)
frames = st.dictionaries(st.sampled_from(["a", "b", ""]), st.lists(st.integers(-9, 9), min_size=2, max_size=2)).map(
    pd.DataFrame
)


@given(value=st.one_of(json_values, arrays, frames, st.lists(json_values | arrays | frames, max_size=2)))
@effort(100)
def test_what_is_saved_is_loaded_as_what_it_was_or_cannot_be_saved(place, value):
    try:
        save(value, place, "x", reads=formats())
    except Unsupported:
        return

    back = variables_of(place)["x"]

    assert type(back) is type(value)
    assert same(back, value)


def same(back: Any, value: Any) -> bool:
    if isinstance(value, pd.DataFrame):
        return back.equals(value)
    if isinstance(value, np.ndarray):
        return back.dtype == value.dtype and back.shape == value.shape and bool((back == value).all())
    if isinstance(value, list | tuple):
        return len(back) == len(value) and all(
            type(a) is type(b) and same(a, b) for a, b in zip(back, value, strict=True)
        )
    if isinstance(value, dict):
        return list(map(type, back)) == list(map(type, value)) and all(same(back[key], value[key]) for key in value)
    if isinstance(value, frozenset):
        return back == value and Counter(map(type, back)) == Counter(map(type, value))
    return back == value and str(back) == str(value)


@given(name=st.text(max_size=10) | st.sampled_from(["..", "../x", "a/b", "CON", "x.json", "é", "a" * 300, "x\n"]))
@effort(50)
def test_no_name_of_a_variable_leaves_its_directory(place, name):
    shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(Unsupported, Unreadable):
        save(1, place, name)
        assert load(place, name) == 1
    with contextlib.suppress(Unreadable):
        read_record(place, name)

    assert records.is_name(name) or not place.exists()
    around = {path.relative_to(place.parent.parent).parts[0] for path in place.parent.parent.rglob("*")}
    assert around <= {".pollinator"}


@given(
    ending=st.sampled_from([".csv", ".tsv", ".json", ".npy", ".png", ".jpg", ".parquet", ".txt", ""]),
    kind=st.sampled_from(sorted(KINDS)),
    edits=cuts | st.just([]),
)
@effort(50)
def test_a_result_that_is_not_what_its_ending_says_is_one_error(originals, tmp_path, ending, kind, edits):
    other = json.loads((originals / kind / "x.json").read_text())["file"]
    (tmp_path / f"r{ending}").write_bytes(cut((originals / kind / other).read_bytes(), edits))

    try:
        Results(tmp_path)[f"r{ending}"].load()
    except ResultError as error:
        assert str(error).isprintable()  # noqa: PT017  not raising is as good
    (tmp_path / f"r{ending}").unlink()
