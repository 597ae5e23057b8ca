"""NumPy files: shape, type and first values, without reading what is not shown and without pickles."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from pollinator_magic.jobs.results import Result
from pollinator_magic.notebook.gallery.kinds import preview


def saved(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def test_an_array_shows_its_shape_its_type_and_its_first_values(result):
    shown = preview(result("a.npy", saved(np.arange(4 * 100 * 200, dtype="int16").reshape(4, 100, 200))))

    assert shown.about == "4 × 100 × 200 of int16; [0, :8, :8] shown"
    assert shown.plain.splitlines()[1].split() == ["[", "200", "201", "202", "203", "204", "205", "206", "207]"]


@pytest.mark.parametrize(
    ("array", "about"),
    [
        (np.array(1.5), "one value of float64"),
        (np.array(["ab", "c"]), "2 of text"),
        (np.zeros(3, dtype=[("x", "f4"), ("y", "i8")]), "3 of records (x, y)"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), "1 of datetime64"),
        (np.zeros((0, 3)), "0 × 3 of float64; empty"),
        (np.zeros(2, dtype="U100000"), "2 of text; its items are too large to be shown"),
    ],
)
def test_other_shapes_and_types_are_named(result, array, about: str):
    assert preview(result("a.npy", saved(array))).about == about


def test_an_array_of_objects_is_not_unpickled(result, tmp_path, monkeypatch):
    from tests.unit.front.gallery.samples import Spiteful

    monkeypatch.chdir(tmp_path)
    content = io.BytesIO()
    np.save(content, np.array([Spiteful()], dtype=object), allow_pickle=True)
    packed = io.BytesIO()
    np.savez(packed, hidden=np.array([Spiteful()], dtype=object))

    assert "pickled Python objects, which are not opened" in preview(result("a.npy", content.getvalue())).about
    assert "pickled Python objects, which are not opened" in preview(result("a.npz", packed.getvalue())).html
    assert not (tmp_path / "pwned").exists()


def test_an_array_that_was_cut_off_says_so(result):
    assert "damaged, or not whole" in preview(result("a.npy", saved(np.arange(1_000))[:500])).about


@pytest.mark.parametrize(
    "header", [b"__import__('os')", b"{'descr': '<f8', 'shape': (-1,)}", b"(" * 5_000, b"{}", b"[1]"]
)
def test_a_damaged_header_runs_nothing(result, header: bytes):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header

    assert "damaged header" in preview(result("a.npy", content)).about


def test_of_a_large_array_only_a_part_is_read(tmp_path):
    array = np.lib.format.open_memmap(tmp_path / "a.npy", mode="w+", dtype="float64", shape=(50_000, 100_000))
    del array  # 40 GB that take no room on the disk

    shown = preview(Result("a.npy", tmp_path / "a.npy"))

    assert shown.about == "50,000 × 100,000 of float64; [:8, :8] shown"
    assert "0." in shown.plain


def test_an_npz_lists_its_arrays(result):
    packed = io.BytesIO()
    np.savez_compressed(packed, **{f"a{n}": np.zeros((n, 2)) for n in range(60)})

    shown = preview(result("a.npz", packed.getvalue()))

    assert shown.about == "60 arrays; the first 50 listed"
    assert "7 × 2 of float64" in shown.html


def test_without_numpy_the_shape_is_still_shown(result, monkeypatch):
    content = saved(np.zeros((2, 3)))
    monkeypatch.setitem(sys.modules, "numpy", None)

    assert preview(result("a.npy", content)).about.startswith("2 × 3 of float64; NumPy would show")
