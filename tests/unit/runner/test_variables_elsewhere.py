"""The codec on the other side: old interpreters, and jobs in which packages are missing."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PureWindowsPath
from uuid import UUID

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from other_sides import echo, pythons
from sameness import assert_same

from pollinator_magic.runner.variables import formats, load, save

PLAIN = {
    "nothing": None,
    "yes": True,
    "number": 3,
    "large": 10**5000,
    "real": 0.1,
    "unreal": [float("nan"), float("inf"), -0.0],
    "text": "grüß\r\n日本",
    "halves": "\ud800\udc00",
    "data": b"\xff\x00",
    "buffer": bytearray(b"x"),
    "nested": {"a": [1, (2, {3: {4}})], "$int": {5: 6}},
    "pair": (1, 2j),
    "sets": [set(), frozenset({1})],
    "dates": [
        dt.date(2020, 1, 2),
        dt.datetime(2020, 1, 2, 3, 4, 5, 6, dt.timezone.utc),
        dt.time(1, 2),
        dt.timedelta(-1, 2, 3),
    ],
    "fixed": dt.datetime(2020, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1), "named")),
    "exact": [Decimal("1.10"), Fraction(1, 3), UUID(int=7), range(3)],
    "paths": [Path("/a/b"), PureWindowsPath("c:\\x")],
    "maps": [OrderedDict(b=1), Counter("aab"), defaultdict(list, a=[1])],
}


@pytest.mark.parametrize("python", pythons().values(), ids=pythons())
def test_plain_values_go_through_a_python_that_has_nothing_but_itself(tmp_path, python):
    for name, value in PLAIN.items():
        save(value, tmp_path / "in", name)

    said = echo(tmp_path / "in", tmp_path, python=python, bare=True)

    assert said["formats"] == ["json", "text", "bytes", "tree"]
    assert said["imported"] == []
    for name, value in PLAIN.items():
        assert_same(load(tmp_path / "back", name), value)


@pytest.mark.parametrize("python", pythons().values(), ids=pythons())
def test_what_a_bare_python_cannot_read_says_what_to_install(tmp_path, python):
    values = {
        "array": np.arange(3),
        "frame": pd.DataFrame({"x": [1]}),
        "tree": {"a": [np.arange(3)]},
        "picture": PIL.Image.new("RGB", (2, 2)),
        "moment": np.datetime64("2020-01-01"),
    }
    for name, value in values.items():
        save(value, tmp_path / "in", name)

    said = echo(tmp_path / "in", tmp_path, python=python, bare=True)

    for name in ("array", "tree", "moment"):
        assert "needs numpy" in said[name]
        assert "--pip numpy" in said[name]
    assert "--pip Pillow" in said["picture"]
    assert "--pip pyarrow" in said["frame"]
    assert not (tmp_path / "back").exists()


def test_numbers_of_numpy_are_equal_numbers_where_there_is_no_numpy(tmp_path):
    for name, value in {"a": np.float64(0.1), "b": np.int8(-3), "c": [np.bool_(True), np.float32(0.5)]}.items():
        save(value, tmp_path / "in", name)

    said = echo(tmp_path / "in", tmp_path, bare=True)

    assert said["a"] == "float"
    assert_same([load(tmp_path / "back", name) for name in "abc"], [0.1, -3, [True, 0.5]])


def test_a_zone_by_name_needs_a_python_that_knows_zones(tmp_path):
    moment = dt.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC"))
    save(moment, tmp_path / "in", "moment")
    for version, python in pythons().items():
        said = echo(tmp_path / "in", tmp_path / version, python=python, bare=True)
        if version == "3.8":
            assert "needs Python 3.9" in said["moment"]
        else:
            assert_same(load(tmp_path / version / "back", "moment"), moment)


def frames() -> dict[str, object]:
    return {
        "frame": pd.DataFrame({"n": [1, 2], "f": [1.5, np.nan], "s": pd.array(["x", None], dtype="str")}),
        "rich": pd.DataFrame(
            {
                "c": pd.Categorical(["x", "y"], ["y", "x", "z"], ordered=True),
                "t": pd.date_range("2020", periods=2, tz="Europe/Stockholm"),
                "o": pd.Series([[1], None], dtype=object),
                "i": pd.array([1, None], dtype="Int64"),
            },
            index=pd.Index(["a", "b"], name="key"),
        ),
        "series": pd.Series([1, 2], name="n"),
        "dates": pd.date_range("2020", periods=3, freq="D"),
        "tree": {"a": [np.arange(3), pd.DataFrame({"x": [1]})]},
    }


def test_frames_go_through_a_job_that_has_pandas_but_no_pyarrow(tmp_path):
    for name, value in frames().items():
        save(value, tmp_path / "in", name)

    said = echo(tmp_path / "in", tmp_path, hidden="pyarrow")

    assert "parquet" not in said["formats"]
    for name, value in frames().items():
        assert_same(in_objects(load(tmp_path / "back", name)), in_objects(value))


def in_objects(value: object) -> object:
    """The same with its text as objects: where there is Arrow, pandas keeps text in Arrow's memory."""
    if isinstance(value, dict | list):
        return [in_objects(item) for item in (value.values() if isinstance(value, dict) else value)]
    if isinstance(value, pd.Index):
        return value.astype(object) if isinstance(value.dtype, pd.StringDtype) else value
    if isinstance(value, pd.DataFrame):
        text = {label: object for label, dtype in value.dtypes.items() if isinstance(dtype, pd.StringDtype)}
        frame = value.astype(text).set_axis(in_objects(value.index)).set_axis(in_objects(value.columns), axis=1)
        if "c" in frame:
            frame["c"] = frame["c"].cat.set_categories(in_objects(value["c"].cat.categories))
        return frame
    return value


def test_a_frame_of_a_notebook_without_pyarrow_can_be_read_by_one_that_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr("pollinator_magic.runner.tables.has_pyarrow", lambda: False)
    for name, value in frames().items():
        assert save(value, tmp_path / "in", name)["format"] in {"columns", "tree"}
    monkeypatch.undo()

    said = echo(tmp_path / "in", tmp_path)

    assert "parquet" in said["formats"]
    for name, value in frames().items():
        assert_same(load(tmp_path / "back", name), value)


def test_a_large_frame_names_what_a_job_without_pyarrow_must_install(tmp_path, monkeypatch):
    monkeypatch.setattr("pollinator_magic.runner.rich.ALTERNATIVE", 100)
    save(pd.DataFrame({"n": np.arange(100)}), tmp_path / "in", "frame")

    said = echo(tmp_path / "in", tmp_path, hidden="pyarrow")

    assert "--pip pyarrow" in said["frame"]


@pytest.mark.parametrize("version", ["12.0.0", "14.0.0", "9"])
def test_a_pyarrow_that_could_run_code_is_not_used(tmp_path, monkeypatch, version):
    save(pd.DataFrame({"n": [1]}), tmp_path, "x", reads=formats())
    save(pd.DataFrame({"n": [1]}), tmp_path, "y")
    monkeypatch.setattr("pyarrow.__version__", version)

    assert "parquet" not in formats()
    assert save(pd.DataFrame({"n": [1]}), tmp_path, "z")["format"] == "columns"
    assert_same(in_objects(load(tmp_path, "y")), in_objects(pd.DataFrame({"n": [1]})))
    with pytest.raises(ValueError, match=r"needs pyarrow 14\.0\.1"):
        load(tmp_path, "x")
