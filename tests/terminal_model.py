"""A terminal of any width, as simple as it can be: what text must look like however it is shown."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = st.sampled_from([
    "abc", "Z", "12 %", "é", "  ", "\r", "\r", "\r\n", "\n", "\n", "\b", "\b\b",
    "\x1b[K", "\x1b[2K", "\x1b[1K", "\x1b[31m", "\x1b[1m", "\x1b[1;42m", "\x1b[0m", "\x1b[m", "\x1b[22;39m",
    "\x1b[38;5;208m", "\x1b[48;2;1;2;3m", "\x1b[49m",
    "\x07", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x1b[2J", "\x1b[1A", "\x1b(B", "\x1b%G", "\x1b=",
])  # fmt: skip
LOGS = st.lists(TOKENS, max_size=60).map("".join)
CUTS = st.lists(st.floats(0, 1), max_size=20)


def pieces(text: str, cuts: list[float]) -> list[str]:
    """Cut a text at these parts of its length."""
    marks = [0, *sorted(round(cut * len(text)) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(marks)]


def terminal(text: str) -> list[list[tuple[str, tuple]]]:
    """Write text on a screen of any width; return its lines, each cell as a character and its style."""
    lines, line, at, style = [], [], 0, {}
    pattern = (
        r"\x1b\[([0-9;:]*)m|\x1b\[([0-2]?)K|\x1b\][^\x07\x1b\n\r\b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]"
        r"|\x1b[ -/]+[0-~]|\x1b[^\[\]\r\n\b\x1b]?|[\x00-\x07\x7f]|(.|\n)"
    )
    for match in re.finditer(pattern, text):
        codes, erase, character = match.groups()
        if codes is not None:
            style = styled(style, codes)
        elif erase is not None:
            if erase in {"", "0"}:
                del line[at:]
            else:
                end = len(line) if erase == "2" else min(at + 1, len(line))
                line[:end] = [(" ", ())] * (at if erase == "2" else end)
        elif character == "\n":
            lines.append(line)
            line, at = [], 0
        elif character == "\r":
            at = 0
        elif character == "\b":
            at = max(at - 1, 0)
        elif character is not None:
            line[at : at + 1] = [(character, tuple(sorted(style.items())))]
            at += 1
    return [*lines, line]


_UNDONE = {"22": "12", "23": "3", "24": "4", "25": "5", "27": "7", "28": "8", "29": "9"}


def styled(style: dict[str, str], codes: str) -> dict[str, str]:
    """Return what a control sequence for colours makes of a style."""
    style = dict(style)
    rest = iter(codes.split(";"))
    for written in rest:
        code = written.lstrip("0")
        if not code:
            style = {}
        elif code in _UNDONE:
            for mark in _UNDONE[code]:
                style.pop(f"mark {mark}", None)
        elif re.fullmatch("[1-9]", code):
            style[f"mark {code}"] = code
        elif re.fullmatch("[349][0-79]|10[0-7]|[34]8(:.*)?", code):
            place = "behind" if code[0] in "41" else "colour"
            style.pop(place, None)
            value = _colour(code, rest)
            if value:
                style[place] = value
    return style


def _colour(code: str, rest: Iterator[str]) -> str:
    """Return a colour as text; nothing for the usual one, and for one that is not whole."""
    if code in {"39", "49"}:
        return ""
    if code not in {"38", "48"}:
        return code
    kind = next(rest, "")
    values = list(itertools.islice(rest, {"5": 1, "2": 3}.get(kind, 0)))
    return f"{code} {kind} {values}" if values and all(re.fullmatch("[0-9]{1,3}", value) for value in values) else ""


def on_screen(text: str) -> list[list[tuple[str, tuple]]]:
    """What text looks like: blanks at the ends of lines do not count, nor do empty lines at the end."""
    lines = terminal(text)
    for line in lines:
        while line and line[-1] == (" ", ()):
            line.pop()
    while lines and not lines[-1]:
        lines.pop()
    return lines
