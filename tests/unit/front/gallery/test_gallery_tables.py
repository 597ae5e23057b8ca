"""Tables: shape, types and first rows of files of any size, and sorting of what was loaded."""

from __future__ import annotations

import sys
import tracemalloc

import pandas as pd
import pytest

from pollinator_magic.notebook.gallery import columns, tables
from pollinator_magic.notebook.gallery.kinds import preview
from pollinator_magic.notebook.gallery.preview import Kind
from pollinator_magic.notebook.gallery.tables import Table


def test_a_table_shows_its_shape_its_types_and_its_first_rows(result):
    text = "a,b,c,d\n" + "".join(f"{row},{row / 2},x,2026-01-02\n" for row in range(100))

    shown = preview(result("t.csv", text))

    assert shown.about == "100 rows × 4 columns; the first 20 shown"
    assert shown.table.types == ("integer", "number", "text", "date")
    assert ">19</td>" in shown.html
    assert ">20</td>" not in shown.html


def test_a_small_table_is_not_called_a_part(result):
    assert preview(result("t.csv", "a\n1\n")).about == "1 row × 1 column"


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_the_separator_is_found(result, name: str, separator: str):
    text = f"x{separator}y\n1,5{separator}2\n" if separator != "," else "x,y\n1,2\n"

    assert preview(result(name, text)).table.names == ("x", "y")


def test_quoted_line_ends_and_missing_cells_belong_to_their_row(result):
    shown = preview(result("t.csv", 'a,b,c\n"one\ntwo",2\n1,2,3,4\n'))

    assert shown.table.rows == [("one two", "2", "", ""), ("1", "2", "3", "4")]


def test_a_byte_order_mark_and_other_encodings_do_not_get_into_the_names(result):
    assert preview(result("t.csv", "\ufeffa,b\n1,2\n".encode())).table.names == ("a", "b")
    assert preview(result("t.csv", "a,b\n1,2\n".encode("utf-16"))).table.names == ("a", "b")
    latin = preview(result("t.csv", "größe,b\n1,2\n".encode("latin-1")))
    assert latin.table.names == ("größe", "b")
    assert "Latin-1" in latin.about


def test_of_a_csv_of_five_gigabytes_only_the_beginning_is_read(tmp_path):
    path = tmp_path / "large.csv"
    row = b"1234567,0.12345,some text\n"
    with path.open("wb") as file:
        file.write(b"number,value,text\n" + row * 60_000)
        file.truncate(5 << 30)  # the rest takes no room on the disk

    from pollinator_magic.jobs.results import Result

    tracemalloc.start()
    try:
        shown = preview(Result("large.csv", path))
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()

    estimate = (5 << 30) / len(row)
    assert f"about {round(estimate, -7):,.0f} rows" in shown.about
    assert "the first 20 shown" in shown.about
    assert not shown.table.complete


def test_a_row_without_an_end_is_no_trouble(result, monkeypatch):
    monkeypatch.setattr(tables, "TABLE_BYTES", 300_000)

    shown = preview(result("t.csv", "x" * 1_000_000))

    assert "field larger than field limit" in shown.about
    assert len(shown.html) < 3_000


def test_a_wide_table_is_cut_and_says_so(result):
    shown = preview(result("t.csv", ",".join(f"c{n}" for n in range(1_000)) + "\n" + "1," * 999 + "1\n"))

    assert "1,000 columns (the first 20 shown)" in shown.about
    assert len(shown.table.names) == 20


def test_rows_are_sorted_by_value_with_missing_cells_last():
    table = Table(("n",), ("number",), [("10",), ("9",), ("",), ("-1e3",), ("nan",)], "5 rows", complete=True)

    assert [row[0] for row in table.sorted_by(0).rows] == ["-1e3", "9", "10", "nan", ""]
    assert [row[0] for row in table.sorted_by(0, descending=True).rows] == ["nan", "10", "9", "-1e3", ""]
    assert "only" not in table.sorted_by(0).about


def test_text_is_sorted_as_text():
    table = Table(("n",), ("text",), [("b",), ("A",), ("10",)], "3 rows", complete=True)

    assert [row[0] for row in table.sorted_by(0).rows] == ["10", "A", "b"]


def test_sorting_a_part_says_that_it_is_one(result):
    rows = tables.LOADED_ROWS + 10
    shown = preview(result("t.csv", "n\n" + "".join(f"{n}\n" for n in range(rows))))

    about = shown.table.sorted_by(0, descending=True).about

    assert f"{rows:,} rows" in about
    assert "only the first 2,000 rows are loaded and sorted" in about


def test_lines_of_json_are_a_table(result):
    shown = preview(result("m.jsonl", '{"a": 1, "b": "x"}\n{"a": 2.5, "c": [1, 2]}\n'))

    assert shown.table.names == ("a", "b", "c")
    assert shown.table.rows == [("1", "x", ""), ("2.5", "", "[1, 2]")]


@pytest.mark.parametrize("text", ["[1]\n[2]\n", '{"a": 1}\n{"a":\n', "[" * 100_000 + "\n"])
def test_lines_of_json_that_are_no_table_are_shown_as_text(result, text: str):
    shown = preview(result("m.jsonl", text))

    assert shown.table is None
    assert "<pre" in shown.html


def test_parquet_says_its_shape_and_types_and_reads_its_first_rows(tmp_path, result):
    frame = pd.DataFrame(
        {
            "n": range(5_000),
            "f": 0.5,
            "s": "text",
            "t": pd.Timestamp("2026-01-02", tz="UTC"),
            "list": [[1, 2]] * 5_000,
        }
    )
    frame["bytes"] = b"\0\1"
    frame["dict"] = [{"a": 1, "b": None}] * 5_000
    frame["cat"] = pd.Categorical(["x"] * 5_000)
    frame.loc[0, "s"] = None
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=1_000)

    shown = preview(result("t.parquet", (tmp_path / "t.parquet").read_bytes()))

    assert shown.about.startswith("5,000 rows × 8 columns")
    assert shown.table.types[:3] == ("int64", "double", "large_string") or shown.table.types[:3] == (
        "int64",
        "double",
        "string",
    )
    assert shown.table.rows[0] == (
        "0",
        "0.5",
        "",
        "2026-01-02 00:00:00+00:00",
        "[1, 2]",
        "00 01 (2 bytes)",
        "{a: 1, b: }",
        "x",
    )
    assert not shown.table.complete


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_a_file_that_was_cut_off_is_said_to_be_damaged(tmp_path, result, ending: str):
    frame = pd.DataFrame({"n": range(1_000)})
    path = tmp_path / f"whole.{ending}"
    frame.to_parquet(path) if ending == "parquet" else frame.to_feather(path)

    shown = preview(result(f"t.{ending}", path.read_bytes()[:-50]))

    assert shown.kind is Kind.TABLE
    assert "damaged, or not a whole" in shown.about
    assert "\n" not in shown.about


def test_huge_cells_are_never_made_into_python_objects(tmp_path, result):
    pd.DataFrame({"list": [list(range(1_000_000))], "s": ["x" * 5_000_000]}).to_parquet(tmp_path / "t.parquet")

    tracemalloc.start()
    try:
        shown = preview(result("t.parquet", (tmp_path / "t.parquet").read_bytes()))
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()

    assert shown.table.rows[0][0] == "[0, 1, 2, 3, 4, …] (1,000,000)"
    assert len(shown.html) < 3_000


def test_parquet_whose_first_rows_take_too_much_to_decode_shows_its_shape_only(tmp_path, result, monkeypatch):
    monkeypatch.setattr(columns, "DECODED_BYTES", 1_000)
    pd.DataFrame({"s": [f"text {n}" for n in range(5_000)]}).to_parquet(tmp_path / "t.parquet")

    shown = preview(result("t.parquet", (tmp_path / "t.parquet").read_bytes()))

    assert "5,000 rows × 1 column" in shown.about
    assert "too large to be shown" in shown.about
    assert shown.table.rows == []


def test_without_pyarrow_it_says_what_would_help(tmp_path, result, monkeypatch):
    pd.DataFrame({"n": [1]}).to_parquet(tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    assert "pip install pyarrow" in preview(result("t.parquet", content)).about


def test_a_pyarrow_that_could_run_code_is_not_used(tmp_path, result, monkeypatch):
    import pyarrow as pa

    pd.DataFrame({"n": [1]}).to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(pa, "__version__", "14.0.0")

    shown = preview(result("t.parquet", (tmp_path / "t.parquet").read_bytes()))

    assert "not safe" in shown.about
    assert shown.table is None


def test_feather_says_its_shape(tmp_path, result):
    pd.DataFrame({f"c{n}": range(100) for n in range(30)}).to_feather(tmp_path / "t.feather")

    shown = preview(result("t.feather", (tmp_path / "t.feather").read_bytes()))

    assert shown.about.startswith("100 rows × 30 columns (the first 20 shown)")
    assert shown.table.rows[7][0] == "7"
