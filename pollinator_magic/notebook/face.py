"""What a job's card says at one moment, as HTML and as text; everything in it is escaped here.

The HTML reads well without styles and runs nothing, because it is what remains when the notebook is saved, converted,
or looked at on a code-hosting site.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs.log import printable
from pollinator_magic.notebook.livecard import LiveFace
from pollinator_magic.notebook.markup import NO_TEX, coloured, linked, prose
from pollinator_magic.screen import describe_state, describe_transfer, describe_tunnel

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.tunnels.news import TunnelNews

COLOURS = {
    ProcessState.WAITING: "#9a6700",
    ProcessState.RUNNING: "#0969da",
    ProcessState.SUCCESS: "#1a7f37",
    ProcessState.FAILED: "#cf222e",
    ProcessState.CANCELLED: "#6e7781",
}
_NO_COLOUR = "#6e7781"
_COLOUR_CODE = re.compile(r"\x1b\[[0-9;:]*m")
_LIKE_A_LINK = 'style="color:var(--jp-content-link-color,#0969da);text-decoration:underline"'
"""In a widget of JupyterLab links look like any other text."""
_LINE = 500
"""Characters of a line that are shown."""


@dataclass(frozen=True)
class Face(LiveFace):
    """A job as its card shows it; `since` is for how long it is in its state."""

    process: Process | None = None
    """None before there is one."""
    short_id: str = ""
    url: str = ""
    tail: tuple[str, ...] = ()
    """The last lines of the log, where the card shows them."""
    lines: int | None = 0
    """How many lines the log had until now, for a card that shows the last ones; None if it is not known."""
    displays: int = 0
    """How many pictures and other rich outputs are in the log, for the same."""
    results: str = ""
    """What came back, as HTML that is safe."""
    results_text: str = ""
    tunnel: TunnelNews | None = None
    """How it is with the tunnel to it, if there is one."""

    @property
    def closed(self) -> bool:
        """Whether nothing more will happen."""
        return self.process is not None and self.process.status.closed

    def html(self) -> str:
        """Return it as HTML that stands for itself."""
        first = f"{self.headline_html} · {self.name_html}" if self.process else ""
        below = "<br>".join(line for line in [first, *self._below_html()] if line)
        summary, lines = self._tail_title(), self._tail_lines()
        opened = " open" if self.process and self.process.status is ProcessState.FAILED else ""
        tail = f"<details{opened}><summary>{summary}</summary>{lines}</details>" if summary else ""
        return f"<div {NO_TEX}>{below}{tail}{self.results}</div>"

    @property
    def headline_html(self) -> str:
        """The executor and the state: the part that changes all the time."""
        if self.process is None:
            return ""
        dot = coloured("●", colour_of(self.process.status))
        return f"{dot} <b>{prose(self._where())}</b> · {html.escape(self.state)}"

    @property
    def name_html(self) -> str:
        """The process, which leads to the dashboard."""
        return f"process {linked(f'<code>{html.escape(self.short_id)}</code>', self.url)}"

    @property
    def body_html(self) -> str:
        """Everything below the first line, the tail of the log unfolded: replaced, it could not stay as it was left."""
        summary = self._tail_title()
        tail = f"<div>{summary}{self._tail_lines()}</div>" if summary else ""
        return f"{'<br>'.join(self._below_html())}{tail}{self.results}"

    def plain(self) -> str:
        """Return it as text."""
        first = f"{self._where()} · {self.state} · process {self.short_id}" if self.process else ""
        lines = [first, *self._below()]
        if self.moving is not None:
            lines.append(describe_transfer(self.moving))
        if title := self._tail_title():
            lines += [title, *(f"  | {line}" for line in self.tail)]
        return printable("\n".join(line for line in [*lines, self.results_text] if line))

    @property
    def state(self) -> str:
        """The state and for how long, e.g. "running for 12 s"."""
        if self.process is None:
            return ""
        state = describe_state(self.process)
        return f"{state} for {self.since}" if self.since and not self.closed else state

    def _where(self) -> str:
        names = self.process.spec.conditions.executornames if self.process else None
        return ", ".join(names or ()) or "any executor"

    def _below(self) -> list[str]:
        if self.closed:
            return list(self.notes)
        waiting = [f"waiting: {self.waiting}"] if self.waiting else []
        tunnel = [describe_tunnel(self.tunnel)] if self.tunnel else []
        return [*waiting, *tunnel, *self.notes, *([self.hint] if self.hint else [])]

    def _below_html(self) -> list[str]:
        lines = [prose(line) for line in self._below()]
        if self.tunnel is not None and self.tunnel.link:
            # The link is one of ours; nothing that others wrote is in it, or looks like it.
            link = html.escape(self.tunnel.link, quote=True)
            anchor = f'<a href="{link}" target="_blank" rel="noopener noreferrer" {_LIKE_A_LINK}>{link}</a>'
            mine = prose(describe_tunnel(self.tunnel))
            lines = [mine.replace(link, anchor, 1) if line == mine else line for line in lines]
        moving = self._progress_html()
        return [*lines, moving] if moving else lines

    def _tail_title(self) -> str:
        """Say what part of the log is shown; nothing if there is none."""
        rich = f"{self.displays} rich output{'' if self.displays == 1 else 's'}" if self.displays else ""
        if not self.tail:
            return f"log: {rich}" if rich else ""
        return f"log: {part_of_log(len(self.tail), self.lines)}{f', {rich}' if rich else ''}"

    def _tail_lines(self) -> str:
        return f"<pre>{html.escape(chr(10).join(self.tail))}</pre>" if self.tail else ""


def colour_of(state: ProcessState | None) -> str:
    """Return the colour of a state; None is that of a job which was not submitted."""
    return COLOURS.get(state, _NO_COLOUR) if state is not None else _NO_COLOUR


def part_of_log(shown: int, lines: int | None) -> str:
    """Say what part of a log its last lines are that are shown; `lines` is how many it has, None if not known."""
    if lines is not None and lines <= shown:
        return f"{shown} line{'' if shown == 1 else 's'}"
    return f"the last {shown}{'' if lines is None else f' of {lines:,}'} lines"


def log_line(line: str) -> str:
    """Return one line of a log as a card shows it: bounded, without colours."""
    text = _COLOUR_CODE.sub("", printable(line))
    return text if len(text) <= _LINE else f"{text[:_LINE]}…"
