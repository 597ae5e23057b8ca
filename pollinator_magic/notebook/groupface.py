"""What the card of a group says at one moment, as HTML and as text: bounded, and everything in it is escaped here.

Like the card of a job it reads well without styles and runs nothing. However many jobs there are, at most `ROWS` of
them and `SIZE` bytes are shown, the failed ones first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.colonies.envelope import printable as one_line
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs.group import count_of_jobs
from pollinator_magic.jobs.outcomes import Row
from pollinator_magic.jobs.parameters import describe_value
from pollinator_magic.notebook.face import colour_of
from pollinator_magic.notebook.manyface import ManyFace
from pollinator_magic.notebook.markup import NO_TEX, coloured, escaped, progress_bar
from pollinator_magic.screen import text_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROWS = 200
SIZE = 30 << 10
"""Bytes of HTML for the rows; with all around them, also the names of a thousand jobs, an update stays below 50 KiB."""
TEXT_ROWS = 20
_LINE = 120  # characters
_COLUMNS = 12  # parameters that have a column of their own
_LEFT = 'style="text-align:left"'
_URGENCY = (ProcessState.FAILED, ProcessState.UNKNOWN, None, ProcessState.CANCELLED, ProcessState.RUNNING)


@dataclass(frozen=True)
class GroupFace(ManyFace[Row]):
    """A group as its card shows it."""

    where: str = ""
    sending: bool = False
    """Whether jobs are being submitted."""
    listed: bool = False
    """Whether the text has the rows, too."""

    @property
    def closed(self) -> bool:
        """Whether nothing more will happen."""
        return not self.sending and all(row.status is None or row.status.closed for row in self.rows)

    @property
    def done(self) -> int:
        """How many jobs are closed."""
        return sum(row.status is not None and row.status.closed for row in self.rows)

    def html(self) -> str:
        """Return the whole card as HTML."""
        return f"<div {NO_TEX}>{self.head_html()}{self._details_html()}</div>"

    def rows_html(self) -> str:
        """Return a table with a row for each job, as far as there is room."""
        header = [*self._names(), "state", "time", "process", "value"]
        cells = [[*map(escaped, self._values(row)), *self._job_cells(row)] for row in _chosen(self.rows)]
        return table_html(header, cells, total=len(self.rows))

    def _where(self) -> str:
        return self.where

    def _count(self) -> str:
        return count_of_jobs(len(self.rows))

    def _word(self, row: Row) -> str:
        return "to be submitted" if row.status is None and self.sending else row.state

    def _colour(self, row: Row) -> str:
        return colour_of(row.status)

    def _urgency(self, row: Row) -> int:
        return _urgency(row)

    def _listed(self) -> list[str]:
        return [rows_text(self.rows)] if self.listed and self.rows else []

    def _progress_html(self) -> str:
        if self.moving is None and self.rows and not self.closed:
            return f"{progress_bar(self.done, len(self.rows))} {self.done} of {len(self.rows)} have ended"
        return super()._progress_html()

    def _details_html(self) -> str:
        return f"<details><summary>the jobs</summary>{self.rows_html()}</details>" if self.rows else ""

    def _names(self) -> list[str]:
        return list(self.rows[0].parameters)[:_COLUMNS] if self.rows else []

    def _values(self, row: Row) -> list[str]:
        return [one_line(describe_value(row.parameters.get(name))) for name in self._names()]


def values_html(rows: Sequence[Row]) -> str:
    """Return a table of parameters and of what came back, in the order of the parameters."""
    names = list(rows[0].parameters)[:_COLUMNS] if rows else []
    badly = any(row.status is not ProcessState.SUCCESS for row in rows)
    cells = [
        [
            *(escaped(one_line(describe_value(row.parameters.get(name)))) for name in names),
            *[coloured(row.state, colour_of(row.status))] * badly,
            escaped(row.says),
        ]
        for row in rows[:ROWS]
    ]
    return table_html([*names, *["state"] * badly, "value"], cells, total=len(rows))


def rows_text(rows: Sequence[Row]) -> str:
    """Return the first rows as text."""
    names = list(rows[0].parameters)[:_COLUMNS] if rows else []
    table = text_table(
        [*names, "state", "value"],
        [
            [*(describe_value(row.parameters.get(name)) for name in names), row.state, row.says]
            for row in _chosen(rows)[:TEXT_ROWS]
        ],
    )
    table = "\n".join(line[:_LINE] for line in table.splitlines())
    more = len(rows) - TEXT_ROWS
    return f"{table}\nand {more} more: `_.frame()` has all" if more > 0 else table


def table_html(header: Sequence[str], rows: Iterable[Sequence[str]], *, total: int) -> str:
    """Return a table of cells that are HTML, as many rows as there is room for, and how many there would be.

    The last column is aligned to the left, and the others as the front end does with numbers.
    """
    body: list[str] = []
    room = SIZE
    for cells in rows:
        row = f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells[:-1])}<td {_LEFT}>{cells[-1]}</td></tr>"
        room -= len(row.encode())
        if room < 0 or len(body) == ROWS:
            break
        body.append(row)
    head = f"{''.join(f'<th>{escaped(name)}</th>' for name in header[:-1])}<th {_LEFT}>{escaped(header[-1])}</th>"
    more = f"<div>and {total - len(body)} more: <code>_.frame()</code> has all</div>" if len(body) < total else ""
    return f"<table {NO_TEX}><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{more}"


def _chosen(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that matter most, those that need attention first."""
    return sorted(rows, key=_urgency)[:ROWS]


def _urgency(row: Row) -> int:
    return _URGENCY.index(row.status) if row.status in _URGENCY else len(_URGENCY)
