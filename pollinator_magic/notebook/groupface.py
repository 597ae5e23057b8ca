"""What the card of a group says at one moment, as HTML and as text: bounded, and everything in it is escaped here.

Like the card of a job it reads well without styles and runs nothing. However many jobs there are, at most `ROWS` of
them and `SIZE` bytes are shown, the failed ones first.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pollinator_magic.colonies.envelope import printable as one_line
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs.group import count_of_jobs
from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.parameters import describe_value
from pollinator_magic.notebook.face import COLOURS
from pollinator_magic.notebook.livecard import LiveFace
from pollinator_magic.notebook.markup import NO_TEX
from pollinator_magic.screen import describe_transfer, human_duration, text_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pollinator_magic.jobs.outcomes import Row

ROWS = 200
SIZE = 30 << 10
"""Bytes of HTML for the rows; with all around them, also the names of a thousand jobs, an update stays below 50 KiB."""
TEXT_ROWS = 20
_LINE = 120  # characters
_COLUMNS = 12  # parameters that have a column of their own
_LEFT = 'style="text-align:left"'
_URGENCY = (ProcessState.FAILED, ProcessState.UNKNOWN, None, ProcessState.CANCELLED, ProcessState.RUNNING)


@dataclass(frozen=True)
class GroupFace(LiveFace):
    """A group as its card shows it; `since` says for how long it goes on, or how long it took."""

    where: str = ""
    rows: tuple[Row, ...] = ()
    sending: bool = False
    """Whether jobs are being submitted."""
    listed: bool = False
    """Whether the text has the rows, too."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses of the jobs' pages, by process id."""

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

    def head_html(self) -> str:
        """Return the card without its rows."""
        lines = [self._headline_html(), *(_lines_html(line) for line in self._below())]
        if self.moving is not None:
            lines.append(
                _bar(self.moving.bytes_done, self.moving.bytes_total) + _escaped(describe_transfer(self.moving))
            )
        elif self.rows and not self.closed:
            lines.append(_bar(self.done, len(self.rows)) + f"{self.done} of {len(self.rows)} have ended")
        return f"<div>{'<br>'.join(line for line in lines if line)}</div>"

    def rows_html(self) -> str:
        """Return a table with a row for each job, as far as there is room."""
        header = [*self._names(), "state", "time", "process", "value"]
        cells = [[*map(_escaped, self._values(row)), *self._job_cells(row)] for row in _chosen(self.rows)]
        return table_html(header, cells, total=len(self.rows))

    def plain(self) -> str:
        """Return the card as text."""
        lines = [self._headline(), *self._below()]
        if self.moving is not None:
            lines.append(describe_transfer(self.moving))
        if self.listed and self.rows:
            lines.append(rows_text(self.rows))
        return printable("\n".join(line for line in lines if line))

    def _headline(self) -> str:
        if not self.rows:
            return ""
        states = ", ".join(f"{number} {state}" for _, state, number in self._counts())
        parts = [self.where, f"{count_of_jobs(len(self.rows))}: {states}", self.since]
        return " · ".join(part for part in parts if part)

    def _headline_html(self) -> str:
        if not self.rows:
            return ""
        counts = self._counts()
        states = ", ".join(f"{_coloured(f'{number} {state}', status)}" for status, state, number in counts)
        first = counts[0][0]
        parts = [
            f"{_coloured('●', first)} <b>{_escaped(self.where)}</b>",
            f"{count_of_jobs(len(self.rows))}: {states}",
            _escaped(self.since),
        ]
        return " · ".join(part for part in parts if part)

    def _counts(self) -> list[tuple[ProcessState | None, str, int]]:
        """Return how many jobs are in each state; the state that decides what the group looks like first."""
        found: dict[str, tuple[ProcessState | None, int]] = {}
        for row in self.rows:
            state = "to be submitted" if row.status is None and self.sending else row.state
            found[state] = (row.status, found.get(state, (None, 0))[1] + 1)
        listed = [(status, state, number) for state, (status, number) in found.items()]
        return sorted(listed, key=lambda one: _urgency(one[0]))

    def _below(self) -> list[str]:
        if self.closed:
            return list(self.notes)
        waiting = f"waiting: {self.waiting}" if self.waiting else ""
        return [line for line in (waiting, *self.notes, self.hint) if line]

    def _details_html(self) -> str:
        return f"<details><summary>the jobs</summary>{self.rows_html()}</details>" if self.rows else ""

    def _names(self) -> list[str]:
        return list(self.rows[0].parameters)[:_COLUMNS] if self.rows else []

    def _values(self, row: Row) -> list[str]:
        return [one_line(describe_value(row.parameters.get(name))) for name in self._names()]

    def _job_cells(self, row: Row) -> list[str]:
        took = row.duration_s
        return [
            _coloured(row.state, row.status),
            human_duration(took) if took is not None else "",
            self._link(row),
            _escaped(row.says),
        ]

    def _link(self, row: Row) -> str:
        if row.job is None:
            return ""
        name, url = f"<code>{_escaped(row.job.short_id)}</code>", self.links.get(row.job.id, "")
        if urlsplit(url).scheme not in {"http", "https"}:
            return name
        return f'<a href="{html.escape(url, quote=True)}" target="_blank" rel="noopener">{name}</a>'


def took(rows: Sequence[Row]) -> str:
    """Say how long all jobs together took, by the clock of the server."""
    processes = [row.job.process for row in rows if row.job is not None]
    begun = [process.submitted_at for process in processes if process.submitted_at]
    ended = [process.ended_at for process in processes if process.ended_at]
    return f"after {human_duration((max(ended) - min(begun)).total_seconds())}" if begun and ended else ""


def values_html(rows: Sequence[Row]) -> str:
    """Return a table of parameters and of what came back, in the order of the parameters."""
    names = list(rows[0].parameters)[:_COLUMNS] if rows else []
    badly = any(row.status is not ProcessState.SUCCESS for row in rows)
    cells = [
        [
            *(_escaped(one_line(describe_value(row.parameters.get(name)))) for name in names),
            *[_coloured(row.state, row.status)] * badly,
            _escaped(row.says),
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
    head = f"{''.join(f'<th>{_escaped(name)}</th>' for name in header[:-1])}<th {_LEFT}>{_escaped(header[-1])}</th>"
    more = f"<div>and {total - len(body)} more: <code>_.frame()</code> has all</div>" if len(body) < total else ""
    return f"<table {NO_TEX}><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{more}"


def _chosen(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that matter most, those that need attention first."""
    return sorted(rows, key=lambda row: _urgency(row.status))[:ROWS]


def _urgency(status: ProcessState | None) -> int:
    return _URGENCY.index(status) if status in _URGENCY else len(_URGENCY)


def _coloured(text: str, status: ProcessState | None) -> str:
    colour = COLOURS.get(status, "#6e7781") if status is not None else "#6e7781"
    return f'<span style="color:{colour}">{_escaped(text)}</span>'


def _bar(done: int, total: int) -> str:
    return f'<progress value="{done}" max="{max(total, 1)}"></progress> '


def _escaped(text: str) -> str:
    return html.escape(printable(text))


def _lines_html(text: str) -> str:
    return "<br>".join(_escaped(line) for line in text.splitlines())
