"""In which form arrays, frames, tables, pictures, and values that hold them are kept."""

from __future__ import annotations

from typing import Any

from . import arrays, columns, pictures, plain, tables, trees
from .forms import Form
from .problems import TooLarge, Unsupported

ALTERNATIVE = 16 << 20
"""Up to how many bytes of memory a frame for an unknown reader is written both in Parquet and in columns."""


def forms(value: Any, reads: list[str] | None) -> list[Form]:
    """Return the safe forms of a value that is no plain one, the best one first; raise Unsupported or TooLarge."""
    if columns.is_frame(value):
        return _frame_forms(value, reads)
    return [_single(value, reads) or _tree(value, reads)]


def _single(value: Any, reads: list[str] | None) -> Form | None:
    """Return the form of a value that is one content as it is."""
    if arrays.is_array(value):
        trees.require(reads, "npy")
        arrays.check_array(value)
        return Form("npy", lambda sink: arrays.write_array(value, sink), int(value.nbytes))
    if pictures.is_picture(value):
        trees.require(reads, "image")
        pictures.check_picture(value)
        return Form("image", lambda sink: pictures.write_picture(value, sink))
    if tables.is_table(value):
        trees.require(reads, "parquet")
        tables.check_table(value)
        return Form("parquet", lambda sink: tables.write_table(value, sink), as_="table")
    return None


def _tree(value: Any, reads: list[str] | None) -> Form:
    tree = trees.Tree(value, reads)
    if columns.is_pandas(value):
        return Form("columns", tree.write_zip, tree.size)
    return Form("tree", tree.write_zip, tree.size) if tree.parts else Form("json", tree.write_json, tree.size)


def _frame_forms(value: Any, reads: list[str] | None) -> list[Form]:
    trees.require(reads, "columns")
    in_parquet = _parquet(value) if reads is None or "parquet" in reads else None
    if in_parquet is not None and (reads is not None or _memory(value) > ALTERNATIVE):
        return [in_parquet]
    try:
        in_columns = _tree(value, reads)
    except (Unsupported, TooLarge):
        if in_parquet is None:
            raise
        return [in_parquet]
    return [in_columns] if in_parquet is None else [in_parquet, in_columns]


def _parquet(value: Any) -> Form | None:
    """Return the form in Parquet, or None if there is no pyarrow or it would not give back the same."""
    if not tables.has_pyarrow() or value.attrs:  # which not all versions read
        return None
    as_: Any = "frame"
    frame = value
    if value.ndim == 1:
        try:
            as_ = {"series": plain.Encoder()(value.name)}
        except Unsupported:
            return None
        frame = value.to_frame("values")
    table = tables.table_of(frame)
    return None if table is None else Form("parquet", lambda sink: tables.write_table(table, sink), as_=as_)


def _memory(frame: Any) -> int:
    used = frame.memory_usage(deep=True)
    return int(used if frame.ndim == 1 else used.sum())
