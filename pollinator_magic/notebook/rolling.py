"""How a log of any length appears in bounded room: its beginning as it is, from then on only what it ends with.

Nothing is shown here and no clock is read. What is fed in any pieces comes out as text to append to a stream, until it
has taken what it may; after that as one text to be replaced in place: how much there is, and how it ends.
"""

from __future__ import annotations

from collections import deque

from pollinator_magic.jobs.results import human_size
from pollinator_magic.notebook.ansi import PLAIN, Line, Style, switch, width

UPDATE = 50 << 10
"""The most bytes that are given at once."""
KEEP = 40
"""How many lines are shown of the log's end, at most."""
WIDTH = 400
"""How many characters are shown of a line of the log's end."""
LIMIT = 8 << 10
"""How many characters are shown of a line of the log's beginning."""
_LAG = 0.01
"""How far behind a line may be that goes on rewriting itself, as a part of its age. It leaves few states in a notebook
file that keeps them all, as many in its second hour as in its first two minutes."""
_HEADING = 1 << 10


class Rolling:
    """A log on its way into a notebook.

    `lines` and `size`, in bytes, are what the stream takes; `whole` names where the whole log is.
    """

    def __init__(self, *, lines: int, size: int, whole: str = "", limit: int = LIMIT) -> None:
        self._lines_left, self._bytes_left = lines, size
        self._whole = whole
        self._limit = limit
        self._line = Line(PLAIN, limit)
        self._lines = self._bytes = 0
        self._streaming = True
        self._ready: list[str] = []
        """What can be appended to the stream."""
        self._style = PLAIN
        """What the stream is set to after what is ready."""
        self._shown, self._shown_style = "", PLAIN
        """What stands in the stream of the unfinished line, and the style that it ends in."""
        self._as_shown = ""
        """What the line was then, without what covers longer states of it."""
        self._apart = False
        """Whether it stands in another output than what comes next."""
        self._began_at = self._rewritten_at = 0.0
        self._end: deque[Line] = deque(maxlen=KEEP)
        self._changed = self._ending = False

    def feed(self, text: str) -> None:
        """Go on with raw text of the log: many lines or part of one."""
        self._bytes += len(text.encode("utf-8", "replace"))
        self._lines += text.count("\n")
        if self._streaming:
            text = self._stream(text)
        if text:
            self._roll(text)

    def take(self, now: float, *, all_of_it: bool = False) -> str:
        """Return what is to be appended to the stream at the time `now` in seconds, at most what fits an update.

        What rewrites itself may be left for later unless `all_of_it` is wanted.
        """
        if self._streaming and not self._ready:
            self._go_on(now, all_of_it=all_of_it)
        data = "".join(self._ready).encode("utf-8", "replace")  # half a character cannot be in a message
        text = data[:UPDATE].decode("utf-8", "ignore")
        rest = data[len(text.encode()) :]
        self._ready = [rest.decode()] if rest else []
        return text

    def end(self, *, final: bool = False) -> str | None:
        """Return the text that shows the log's end, or None if it is as it was or all of the log is in the stream.

        Where there was one, the `final` one of a log that will not go on is always given.
        """
        if self._ready or not (self._changed or (final and self._ending)):
            return None
        self._changed, self._ending = False, True
        unfinished = _as_text(self._line)
        shown = deque([unfinished] if unfinished else [])
        room = UPDATE - _HEADING - len(unfinished.encode())
        for line in reversed(self._end):
            text = _as_text(line)
            room -= len(text.encode()) + 1
            if room < 0 or len(shown) == KEEP:
                break
            shown.appendleft(text)
        count, far = self._lines + bool(unfinished), "" if final else " so far"
        place = f", the whole log is in {self._whole}" if self._whole else ""
        heading = f"… {count:,} lines{far} ({human_size(self._bytes)}); the last {len(shown)} follow{place}"
        return "\n".join([heading, *shown])

    def part(self) -> str:
        """Return what ends the stream before another output follows it; what is taken next begins a new one."""
        ending = switch(self._style, PLAIN)
        self._style, self._apart = PLAIN, bool(self._shown)
        return ending

    def _stream(self, text: str) -> str:
        """Get lines ready as long as the stream may take them; return the rest of the text."""
        start = 0
        while self._streaming:
            end = text.find("\n", start)
            if end < 0:
                self._line.add(text[start:])
                return ""
            self._line.add(text[start:end])
            start = end + 1
            self._show(*self._now())
            self._append("\n")
            self._line = Line(self._line.end(), self._limit)
            self._shown = self._as_shown = ""
            self._shown_style, self._apart = self._line.begin, False
            self._lines_left -= 1
            self._stop_if_spent()
        return text[start:]

    def _now(self) -> tuple[str, Style]:
        cells = self._line.cells()
        return cells.text(self._line.begin, cells.style), cells.style

    def _go_on(self, now: float, *, all_of_it: bool) -> None:
        """Get ready what is there of the unfinished line."""
        line, style = self._now()
        if line == self._as_shown:
            return
        if not self._shown:
            self._began_at = now
        elif not line.startswith(self._shown):
            if now - self._rewritten_at < _LAG * (now - self._began_at) and not all_of_it:
                return
            self._rewritten_at = now
        self._show(line, style)
        self._stop_if_spent()

    def _show(self, line: str, style: Style) -> None:
        """Get ready what makes `line` of what is shown of it."""
        self._as_shown = line
        if line.startswith(self._shown):
            if len(line) > len(self._shown):
                self._append(switch(self._style, self._shown_style) + line[len(self._shown) :])
                self._style, self._apart = style, False
        else:
            # Front ends write over what stood there, and count control sequences or not: nothing of it must be left.
            seen = width(self._shown) - width(line)
            spaces = 0 if self._apart else max(len(self._shown) - len(line), seen, 0)
            if spaces:
                line += switch(style, PLAIN) + " " * spaces + switch(PLAIN, style)
            self._append(("" if self._apart else "\r") + switch(self._style, self._line.begin) + line)
            self._style, self._apart = style, False
        self._shown, self._shown_style = line, style

    def _append(self, text: str) -> None:
        self._ready.append(text)
        self._bytes_left -= len(text.encode("utf-8", "replace"))

    def _stop_if_spent(self) -> None:
        if self._lines_left <= 0 or self._bytes_left <= 0:
            self._append(switch(self._style, PLAIN) + ("\n" if self._shown else ""))
            self._streaming = False
            self._changed = bool(self._shown)

    def _roll(self, text: str) -> None:
        """Keep the last lines; what is before them only leaves its colours."""
        self._changed = True
        before, *parts = text.rsplit("\n", KEEP + 1)
        if len(parts) > KEEP:
            self._line = Line(self._line.end(before), self._limit)
            self._end.clear()
        else:
            parts.insert(0, before)
        *whole, unfinished = parts
        for part in whole:
            self._line.add(part)
            self._end.append(self._line)
            self._line = Line(self._line.end(), self._limit)
        self._line.add(unfinished)


def _as_text(line: Line) -> str:
    """Return a line by itself, so that it can be shown whatever is before and after it."""
    return line.cells().text(PLAIN, PLAIN, WIDTH).encode("utf-8", "replace").decode()
