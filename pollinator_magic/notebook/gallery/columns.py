"""Parquet and Feather: shape and types from what the file says of itself, the first rows from its first part.

Only as much is decoded as the file says is little. A pyarrow before 14.0.1 is not used: with it, a Parquet file could
run code when it was read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pollinator_magic.notebook.gallery.preview import Preview, Problem, one_line, plural
from pollinator_magic.notebook.gallery.tables import CELL, COLUMNS, LOADED_ROWS, Table, cell_text, shape_in_words

if TYPE_CHECKING:
    from pathlib import Path

DECODED_BYTES = 64 << 20
"""How much may have to be decoded for the first rows, as the file says it."""
SAFE_PYARROW = (14, 0, 1)
_ITEMS = 5
_DEPTH = 2


def parquet(path: Path) -> Preview:
    """Show a Parquet file; raise Problem if it cannot be read."""
    with path.open("rb") as file:
        if file.read(4) not in {b"PAR1", b"PARE"}:
            raise Problem("not a Parquet file")
    pa = _pyarrow()
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            schema, total = file.schema_arrow, file.metadata.num_rows
            shape = shape_in_words(plural(total, "row"), len(schema))
            rows: list[tuple[str, ...]] = []
            if total and (first := _first_columns(file)):
                batches = file.iter_batches(min(LOADED_ROWS, total), row_groups=[0], columns=first, use_threads=False)
                rows = _rows(next(iter(batches)))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Problem(f"damaged, or not a whole Parquet file: {one_line(str(error), 160)}") from None
    return _preview(schema, rows, shape, total)


def _first_columns(file: Any) -> list[str]:
    """Return the columns to show, as long as decoding their first row group is little work."""
    group, names = file.metadata.row_group(0), file.schema_arrow.names
    sizes: dict[str, int] = {}
    for position in range(min(group.num_columns, 50 * COLUMNS)):
        column = group.column(position)
        top = column.path_in_schema.split(".")[0]
        sizes[top] = sizes.get(top, 0) + max(column.total_uncompressed_size, column.total_compressed_size)
    chosen, total = [], 0
    for name in names[:COLUMNS]:
        total += sizes.get(name.split(".")[0], 0)
        if total > DECODED_BYTES:
            break
        chosen.append(name)
    return chosen


def feather(path: Path) -> Preview:
    """Show a Feather (Arrow IPC) file; raise Problem if it cannot be read."""
    with path.open("rb") as file:
        if file.read(6) != b"ARROW1":
            raise Problem("not a Feather file of version 2")
    pa = _pyarrow()
    try:
        with pa.memory_map(str(path)) as source:
            schema = pa.ipc.open_file(source).schema
            first = list(range(min(len(schema), COLUMNS)))
            options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=first)
            file = pa.ipc.open_file(source, options=options)
            parts = file.num_record_batches
            if path.stat().st_size > DECODED_BYTES * max(parts, 1):
                raise Problem("its parts are too large to be looked into")
            batch = file.get_batch(0) if parts else None
            rows = [] if batch is None else _rows(batch.slice(0, LOADED_ROWS))
            length = 0 if batch is None else batch.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Problem(f"damaged, or not a whole Feather file: {one_line(str(error), 160)}") from None
    at_least = f"at least {plural(length, 'row')}" if parts > 1 else plural(length, "row")
    return _preview(schema, rows, shape_in_words(at_least, len(schema)), length if parts <= 1 else length + 1)


def _preview(schema: Any, rows: list[tuple[str, ...]], shape: str, total: int) -> Preview:
    width = len(rows[0]) if rows else min(len(schema), COLUMNS)
    table = Table(
        names=tuple(cell_text(schema.field(i).name) for i in range(width)),
        types=tuple(one_line(str(schema.field(i).type), 24) for i in range(width)),
        rows=rows,
        shape=shape,
        complete=len(rows) == total,
    )
    return table.preview("" if rows or not total else "; its rows are too large to be shown")


def _rows(batch: Any) -> list[tuple[str, ...]]:
    return [tuple(cell_text(_cell(column[row])) for column in batch.columns) for row in range(batch.num_rows)]


def _cell(scalar: Any, depth: int = 0) -> str:
    """Write a value; of long ones only the beginning is ever made into Python objects."""
    import pyarrow as pa

    kind = scalar.type
    if not scalar.is_valid:
        return ""
    if pa.types.is_dictionary(kind) or isinstance(scalar, pa.ExtensionScalar):
        return _cell(scalar.value, depth)
    if pa.types.is_nested(kind):
        return _nested(scalar, depth) if depth < _DEPTH else "…"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text: str = scalar.as_buffer()[: 8 * CELL].to_pybytes().decode("utf-8", "replace")
        return text
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        data = scalar.as_buffer()
        return f"{data[:12].to_pybytes().hex(' ')} ({plural(data.size, 'byte')})"
    return str(scalar) if pa.types.is_temporal(kind) else str(scalar.as_py())


def _nested(scalar: Any, depth: int) -> str:
    """Write the first items of a list, or the first fields of a structure."""
    import pyarrow as pa

    kind = scalar.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        number = len(scalar.values)
        first = ", ".join(_cell(item, depth + 1) for item in scalar.values[:_ITEMS])
        return f"[{first}]" if number <= _ITEMS else f"[{first}, …] ({number:,})"
    if pa.types.is_struct(kind):
        fields = [(kind.field(i).name, scalar[i]) for i in range(min(kind.num_fields, _ITEMS))]
        inside = ", ".join(f"{name}: {_cell(value, depth + 1)}" for name, value in fields)
        return f"{{{inside}{', …' if kind.num_fields > _ITEMS else ''}}}"
    return "{…}"


def _pyarrow() -> Any:
    """Return pyarrow; raise Problem where there is none, or one that is not safe."""
    try:
        import pyarrow as pa
    except ImportError:
        raise Problem("pyarrow would show its rows here: pip install pyarrow") from None
    version = tuple(map(int, re.findall(r"\d+", pa.__version__)[:3]))
    if version < SAFE_PYARROW:
        raise Problem(f"pyarrow {pa.__version__} is not safe for files from elsewhere: pip install --upgrade pyarrow")
    return pa
