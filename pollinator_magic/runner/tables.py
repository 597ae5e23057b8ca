"""Data frames of pandas, and tables of Arrow, as Parquet files.

Parquet is used for a frame only if it gives back the same index, columns and types, which is tried with the frame's
schema; for others there is the form of `columns`.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from .arrays import imported
from .problems import TooLarge, Unreadable, Unsupported

if TYPE_CHECKING:
    from .content import Sink

MAX_DECODED = 4 << 30
"""Bytes of a table in memory, as far as its file tells: a few bytes of Parquet can stand for any number."""
_SAFE = (14, 0, 1)  # before it, a Parquet file could run code when it was read
_OBJECTS = ("string", "bytes", "date", "empty")  # what Arrow gives back from a column of objects as it was
_ROWS_AT_ONCE = 1 << 14
NEEDED = "pyarrow 14.0.1 or newer, which this Python does not have: install it (in a job: --pip pyarrow)"


def has_pyarrow() -> bool:
    """Whether there is a pyarrow that reads Parquet safely; it is not imported for that."""
    loaded = getattr(sys.modules.get("pyarrow"), "__version__", None)
    if loaded is not None:
        return _is_safe(loaded)
    if importlib.util.find_spec("pyarrow") is None:
        return False
    from importlib import metadata

    try:
        return _is_safe(metadata.version("pyarrow"))
    except metadata.PackageNotFoundError:
        return False


def _is_safe(version: str) -> bool:
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return tuple(numbers) >= _SAFE


def is_table(value: object) -> bool:
    """Whether it is a table of Arrow."""
    module = sys.modules.get("pyarrow")
    return module is not None and type(value) is module.Table


def table_of(frame: Any) -> Any:
    """Return a data frame as an Arrow table, or None if Parquet would not give back the same frame."""
    pandas, pa = sys.modules["pandas"], importlib.import_module("pyarrow")
    if frame.columns.inferred_type not in {"string", "integer"}:  # of others Arrow warns, or makes text of them
        return None
    objects = (frame.iloc[:, at] for at, dtype in enumerate(frame.dtypes) if dtype == "object")
    if any(pandas.api.types.infer_dtype(column, skipna=True) not in _OBJECTS for column in objects):
        return None
    try:
        table = pa.Table.from_pandas(frame)
        survives = _is_alike(frame.iloc[:0], _through_parquet(table.slice(0, 0)).to_pandas())
    except Exception:  # noqa: BLE001  Arrow refuses in many ways what it does not have
        return None
    return table if survives and _decoded(table) <= MAX_DECODED else None


def check_table(table: Any) -> None:
    """Raise Unsupported or TooLarge for a table that Parquet would not give back as it is."""
    if not has_pyarrow():
        raise Unsupported("it is a table of a pyarrow older than 14.0.1: use .to_pydict()")
    try:
        survives = _through_parquet(table.slice(0, 0)).schema.equals(table.schema, check_metadata=True)
    except Exception:  # noqa: BLE001  as above
        survives = False
    if not survives:
        raise Unsupported("it is an Arrow table with types that Parquet does not have: use .cast(…), or .to_pydict()")
    if _decoded(table) > MAX_DECODED:
        raise TooLarge(_decoded(table), MAX_DECODED)


def write_table(table: Any, sink: Sink | BinaryIO) -> None:
    """Write the Parquet form, in which lists call their items as Arrow does."""
    importlib.import_module("pyarrow.parquet").write_table(table, sink, use_compliant_nested_type=False)


def read_table(file: BinaryIO) -> Any:
    """Return the Arrow table of a Parquet file; raise Unreadable before it takes more than MAX_DECODED bytes."""
    if not has_pyarrow():
        raise Unreadable(f"it is in Parquet, and reading it needs {NEEDED}")
    pa, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    try:
        found = parquet.ParquetFile(_native(file))
        about = found.metadata
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        claimed = max(about.num_rows * max(about.num_columns, 1) * 8, sum(group.total_byte_size for group in groups))
        _check_decoded(claimed)
        batches, decoded = [], 0
        for batch in found.iter_batches(_ROWS_AT_ONCE):
            decoded += sum(_own_size(column) for column in batch.columns)
            _check_decoded(decoded)
            batches.append(batch)
        return pa.Table.from_batches(batches, found.schema_arrow)
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001  damaged files make Arrow raise whatever is nearest
        raise Unreadable(f"its content is no whole Parquet file ({type(error).__name__})") from None


def read_frame(file: BinaryIO) -> Any:
    """Return the data frame of a Parquet file; raise Unreadable."""
    imported("pandas")
    table = read_table(file)
    try:
        return table.to_pandas()
    except Exception as error:  # noqa: BLE001  as above
        raise Unreadable(f"pandas cannot make a data frame of its content ({type(error).__name__})") from None


def _decoded(table: Any) -> int:
    return int(max(table.nbytes, table.num_rows * table.num_columns * 8))


def _own_size(column: Any) -> int:
    """Return the bytes of a column; of one that refers to a dictionary, which all batches share, those of its codes."""
    return int(getattr(column, "indices", column).nbytes)


def _check_decoded(size: int) -> None:
    if size > MAX_DECODED:
        raise Unreadable(f"it would take {size} bytes of memory, which is more than is read here")


def _native(file: BinaryIO) -> Any:
    """Return what Arrow reads without the interpreter.

    Its threads let go of a file when the table has long been returned. If that is one of Python's, they need the
    interpreter for it, and abort a program that ends at this moment (github.com/apache/arrow/issues/34314).
    """
    pa = importlib.import_module("pyarrow")
    name = getattr(file, "name", None)
    if isinstance(name, (str, os.PathLike)):
        return pa.OSFile(os.fspath(name))
    memory = pa.BufferOutputStream()
    memory.write(file.read())
    return pa.BufferReader(memory.getvalue())


def _through_parquet(table: Any) -> Any:
    file = io.BytesIO()
    write_table(table, file)
    file.seek(0)
    return read_table(file)


def _is_alike(frame: Any, other: Any) -> bool:
    """Whether two frames without rows have the same columns, types and kind of index."""
    return (
        list(frame.dtypes) == list(other.dtypes)
        and _is_alike_index(frame.columns, other.columns)
        and list(frame.columns) == list(other.columns)
        and _is_alike_index(frame.index, other.index)
    )


def _is_alike_index(index: Any, other: Any) -> bool:
    return (
        type(index) is type(other)
        and list(index.names) == list(other.names)
        and getattr(index, "freq", None) == getattr(other, "freq", None)
        and (list(index.dtypes) == list(other.dtypes) if index.nlevels > 1 else index.dtype == other.dtype)
    )
