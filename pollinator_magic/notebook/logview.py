"""The log of a job in the cell that follows it: ordinary output, rich outputs in their places, and a bounded end.

Text is ordinary output up to a budget; from then on one tail is updated in place. Everything here happens in the cell's
own thread. Where nothing that is shown can be replaced (in a terminal, under `%%capture`), the whole log goes to
standard output as it comes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.getipython import get_ipython
from IPython.display import display

from pollinator_magic.jobs.log import printable
from pollinator_magic.notebook.ansi import MAX_UNFINISHED, unfinished
from pollinator_magic.notebook.inline import InlineOutputs
from pollinator_magic.notebook.rolling import Rolling

if TYPE_CHECKING:
    from pollinator_magic.jobs import Results
    from pollinator_magic.jobs.events import Displayed

INTERVAL_S = 0.25
"""Between two updates of what is shown."""


class LogView:
    """Shows a log as it grows: `write` and `display` what comes, `tick` at least every `INTERVAL_S`, `finish` it.

    Up to `lines` and `size` (bytes) it is ordinary output. `file` is where the whole log is kept.
    """

    def __init__(self, *, lines: int = 2000, size: int = 256 << 10, file: Path | None = None) -> None:
        shell = get_ipython()
        self._rich = hasattr(shell, "kernel")
        captured = shell is not None and isinstance(shell.display_pub, CapturingDisplayPublisher)
        replaceable = self._rich and not captured
        self._text = _Bounded(Rolling(lines=lines, size=size, whole=_name(file))) if replaceable else _AsItComes()
        self._outputs = InlineOutputs(replaceable=replaceable)
        self._next_s = 0.0
        self._news = False

    def write(self, text: str) -> None:
        """Go on with text of the log, as the program wrote it."""
        self._text.feed(text)
        self._news = True
        self.tick()

    def display(self, event: Displayed) -> None:
        """Show a rich output after the text that came before it."""
        if self._outputs.is_replacement(event):
            self._outputs.replace(event)
        else:
            self._text.part()
            self._text.feed(self._outputs.add(event))
        self._news = True
        self.tick()

    def tick(self) -> None:
        """Show what is due."""
        now = time.monotonic()
        if now < self._next_s:
            return
        shown = self._text.show(now)
        replaced = self._outputs.refresh()
        if shown or replaced or self._news:  # else what comes next, after a silence, is shown at once
            self._next_s = now + INTERVAL_S
        self._news = False

    def finish(self) -> None:
        """Show everything that there is: the log does not go on, at least not here."""
        self._text.finish()
        self._outputs.finish()

    def fill(self, results: Results) -> None:
        """Show the outputs that were too large for the log, now that the results are here."""
        if self._rich:
            self._outputs.fill(results)


class _Bounded:
    """Text in a notebook."""

    def __init__(self, rolling: Rolling) -> None:
        self._rolling = rolling
        self._end: Any = None

    def feed(self, text: str) -> None:
        self._rolling.feed(text)

    def show(self, now: float) -> bool:
        """Show what is due; say whether anything was."""
        text, end = self._rolling.take(now), self._rolling.end()
        _print(text)
        self._show_end(end)
        return bool(text or end)

    def part(self) -> None:
        """Show what there is, for another output follows."""
        while text := self._rolling.take(time.monotonic(), all_of_it=True):
            _print(text)
        _print(self._rolling.part())

    def finish(self) -> None:
        self.part()
        self._show_end(self._rolling.end(final=True))

    def _show_end(self, text: str | None) -> None:
        if text is None:
            return
        if self._end is None:
            self._end = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._end.update({"text/plain": text}, raw=True)


class _AsItComes:
    """Text in a terminal."""

    def __init__(self) -> None:
        self._held = ""
        """The beginning of a control sequence."""

    def feed(self, text: str) -> None:
        text = self._held + text
        end = unfinished(text[-MAX_UNFINISHED:]) + max(len(text) - MAX_UNFINISHED, 0)
        self._held = text[end:]
        _print(printable(text[:end]))

    def show(self, now: float) -> bool:  # noqa: ARG002  as the other
        """Do nothing: everything is there already."""
        return False

    def part(self) -> None:
        """Do nothing: the output that follows is text too."""

    def finish(self) -> None:
        self._held = ""


def _print(text: str) -> None:
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()


def _name(file: Path | None) -> str:
    """Return a path as the user would write it here."""
    if file is None:
        return ""
    return os.path.relpath(file) if file.is_relative_to(Path.cwd()) else str(file)
