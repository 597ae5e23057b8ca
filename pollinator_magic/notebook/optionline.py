"""Where the cursor is on a magic's line: which magic, and whether an option, a value or an argument is being written.

Pure: it reads text and the parsers of the options, and never fails on a line that is not finished.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

_MAGIC = re.compile(r"\s*(?:[\w.,\[\]'\" ]+=\s*)?(%pollinate|%pollinator)\s")
_CELL_MAGIC = re.compile(r"(%%pollinate)\s")
_TRANSPARENT = re.compile(r"%%(?:time|timeit|capture|prun)\b")
"""Cell magics below which IPython reads the rest of the cell as a cell."""


@dataclass(frozen=True)
class MagicLine:
    """The magic that the cursor is on."""

    name: str
    """`%%pollinate`, `%pollinate` or `%pollinator`."""
    head: str
    """What stands between the name and the cursor."""
    body: str = ""
    """The program: the lines below a cell magic."""


@dataclass(frozen=True)
class Unfinished:
    """An option line up to the cursor."""

    words: tuple[str, ...]
    """The words that are finished, without their quotes."""
    raw: str
    """The word at the cursor as it is written, with its quotes; may be empty."""

    @property
    def text(self) -> str:
        """The word at the cursor without its quotes."""
        return self.raw.replace("'", "").replace('"', "")


@dataclass(frozen=True)
class Spot:
    """What could stand at the cursor."""

    value_of: tuple[argparse.Action, ...] = ()
    """What a value is being written for: an option, an argument, or one of both."""
    options: tuple[argparse.Action, ...] = ()
    """The options that could be named."""
    raw: str = ""
    """The part of the word at the cursor that is to be completed, as it is written."""
    given: tuple[str, ...] = ()
    """The words before."""


def magic_line(text: str, line_number: int, column: int) -> MagicLine | None:
    """Return the magic that the cursor is behind, or None for anything else in the cell."""
    lines = text.split("\n")
    if line_number >= len(lines):
        return None
    head = lines[line_number][:column]
    first = _first_of_cell(lines)
    if line_number == first and (match := _CELL_MAGIC.match(head)):
        return MagicLine(match[1], head[match.end() :], "\n".join(lines[line_number + 1 :]))
    foreign = first < len(lines) and lines[first].startswith("%%")
    if not foreign and (match := _MAGIC.match(head)):
        return MagicLine(match[1], head[match.end() :])
    return None


def _first_of_cell(lines: list[str]) -> int:
    """Return the number of the line on which a cell magic may stand."""
    for number, line in enumerate(lines):
        if line.strip() and not _TRANSPARENT.match(line):
            return number
    return len(lines)


def unfinished(head: str) -> Unfinished:
    """Split an option line as `options.split` does, up to a word that is still being written."""
    words: list[str] = []
    start, word, quote, inside = 0, "", "", False
    position = 0
    while position < len(head):
        character = head[position]
        if character == "\\" and quote != "'" and position + 1 < len(head):
            position += 1
            word, inside = word + head[position], True
        elif quote:
            quote, word = ("", word) if character == quote else (quote, word + character)
        elif character in "'\"":
            quote, inside = character, True
        elif character.isspace():
            if inside:
                words.append(word)
            word, inside, start = "", False, position + 1
        else:
            word, inside = word + character, True
        position += 1
    return Unfinished(tuple(words), head[start:])


def spot(parser: argparse.ArgumentParser, line: Unfinished) -> Spot:
    """Return what may be written at the cursor of this parser's line."""
    actions = parser._actions  # noqa: SLF001  argparse has no public way to ask
    options = {name: action for action in actions for name in action.option_strings}
    arguments = [action for action in actions if not action.option_strings]
    waiting, satisfied, filled = _read(line.words, options)
    if waiting is not None and not satisfied:
        return Spot((waiting,), (), line.raw, line.words)
    name, equals, _ = line.raw.partition("=")
    if equals and name in options and options[name].nargs != 0:
        return Spot((options[name],), (), line.raw[len(name) + 1 :], line.words)
    argument = _argument(arguments, filled)
    wanted = tuple(action for action in (waiting, argument) if action is not None)
    used = {options[word.partition("=")[0]] for word in line.words if word.partition("=")[0] in options}
    left = tuple(action for action in dict.fromkeys(options.values()) if action not in used or _repeatable(action))
    if line.raw.startswith("-"):
        return Spot((), left, line.raw, line.words)
    return Spot(wanted, () if line.raw else left, line.raw, line.words)


def _read(words: tuple[str, ...], options: dict[str, argparse.Action]) -> tuple[argparse.Action | None, bool, int]:
    """Return the option that may take the next word, whether it need not, and how many words were arguments."""
    waiting: argparse.Action | None = None
    satisfied = False
    arguments = 0
    for word in words:
        name, equals, _ = word.partition("=")
        if name in options:
            waiting, satisfied = (None if equals or options[name].nargs == 0 else options[name]), False
        elif waiting is None:
            arguments += 1
        elif waiting.nargs is None:
            waiting = None
        else:
            satisfied = True
    return waiting, satisfied, arguments


def _argument(arguments: list[argparse.Action], filled: int) -> argparse.Action | None:
    """Return the argument that comes after so many."""
    for action in arguments:
        if action.nargs in {argparse.ZERO_OR_MORE, argparse.ONE_OR_MORE} or filled == 0:
            return action
        filled -= 1
    return None


def _repeatable(action: argparse.Action) -> bool:
    """Whether an option may be given more than once."""
    # The classes have no public names.
    return type(action).__name__ in {"_AppendAction", "_ExtendAction"}
