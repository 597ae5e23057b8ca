"""What the card of a graph says at one moment, as HTML and as text: bounded, and everything in it is escaped here.

Like the card of a job it reads well without styles and runs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pollinator_magic.jobs.graph import StepRow, count_of_steps
from pollinator_magic.jobs.steps import StepState
from pollinator_magic.notebook.face import part_of_log
from pollinator_magic.notebook.graphpicture import COLOURS, picture
from pollinator_magic.notebook.manyface import ManyFace
from pollinator_magic.notebook.markup import NO_TEX, escaped
from pollinator_magic.screen import text_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_URGENCY = (StepState.FAILED, StepState.CANCELLED, StepState.RUNNING, StepState.WAITING, StepState.SUCCESS)
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
        return part_of_log(len(self.lines), self.count)


@dataclass(frozen=True)
class GraphFace(ManyFace[StepRow]):
    """A graph as its card shows it."""

    short_id: str = ""
    tails: Mapping[str, Tail] = field(default_factory=dict)
    """The ends of the logs, by the names of the steps."""
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

    def picture_html(self) -> str:
        """Return the picture."""
        return picture(self.rows)

    def steps_html(self) -> str:
        """Return a table with a row for each step."""
        head = "".join(f"<th {_LEFT}>{name}</th>" for name in ("step", "after", "state", "time", "process", "value"))
        body = "".join(self._row_html(row) for row in self.rows)
        return f"<table {NO_TEX}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _row_html(self, row: StepRow) -> str:
        *others, value = self._job_cells(row)
        name, after = f"<b>{escaped(row.name)}</b>", escaped(", ".join(row.after))
        whole = "".join(f"<td {_WHOLE}>{cell}</td>" for cell in others)
        return f"<tr><td {_WHOLE}>{name}</td><td {_LEFT}>{after}</td>{whole}<td {_LEFT}>{value}</td></tr>"

    def log_html(self, name: str) -> str:
        """Return the end of the log of one step, folded up where it does not change any more."""
        tail = self.tails.get(name)
        if tail is None or not tail.lines:
            return ""
        title, lines = f"log of <b>{escaped(name)}</b>: {tail.title}", escaped("\n".join(tail.lines))
        if any(row.name == name and row.step is StepState.RUNNING for row in self.rows):
            return f"<div {NO_TEX}>{title}<pre>{lines}</pre></div>"
        return f"<details {NO_TEX}><summary>{title}</summary><pre>{lines}</pre></details>"

    def _logs(self) -> Iterator[str]:
        """Yield the ends of the logs, as far as there is room."""
        room = _LOGS
        for row in sorted(self.rows, key=self._urgency):
            text = self.log_html(row.name)
            room -= len(text.encode())
            if room >= 0:
                yield text

    def _headline(self) -> str:
        return f"{super()._headline()} · graph {self.short_id}" if self.rows else ""

    def _headline_html(self) -> str:
        return f"{super()._headline_html()} · graph <code>{escaped(self.short_id)}</code>" if self.rows else ""

    def _listed(self) -> list[str]:
        return [steps_text(self.rows) if self.rows else "", self.results_text]

    def _where(self) -> str:
        names = dict.fromkeys(row.where for row in self.rows if row.where)
        return ", ".join(names) or "any executor"

    def _count(self) -> str:
        return count_of_steps(len(self.rows))

    def _colour(self, row: StepRow) -> str:
        return COLOURS[row.step]

    def _urgency(self, row: StepRow) -> int:
        return _URGENCY.index(row.step) if row.step in _URGENCY else len(_URGENCY)


def steps_text(rows: Sequence[StepRow]) -> str:
    """Return the steps as text: what stands for the picture where there is none."""
    planned = all(row.step is StepState.COLLECTED for row in rows)
    last = "on" if planned else "value"
    cells = [[row.name, ", ".join(row.after), row.state, row.where if planned else row.says] for row in rows]
    table = text_table(["step", "after", "state", last], cells)
    return "\n".join(line if len(line) <= _LINE else f"{line[: _LINE - 1]}…" for line in table.splitlines())


def drawn_steps(rows: Sequence[StepRow]) -> dict[str, str]:
    """Return a picture of the steps and what stands for it, as MIME types."""
    shown = picture(rows) or f"<pre>{escaped(steps_text(rows))}</pre>"
    return {"text/html": f"<div {NO_TEX}>{shown}</div>", "text/plain": steps_text(rows)}
