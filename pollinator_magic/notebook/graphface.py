"""What the card of a graph says at one moment, as HTML and as text: bounded, and everything in it is escaped here.

Like the card of a job it reads well without styles and runs nothing.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pollinator_magic.jobs.graph import count_of_steps
from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.steps import StepState
from pollinator_magic.notebook.graphpicture import COLOURS, picture
from pollinator_magic.notebook.livecard import LiveFace
from pollinator_magic.notebook.markup import NO_TEX
from pollinator_magic.screen import describe_transfer, human_duration, text_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pollinator_magic.jobs.graph import StepRow

_URGENCY = (StepState.FAILED, StepState.CANCELLED, StepState.RUNNING, StepState.WAITING, StepState.SUCCESS)
_CODE = re.compile("`([^`<]+)`")
_LINE = 160  # characters of a line of text
_LOGS = 48 << 10
"""Bytes of HTML for all logs of a card."""
_LEFT = 'style="text-align:left;padding-right:1em"'  # JupyterLab aligns to the right, which is for numbers
_WHOLE = 'style="text-align:left;padding-right:1em;white-space:nowrap"'


@dataclass(frozen=True)
class Tail:
    """The end of the log of a step."""

    lines: tuple[str, ...] = ()
    count: int | None = 0
    """How many lines the log had until now; None if that is not known."""

    @property
    def title(self) -> str:
        """What of the log this is."""
        if self.count is None or self.count > len(self.lines):
            number = "" if self.count is None else f" of {self.count:,}"
            return f"the last {len(self.lines)}{number} lines"
        return f"{len(self.lines)} line{'' if len(self.lines) == 1 else 's'}"


@dataclass(frozen=True)
class GraphFace(LiveFace):
    """A graph as its card shows it; `since` says for how long it goes on, or how long it took."""

    short_id: str = ""
    rows: tuple[StepRow, ...] = ()
    tails: Mapping[str, Tail] = field(default_factory=dict)
    """The ends of the logs, by the names of the steps."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses of the steps' pages, by process id."""
    results: str = ""
    """What came back, as HTML that is safe, where the card shows it."""
    results_text: str = ""

    @property
    def closed(self) -> bool:
        """Whether nothing more will happen."""
        return bool(self.rows) and all(row.step.closed for row in self.rows)

    def html(self) -> str:
        """Return the whole card as HTML."""
        inside = f"{self.steps_html()}{''.join(self._logs())}"
        fold = f"<details><summary>the steps and their logs</summary>{inside}</details>" if self.rows else ""
        return f"<div {NO_TEX}>{self.head_html()}{self.picture_html()}{fold}{self.results}</div>"

    def head_html(self) -> str:
        """Return what stands above the picture."""
        lines = [self._headline_html(), *(_lines_html(line) for line in self._below())]
        if self.moving is not None:
            done, total = self.moving.bytes_done, max(self.moving.bytes_total, 1)
            lines.append(
                f'<progress value="{done}" max="{total}"></progress> {_escaped(describe_transfer(self.moving))}'
            )
        return f"<div>{'<br>'.join(line for line in lines if line)}</div>"

    def picture_html(self) -> str:
        """Return the picture."""
        return f'<div style="margin:8px 0">{drawn}</div>' if (drawn := picture(self.rows)) else ""

    def steps_html(self) -> str:
        """Return a table with a row for each step."""
        head = "".join(f"<th {_LEFT}>{name}</th>" for name in ("step", "after", "state", "time", "process", "value"))
        body = "".join(self._row_html(row) for row in self.rows)
        return f"<table {NO_TEX}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _row_html(self, row: StepRow) -> str:
        name, after, *others, value = self._cells(row)
        whole = "".join(f"<td {_WHOLE}>{cell}</td>" for cell in others)
        return f"<tr><td {_WHOLE}>{name}</td><td {_LEFT}>{after}</td>{whole}<td {_LEFT}>{value}</td></tr>"

    def log_html(self, name: str) -> str:
        """Return the end of the log of one step, folded up where it does not change any more."""
        tail = self.tails.get(name)
        if tail is None or not tail.lines:
            return ""
        title, lines = f"log of <b>{_escaped(name)}</b>: {tail.title}", _escaped("\n".join(tail.lines))
        if any(row.name == name and row.step is StepState.RUNNING for row in self.rows):
            return f"<div {NO_TEX}>{title}<pre>{lines}</pre></div>"
        return f"<details {NO_TEX}><summary>{title}</summary><pre>{lines}</pre></details>"

    def _logs(self) -> Iterator[str]:
        """Yield the ends of the logs, as far as there is room."""
        room = _LOGS
        for row in sorted(self.rows, key=lambda row: _urgency(row.step)):
            text = self.log_html(row.name)
            room -= len(text.encode())
            if room >= 0:
                yield text

    def plain(self) -> str:
        """Return the card as text."""
        lines = [self._headline(), *self._below()]
        if self.moving is not None:
            lines.append(describe_transfer(self.moving))
        if self.rows:
            lines.append(steps_text(self.rows))
        return printable("\n".join(line for line in [*lines, self.results_text] if line))

    def _headline(self) -> str:
        if not self.rows:
            return ""
        states = ", ".join(f"{number} {state}" for state, number in self._counts())
        parts = [self._where(), f"{count_of_steps(len(self.rows))}: {states}", self.since, f"graph {self.short_id}"]
        return " · ".join(part for part in parts if part)

    def _headline_html(self) -> str:
        if not self.rows:
            return ""
        counts = self._counts()
        states = ", ".join(_coloured(f"{number} {state}", state) for state, number in counts)
        parts = [
            f"{_coloured('●', counts[0][0])} <b>{_escaped(self._where())}</b>",
            f"{count_of_steps(len(self.rows))}: {states}",
            _escaped(self.since),
            f"graph <code>{_escaped(self.short_id)}</code>",
        ]
        return " · ".join(part for part in parts if part)

    def _where(self) -> str:
        names = dict.fromkeys(row.where for row in self.rows if row.where)
        return ", ".join(names) or "any executor"

    def _counts(self) -> list[tuple[StepState, int]]:
        """Return how many steps are in each state; the state that decides what the graph looks like first."""
        return sorted(Counter(row.step for row in self.rows).items(), key=lambda one: _urgency(one[0]))

    def _below(self) -> list[str]:
        if self.closed:
            return list(self.notes)
        waiting = f"waiting: {self.waiting}" if self.waiting else ""
        return [line for line in (waiting, *self.notes, self.hint) if line]

    def _cells(self, row: StepRow) -> list[str]:
        took = row.duration_s
        return [
            f"<b>{_escaped(row.name)}</b>",
            _escaped(", ".join(row.after)),
            _coloured(row.state, row.step),
            human_duration(took) if took is not None else "",
            self._link(row),
            _escaped(row.says),
        ]

    def _link(self, row: StepRow) -> str:
        if row.job is None:
            return ""
        name, url = f"<code>{_escaped(row.job.short_id)}</code>", self.links.get(row.job.id, "")
        if urlsplit(url).scheme not in {"http", "https"}:
            return name
        return f'<a href="{html.escape(url, quote=True)}" target="_blank" rel="noopener">{name}</a>'


def steps_text(rows: Sequence[StepRow]) -> str:
    """Return the steps as text: what stands for the picture where there is none."""
    planned = all(row.step is StepState.COLLECTED for row in rows)
    last = "on" if planned else "value"
    cells = [[row.name, ", ".join(row.after), row.state, row.where if planned else row.says] for row in rows]
    table = text_table(["step", "after", "state", last], cells)
    return "\n".join(line[:_LINE] for line in table.splitlines())


def drawn_steps(rows: Sequence[StepRow]) -> dict[str, str]:
    """Return a picture of the steps and what stands for it, as MIME types."""
    shown = picture(rows) or f"<pre>{_escaped(steps_text(rows))}</pre>"
    return {"text/html": f'<div {NO_TEX} style="margin:8px 0">{shown}</div>', "text/plain": steps_text(rows)}


def _urgency(state: StepState) -> int:
    return _URGENCY.index(state) if state in _URGENCY else len(_URGENCY)


def _coloured(text: str, state: StepState) -> str:
    return f'<span style="color:{COLOURS[state]}">{_escaped(text)}</span>'


def _escaped(text: str) -> str:
    return html.escape(printable(text))


def _lines_html(text: str) -> str:
    """Return lines as HTML; what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", "<br>".join(_escaped(line) for line in text.splitlines()))
