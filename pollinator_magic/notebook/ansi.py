"""One line of a log as a terminal leaves it: colours, carriage returns, backspaces and erasing."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from pollinator_magic.jobs.log import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

RESET = "\x1b[0m"
_COLOUR = re.compile(r"\x1b\[([0-9;:]*)m")
_MOVE = re.compile(r"(\r|\x08|\x1b\[[0-2]?K)")
_MOVES_AND_ENDS = str.maketrans(dict.fromkeys("\n\r\x08", "\x07"))
_UNFINISHED = re.compile(r"(?<!\x1b)\x1b+(?:[ -/]+|\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?)?\Z")
MAX_UNFINISHED = 4096
_MAX_CODES = 200
_ENDS = {"22": "12", "23": "3", "24": "4", "25": "5", "27": "7", "28": "8", "29": "9"}


class Style(NamedTuple):
    """What a terminal is set to: marks such as bold, the colour, and the colour behind, by their codes."""

    marks: tuple[str, ...] = ()
    colour: str = ""
    behind: str = ""

    def after(self, codes: str) -> Style:
        """Return what the codes of one control sequence, such as `1;31`, make of this style."""
        style, rest = self, iter(codes[:_MAX_CODES].split(";"))
        for part in rest:
            code = part.lstrip("0")
            if not code:
                style = PLAIN
            elif code in _ENDS:
                style = style._replace(marks=tuple(mark for mark in style.marks if mark not in _ENDS[code]))
            elif code in "123456789":
                style = style._replace(marks=tuple(sorted({*style.marks, code})))
            elif code in {"39", "49"} or re.fullmatch(r"[349][0-7]|10[0-7]|[34]8:[\d:]{1,24}", code):
                style = style.coloured(code, "" if code[1:] == "9" else code)
            elif code in {"38", "48"}:
                style = style.coloured(code, _extended(code, rest))
        return style

    def coloured(self, code: str, value: str) -> Style:
        """Return this style with the colour that `code` sets, or the one behind, being `value`."""
        return self._replace(behind=value) if code[0] in "41" else self._replace(colour=value)

    def __str__(self) -> str:
        return ";".join(filter(None, [*self.marks, self.colour, self.behind]))


PLAIN = Style()


def _extended(code: str, rest: Iterator[str]) -> str:
    """Read the colour after 38 or 48: one of 256, or red, green and blue."""
    kind = next(rest, "")
    values = list(itertools.islice(rest, {"5": 1, "2": 3}.get(kind, 0)))
    return ";".join([code, kind, *values]) if values and all(0 < len(value) <= 3 for value in values) else ""


def switch(old: Style, new: Style) -> str:
    """Return what takes a terminal from one style to another."""
    if old == new:
        return ""
    if new == PLAIN:
        return RESET
    return f"\x1b[{new}m" if old == PLAIN else f"\x1b[0;{new}m"


def width(text: str) -> int:
    """Return how many characters of text that holds no control sequences but colours are seen."""
    return len(_COLOUR.sub("", text))


def style_after(text: str, style: Style) -> Style:
    """Return the style that lines of raw text leave behind."""
    last = text.rfind("\x1b")
    if text.startswith(RESET, last) and text[last - 1 : last] != "\x1b":
        return PLAIN  # as most lines with colours end
    if last >= 0:
        # What ends a line, or moves in it, ends every control sequence too: a bell does the same and is not shown.
        for codes in _COLOUR.findall(printable(text.translate(_MOVES_AND_ENDS))):
            style = style.after(codes)
    return style


def unfinished(text: str) -> int:
    """Return where in the text the control sequence begins that is not complete at its end."""
    found = _UNFINISHED.search(text)
    return found.start() if found else len(text)


class Cells:
    """What stands in a line: its characters, the style of each, and where the next one goes. No more than `limit`."""

    def __init__(self, style: Style, limit: int) -> None:
        self.style = style
        self.cut = False
        """Whether there is more than is kept."""
        self._limit = limit
        self._characters: list[str] = []
        self._styles: list[Style] = []
        self._at = 0

    def feed(self, text: str) -> None:
        """Write raw text of one line."""
        for number, part in enumerate(_MOVE.split(text)):
            if number % 2:
                self._move(part)
            else:
                self._write(printable(part))

    def _move(self, how: str) -> None:
        if how == "\r":
            self._at = 0
        elif how == "\x08":
            self._at = max(self._at - 1, 0)
        else:
            self._erase(how[2])

    def _erase(self, what: str) -> None:
        begin, end = {"1": (0, self._at + 1), "2": (0, None)}.get(what, (self._at, None))
        if end is None:
            del self._characters[self._at :], self._styles[self._at :]
            self.cut, end = self.cut and self._at >= self._limit, self._at
        end = min(end, len(self._characters))
        self._characters[begin:end] = " " * (end - begin)
        self._styles[begin:end] = [PLAIN] * (end - begin)

    def _write(self, text: str) -> None:
        for number, part in enumerate(_COLOUR.split(text)):
            if number % 2:
                self.style = self.style.after(part)
                continue
            end = min(self._at + len(part), self._limit)
            count = end - self._at
            self.cut |= count < len(part)
            self._characters[self._at : end] = part[:count]
            self._styles[self._at : end] = [self.style] * count
            self._at = end

    def text(self, begin: Style, end: Style, limit: int | None = None) -> str:
        """Return the line for a terminal that is set to `begin` and is to be set to `end` afterwards."""
        pieces, at = [], 0
        for style, group in itertools.groupby(self._styles[:limit]):
            count = sum(1 for _ in group)
            pieces += [switch(begin, style), *self._characters[at : at + count]]
            begin, at = style, at + count
        if self.cut or len(self._characters) > at:
            pieces.append("…")
        return "".join([*pieces, switch(begin, end)])


class Line:
    """A line that is being written, however long, and however often rewritten. `begin` is the style it begins in."""

    def __init__(self, begin: Style, limit: int) -> None:
        self.begin = begin
        self._limit = limit
        self._cells: Cells | None = None
        self._raw: list[str] = []
        """What is not in the cells yet: most lines go by without being looked at."""
        self._length = 0

    def add(self, text: str) -> None:
        """Write raw text, which holds no line end."""
        self._raw.append(text)
        self._length += len(text)
        if self._length > 4 * self._limit:
            self.cells()

    def cells(self) -> Cells:
        """Return what stands in the line; a control sequence at its end that is not complete waits for its rest."""
        if self._cells is None:
            self._cells = Cells(self.begin, self._limit)
        raw = "".join(self._raw)
        end = unfinished(raw)
        self._cells.feed(raw[:end])
        self._raw = [raw[end:][:MAX_UNFINISHED]]
        self._length = len(self._raw[0])
        return self._cells

    def end(self, more: str = "") -> Style:
        """Return the style in which the next line begins, or the one after `more` raw lines."""
        return style_after("".join([*self._raw, more]), self._cells.style if self._cells else self.begin)
