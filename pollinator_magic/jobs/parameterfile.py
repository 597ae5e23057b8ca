"""The table of `--map`: a file with one job a row, its columns named as the variables of the cell.

A column of a `.csv` or `.tsv` is of numbers, or of true and false, only if all its cells are; else all of it is text.
An empty cell is None there, and an empty text in a column of text. `.json` (a list of objects) and `.jsonl` (one object
a line) say themselves what their values are.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pollinator_magic.errors import UsageError
from pollinator_magic.jobs.parameters import checked_name, combinations, crossed, refuse_too_many, typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LARGEST = 16 << 20  # bytes: a table of a thousand jobs is far smaller


def parameter_sets(each: Sequence[str], map_file: Path | str | None) -> list[dict[str, object]]:
    """Return the parameters of each job that `--each` and `--map` ask for; together, each row with each combination.

    Raises UsageError.
    """
    return combinations(each) if map_file is None else crossed(rows(map_file), each)


def rows(path: Path | str) -> list[dict[str, object]]:
    """Return the rows of a table, all with the same names; raise UsageError that names the line."""
    file = Path(path).expanduser()
    readers = {".csv": _separated, ".tsv": _separated, ".json": _json, ".jsonl": _json_lines, ".ndjson": _json_lines}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise UsageError(f"--map {str(path)!r} must be a table: a file that ends in .csv, .tsv, .json or .jsonl.")
    found = reader(file, _text(file))
    if not found:
        raise UsageError(
            f"--map {str(path)!r} has no rows. Its first line names the variables, each further one a job."
        )
    return found


def _text(file: Path) -> str:
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            raise UsageError(f"--map {str(file)!r} has {size >> 20} MiB, and at most {_LARGEST >> 20} MiB are read.")
        with file.open(encoding="utf-8-sig", newline="") as source:  # a line end within a cell is the cell's
            return source.read()
    except UnicodeDecodeError:
        raise UsageError(f"--map {str(file)!r} is not text in UTF-8. Save it as such.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"--map {str(file)!r} cannot be read: {reason}.") from None


# --- .csv and .tsv ---------------------------------------------------------------------------------------------------


def _separated(file: Path, text: str) -> list[dict[str, object]]:
    tabs = file.suffix.lower() == ".tsv"
    lines = _lines(file, text, "\t" if tabs else ",")
    _, header = next(lines, (0, []))
    names = [checked_name(name.strip(), f"--map {file.name!r}, a column") for name in header]
    _refuse_doubles(file, names)
    table = []
    for line, cells in lines:
        if len(cells) != len(names):
            raise UsageError(
                f"--map {file.name!r}, line {line}: {len(cells)} cells where the header has {len(names)} names. "
                f"Columns are separated by {'tabs' if tabs else 'commas'}; a cell that holds one stands in quotes."
            )
        table.append(cells)
    refuse_too_many(len(table), f"--map {file.name!r} asks for")
    columns = [_column([row[number] for row in table]) for number in range(len(names))]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _lines(file: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that hold anything, with the number of the line in which each ends."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UsageError(f"--map {file.name!r}, line {reader.line_num}: {error}.") from None


def _column(cells: Sequence[str]) -> Sequence[object]:
    """Return the cells of one column as values of one kind."""
    values = [typed(cell.strip()) if cell.strip() else None for cell in cells]
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool} or kinds <= {int}:
        return values
    if kinds <= {int, float}:
        return [float(value) if isinstance(value, int) else value for value in values]
    return cells


# --- .json and .jsonl ------------------------------------------------------------------------------------------------


def _json(file: Path, text: str) -> list[dict[str, object]]:
    found = _parsed(file, text, 0)
    if not isinstance(found, list):
        raise UsageError(f'--map {file.name!r} must be a list of objects, such as [{{"lr": 0.1}}, {{"lr": 0.01}}].')
    return _uniform(file, [(f"row {number}", row) for number, row in enumerate(found, 1)])


def _json_lines(file: Path, text: str) -> list[dict[str, object]]:
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return _uniform(file, [(f"line {number}", _parsed(file, line, number - 1)) for number, line in numbered])


def _parsed(file: Path, text: str, lines_before: int) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_doubles(file, [name for name, _ in pairs])
        return dict(pairs)

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise UsageError(f"--map {file.name!r}, line {lines_before + error.lineno}: {error.msg}.") from None
    except RecursionError:
        raise UsageError(f"--map {file.name!r} is nested too deeply.") from None
    except ValueError as error:  # a number of thousands of digits, or NaN
        raise UsageError(f"--map {file.name!r} holds what is not a value: {error}.") from None


def _uniform(file: Path, numbered: Sequence[tuple[str, Any]]) -> list[dict[str, object]]:
    """Return the rows if all are objects with the same names."""
    refuse_too_many(len(numbered), f"--map {file.name!r} asks for")
    found: list[dict[str, object]] = []
    for where, row in numbered:
        if not isinstance(row, dict) or not row:
            raise UsageError(f"--map {file.name!r}, {where}: must be an object with a value for each variable.")
        named = {checked_name(name, f"--map {file.name!r}, {where}"): value for name, value in row.items()}
        for name in sorted(set(found[0]) ^ set(named)) if found else ():
            problem = f"lacks {name!r}" if name in found[0] else f"has {name!r}"
            raise UsageError(f"--map {file.name!r}, {where}: {problem}, unlike the rows before it.")
        found.append(named)
    return found


def _refuse_doubles(file: Path, names: Sequence[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise UsageError(f"--map {file.name!r} has {name[:60]!r} twice.")
        seen.add(name)
