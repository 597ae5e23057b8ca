"""Tables: the first rows of text tables (CSV, TSV, lines of JSON), and how any table is shown and sorted.

Of a large file only the beginning is read; the number of its rows is then an estimate, and called one.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem, escape, one_line, plural
from pollinator_magic.notebook.gallery.text import Beginning, beginning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

TABLE_BYTES = 1 << 20
"""How much of a text table is read."""
LOADED_ROWS = 2_000
"""How many rows are kept, to be sorted."""
SHOWN_ROWS = 20
COLUMNS = 20
CELL = 60
"""How much of a cell is shown, in characters."""
PLAIN_ROWS = 10
PLAIN_COLUMNS = 8

_INTEGER = re.compile(r"[+-]?\d{1,30}")
_NUMBER = re.compile(
    r"[+-]?(?:\d{1,60}\.?\d{0,60}|\.\d{1,60})(?:[eE][+-]?\d{1,4})?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_NUMERIC = ("integer", "number", "int", "uint", "float", "double", "half", "decimal")
_TRUTHS = {"true", "false"}
_MISSING = {"", "na", "n/a", "null", "none"}


@dataclass(frozen=True)
class Table:
    """The loaded part of a table, as text."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    shape: str
    """Rows and columns of the whole table, in words."""
    complete: bool
    """Whether `rows` are all there are."""
    order: str = ""
    """How the rows were sorted, in words."""

    def sorted_by(self, column: int, *, descending: bool = False) -> Table:
        """Return the table with its loaded rows in order of a column: numbers by value, missing cells last."""
        present = [row for row in self.rows if row[column].lower() not in _MISSING]
        missing = [row for row in self.rows if row[column].lower() in _MISSING]
        numeric = all(_NUMBER.fullmatch(row[column]) for row in present)

        def key(row: tuple[str, ...]) -> tuple[float, str]:
            value = float(row[column]) if numeric else 0.0
            return (math.inf if math.isnan(value) else value, "" if numeric else row[column].casefold())

        part = "" if self.complete else f"; only the first {len(self.rows):,} rows are loaded and sorted"
        direction = ", largest first" if descending else ""
        return replace(
            self,
            rows=sorted(present, key=key, reverse=descending) + missing,
            order=f"sorted by {self.names[column]}{direction}{part}",
        )

    @property
    def about(self) -> str:
        """The shape, how many rows are shown, and their order."""
        shown = min(len(self.rows), SHOWN_ROWS)
        part = f"the first {shown} shown" if shown < len(self.rows) or not self.complete else ""
        return "; ".join(filter(None, [self.shape, part, self.order]))

    def html(self) -> str:
        """Return the first rows as HTML."""
        sides = [f'style="text-align:{"right" if kind.startswith(_NUMERIC) else "left"}"' for kind in self.types]
        head = "".join(
            f"<th {side}>{escape(name)}{f'<br><small><i>{escape(kind)}</i></small>' if kind else ''}</th>"
            for name, kind, side in zip(self.names, self.types, sides, strict=True)
        )
        body = "".join(
            "<tr>" + "".join(f"<td {side}>{escape(cell)}</td>" for cell, side in zip(row, sides, strict=True)) + "</tr>"
            for row in _shown(self.rows[:SHOWN_ROWS])
        )
        table = f'<table style="margin:0"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        return f'<div style="max-height:32em;overflow:auto">{table}</div>'

    def plain(self) -> str:
        """Return a few rows as text, columns under each other."""
        rows = [self.names, *_shown(self.rows[:PLAIN_ROWS])]
        cells = [[cell[:24] for cell in row[:PLAIN_COLUMNS]] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)
        return "\n".join(lines)

    def preview(self, remark: str = "") -> Preview:
        """Return the table as the preview of a file."""
        return Preview(Kind.TABLE, self.about + remark, html=self.html(), plain=self.plain(), table=self)


def _shown(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [tuple(cell if len(cell) <= CELL else cell[: CELL - 1] + "…" for cell in row) for row in rows]


def cell_text(text: str) -> str:
    """Return what is kept of a cell: enough to sort by, and clean."""
    return one_line(text, 4 * CELL)


def separated(path: Path) -> Preview:
    """Show a CSV or TSV file, whichever separator it has; raise Problem if it is no text table."""
    found = beginning(path, TABLE_BYTES)
    if found is None:
        raise Problem("binary")
    head = found.text.split("\n", 1)[0]
    separator = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=head.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(found.text, newline=""), delimiter=separator) if row]
    except csv.Error as error:
        raise Problem(f"no table: {error}") from None
    if not found.whole and len(rows) > 1:
        rows.pop()  # the bound has cut it
    if not rows:
        raise Problem("an empty table")
    names, body = rows[0], rows[1:]
    width = max(len(names), max(map(len, body[:LOADED_ROWS]), default=0))
    names += [""] * (width - len(names))
    number = plural(len(body), "row") if found.whole else _estimated(found, path.stat().st_size, len(body))
    return _table(names, body, number, complete=found.whole and len(body) <= LOADED_ROWS).preview(found.remark)


def _estimated(found: Beginning, size: int, rows: int) -> str:
    """Say about how many rows there are, from how many there are in the beginning."""
    total = rows * size / max(len(found.text.encode("utf-8", "replace")), 1)
    digits = max(int(math.log10(max(total, 1))) - 1, 0)
    return f"about {round(total, -digits):,.0f} rows"


def json_lines(path: Path) -> Preview:
    """Show a file of one JSON object a line as a table; raise Problem if it is none."""
    found = beginning(path, TABLE_BYTES)
    if found is None:
        raise Problem("binary")
    lines = [line for line in found.text.split("\n") if line.strip()]
    if not found.whole and len(lines) > 1:
        lines.pop()
    records = []
    for number, line in enumerate(itertools.islice(lines, LOADED_ROWS), 1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise Problem(f"not JSON in line {number}") from None
        if not isinstance(value, dict):
            raise Problem("not all lines are objects")
        records.append(value)
    if not records:
        raise Problem("no lines")
    names = list(dict.fromkeys(itertools.chain.from_iterable(records)))
    rows = [[_written(record[name]) if name in record else "" for name in names[:COLUMNS]] for record in records]
    number_of = plural(len(lines), "row") if found.whole else _estimated(found, path.stat().st_size, len(lines))
    return _table(names, rows, number_of, complete=found.whole and len(lines) == len(rows)).preview(found.remark)


def _written(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list) and len(value) > CELL:
        return f"({plural(len(value), 'item')})"
    return json.dumps(value, ensure_ascii=False)


def _table(names: list[str], rows: list[list[str]], number: str, *, complete: bool) -> Table:
    """Return a table of what text says, with the types that its loaded cells have."""
    width = min(len(names), COLUMNS)
    kept = [
        tuple(cell_text(cell) for cell in itertools.islice(itertools.chain(row, itertools.repeat("")), width))
        for row in rows[:LOADED_ROWS]
    ]
    return Table(
        names=tuple(cell_text(name) for name in names[:width]),
        types=tuple(_type_of(column) for column in zip(*kept, strict=True)) or ("",) * width,
        rows=kept,
        shape=shape_in_words(number, len(names)),
        complete=complete,
    )


def shape_in_words(rows: str, columns: int) -> str:
    """Say how many rows and columns there are, and how many of the columns are shown."""
    some = f" (the first {COLUMNS} shown)" if columns > COLUMNS else ""
    return f"{rows} × {plural(columns, 'column')}{some}"


def _type_of(cells: Iterable[str]) -> str:
    present = [cell for cell in cells if cell.lower() not in _MISSING]
    if not present:
        return ""
    for name, matches in (
        ("integer", _INTEGER.fullmatch),
        ("number", _NUMBER.fullmatch),
        ("date", _DATE.fullmatch),
        ("true/false", lambda cell: cell.lower() in _TRUTHS),
    ):
        if all(matches(cell) for cell in present):
            return name
    return "text"
