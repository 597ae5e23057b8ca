"""In which form a value is kept: the safest that gives it back exactly and that the other side reads."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from . import arrays, columns, content, pictures, plain, records, tables, trees
from .problems import TooLarge, Unsupported, shown

if TYPE_CHECKING:
    from .content import Sink, Write

ALTERNATIVE = 16 << 20
"""Up to how many bytes of memory a frame for an unknown reader is written both in Parquet and in columns."""
_PICKLE = 4  # the protocol: Python 3.4 and newer read it


class Form:
    """One way to keep a value: what writes its content, and what a reader must know."""

    def __init__(self, kind: str, write: Write, size: int | None = None, *, as_: Any = None) -> None:
        self.kind = kind
        self.write = write
        self.size = size
        """Bytes at least, as far as known before writing."""
        self._as = as_

    def about(self, name: str, written: Sink) -> dict[str, Any]:
        """Return what a record says of the content, for a reader."""
        return {
            "format": self.kind,
            "file": records.content_of(name, self.kind),
            "size": written.size,
            "sha256": written.sha256,
            "as": self._as,
        }


def forms_of(value: Any, reads: list[str] | None, *, allow_pickle: bool, limit: int | None) -> list[Form]:
    """Return the forms in which a value will be written, the best one first; raise Unsupported or TooLarge.

    `reads` are the formats that the other side reads, None if that is not known.
    """
    try:
        forms = _safe_forms(value, reads)
    except Unsupported:
        if not allow_pickle:
            raise
        forms = [_pickled(value, limit)]
    size = forms[0].size
    if limit is not None and size is not None and size > limit:
        raise TooLarge(size, limit)
    return forms


def _safe_forms(value: Any, reads: list[str] | None) -> list[Form]:
    if columns.is_frame(value):
        return _frame_forms(value, reads)
    return [_single(value, reads) or _tree(value, reads)]


def _single(value: Any, reads: list[str] | None) -> Form | None:
    """Return the form of a value that is one content as it is."""
    if type(value) is str and plain.is_unicode(value):
        text = value.encode()
        return Form("text", lambda sink: content.put(text, sink), len(text))
    if type(value) in {bytes, bytearray}:
        return Form("bytes", lambda sink: content.put(value, sink), len(value), as_=type(value).__name__)
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


def _pickled(value: Any, limit: int | None) -> Form:
    def write(sink: Sink) -> None:
        pickle.Pickler(sink, protocol=_PICKLE).dump(value)

    try:
        size = content.measure(write, limit).size
    except TooLarge:
        raise
    except Exception as error:  # noqa: BLE001  any class can refuse in its own way
        raise Unsupported(f"it cannot be pickled either ({type(error).__name__}: {shown(error)})") from None
    return Form("pickle", write, size)
