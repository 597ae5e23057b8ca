"""The table of executors: which rows, in which order, as lines of a list, as HTML, and as the line of a cell.

Pure functions of what `jobs.executors` describes; the picker shows what they return.
"""

from __future__ import annotations

import html
import shlex
from typing import TYPE_CHECKING

from pollinator_magic.colonies.envelope import printable
from pollinator_magic.jobs.executors import DROPPED_AFTER_S, QUIET_AFTER_S, Condition
from pollinator_magic.notebook.markup import NO_TEX
from pollinator_magic.screen import human_duration, text_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from pollinator_magic.jobs.executors import ExecutorView

HEADER = ("name", "state", "heard", "run", "wait", "hardware", "place", "type")
"""What decides comes first: narrow notebooks show the beginning."""
_WIDEST = (32, 11, 8, 5, 5, 36, 20, 24)
_NO_BREAK = "\N{NO-BREAK SPACE}"  # the browser would join ordinary spaces
_LEFT = 'style="text-align:left"'  # JupyterLab aligns to the right, which is for numbers
_FREE_FIRST = (Condition.IDLE, Condition.BUSY, Condition.ASLEEP)

ORDERS: dict[str, Callable[[ExecutorView], Any]] = {
    "name": lambda view: view.name,
    "free first": lambda view: (_rank(view.condition), view.work.running + view.work.waiting),
    "least waiting": lambda view: view.work.waiting,
    "most GPUs": lambda view: -view.gpus,
    "most nodes": lambda view: -view.nodes,
    "last heard": lambda view: float("inf") if view.heard_s is None else view.heard_s,
}
"""What the table can be sorted by; equals are sorted by name."""


def chosen(views: Iterable[ExecutorView], text: str, order: str) -> list[ExecutorView]:
    """Return the executors in which every word of `text` occurs somewhere, sorted by one of `ORDERS`."""
    words = text.lower().split()
    found = [view for view in views if all(word in _said_of(view) for word in words)]
    return sorted(found, key=lambda view: (ORDERS[order](view), view.name))


def lines(views: Sequence[ExecutorView]) -> tuple[str, list[str]]:
    """Return the header and one line for each executor, aligned for a font of one width.

    Times are coarse, so that the lines stay the same, and the list stays where it was scrolled to, while nothing
    happens.
    """
    rows = [_cut((mark(view), *cells(view)), (1, *_WIDEST)) for view in views]
    table = text_table(("", *HEADER), rows).split("\n")
    header, *rest = (line.replace(" ", _NO_BREAK) for line in table)
    return header, rest


def cells(view: ExecutorView) -> list[str]:
    """Return what the table says of an executor."""
    return [
        view.name,
        view.condition.value,
        heard(view),
        view.work.running_text,
        view.work.waiting_text,
        view.hardware,
        view.place,
        view.type,
    ]


def mark(view: ExecutorView) -> str:
    """Return a full circle for an executor that lives, an empty one for a quiet one."""
    return "●" if view.condition.alive else "○"


def heard(view: ExecutorView) -> str:
    """Say roughly when it was last heard."""
    if view.condition is Condition.ASLEEP:
        return ""
    if view.heard_s is None:
        return "never"
    for least, text in ((86400, "> 1 d"), (3600, "> 1 h"), (DROPPED_AFTER_S, "> 10 min"), (QUIET_AFTER_S, "> 2 min")):
        if view.heard_s > least:
            return text
    return "now"


def detail(view: ExecutorView) -> str:
    """Return everything that is known of an executor as HTML."""
    colour = {Condition.IDLE: "#2da44e", Condition.BUSY: "#0969da", Condition.ASLEEP: "#2da44e"}.get(
        view.condition, "#bf8700"
    )
    work = (
        ""
        if view.condition is Condition.ASLEEP
        else f"{view.work.running_text} running, {view.work.waiting_text} waiting"
    )
    facts = [_explained(view), work, view.hardware, view.place and f"in {view.place}", view.type]
    said = " · ".join(html.escape(printable(fact)) for fact in facts if fact)
    return f'<span style="color:{colour}">{mark(view)}</span> <b>{html.escape(printable(view.name))}</b> · {said}'


def _explained(view: ExecutorView) -> str:
    """Say how it is, and what that means for a job."""
    if view.condition is Condition.ASLEEP:
        return "on this machine; starts by itself when a cell needs it"
    if view.condition is Condition.NEVER_HEARD:
        return "registered, but it has never asked for work: jobs wait until it does"
    ago = f"last heard {human_duration(view.heard_s or 0)} ago"
    if view.condition is Condition.QUIET:
        return f"quiet: {ago}, jobs wait until it is back"
    return f"{view.condition.value}, {ago}"


def cell_line(executor: str, options: Mapping[str, str]) -> str:
    """Return the first line of a cell that asks for this executor and these options, by their names."""
    words = [executor] if executor else []
    for name, value in options.items():
        if value:
            words += [f"--{name}", value]
    return " ".join(["%%pollinate", *map(shlex.quote, words)])


def static_table(views: Sequence[ExecutorView], caption: str) -> tuple[str, str]:
    """Return the table as HTML without scripts or styles to depend on, and as plain text."""
    rows = [[printable(cell) for cell in (mark(view), *cells(view))] for view in views]
    header = ("", *HEADER)
    head = "".join(f"<th {_LEFT}>{cell}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td {_LEFT}>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    caption = printable(caption)
    as_html = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return (
        f"<div {NO_TEX}><div>{html.escape(caption)}</div>{as_html}</div>",
        f"{caption}\n{text_table(header, rows)}",
    )


def _said_of(view: ExecutorView) -> str:
    return " ".join(cells(view)).lower()


def _rank(condition: Condition) -> int:
    return _FREE_FIRST.index(condition) if condition in _FREE_FIRST else len(_FREE_FIRST)


def _cut(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [printable(cell, width) for cell, width in zip(row, widths, strict=True)]
