"""Results that are not what their names say, and what lies beside the results and is none of them."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from pollinator_magic.errors import ResultError
from pollinator_magic.jobs.results import Results, show


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def png() -> bytes:
    file = io.BytesIO()
    PIL.Image.effect_noise((90, 90), 50).save(file, "PNG")
    return file.getvalue()


DAMAGED = {
    "half.parquet": pd.DataFrame({"x": range(100)}).to_parquet()[:-20],
    "empty.parquet": b"",
    "none.parquet": b"a,b\n1,2\n",
    "half.png": png()[:900],
    "none.png": b"<html>not a picture</html>",
    "empty.jpg": b"",
    "broken.json": b'{"a": ',
    "deep.json": b"[" * 10_000 + b"]" * 10_000,
    "latin.json": b'"\xff"',
    "objects.npy": npy(np.array([{}], dtype=object)),
    "half.npy": npy(np.zeros(100))[:-8],
    "none.npy": b"x",
    "empty.csv": b"",
    "binary.csv": b"\xff\xfe\x00,\x00\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_result_is_one_error_that_names_it_and_where_its_bytes_are(tmp_path, name):
    (tmp_path / name).write_bytes(DAMAGED[name])
    result = Results(tmp_path)[name]

    with pytest.raises(ResultError) as caught:
        result.load()

    said = str(caught.value)
    assert caught.value.name == name
    assert repr(name) in said
    assert str(tmp_path / name) in said
    assert len(said.splitlines()) == 1
    assert caught.value.__cause__ is None
    assert result.bytes() == DAMAGED[name]


def test_an_error_cannot_forge_the_terminal_that_shows_it(tmp_path):
    name = "a\x1b[2J.json"
    (tmp_path / name).write_bytes(b"{")

    with pytest.raises(ResultError) as caught:
        Results(tmp_path)[name].load()

    assert "\x1b" not in str(caught.value)


def test_an_array_of_objects_says_how_to_read_it_for_who_trusts_it(tmp_path):
    (tmp_path / "a.npy").write_bytes(DAMAGED["objects.npy"])

    with pytest.raises(ResultError, match=r"you trust the job: numpy\.load"):
        Results(tmp_path)["a.npy"].array()


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("a\n1\n")
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ResultError, match=r"needs pandas, which is not installed here: pip install"):
        Results(tmp_path)["a.csv"].load()


def test_a_whole_picture_is_loaded(tmp_path):
    (tmp_path / "a.png").write_bytes(png())

    assert Results(tmp_path)["a.png"].load().size == (90, 90)


def write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(name))


def test_what_values_and_displays_are_kept_in_is_no_result(tmp_path):
    write(
        tmp_path, "fit.csv", ".pollinator/value.json", ".pollinator/out/x.json", "sub/.pollinator/mine", ".pollinators"
    )
    files = [path for path in tmp_path.rglob("*") if path.is_file()]

    for results in (Results(tmp_path), Results(tmp_path, files)):
        assert list(results) == [".pollinators", "fit.csv", "sub/.pollinator/mine"]
        assert len(results) == 3
        assert ".pollinator/value.json" not in results
        with pytest.raises(KeyError):
            results[".pollinator/value.json"]


def test_what_values_are_kept_in_is_not_shown_in_the_projects_results(tmp_path):
    write(tmp_path / "job", "fit.csv", ".pollinator/value.json")

    show(Results(tmp_path / "job"), tmp_path / "shown", tmp_path / "state")

    assert [path.name for path in (tmp_path / "shown").iterdir()] == ["fit.csv"]
