"""The text of a log for a page: colours stay and what rewrites a line, of rich outputs their short line, nothing else.

Entries are cut at any place; what may be the beginning of an output or of a control sequence is held back until it is
known what it is, which is a few thousand characters at most.
"""

from __future__ import annotations

import re

from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.stream import Readable
from pollinator_magic.notebook.ansi import MAX_UNFINISHED, unfinished

_COLOUR_OR_MOVE = re.compile(r"\x1b\[[0-9;:]*[mK]|[\x08\x1b]")


class LogText:
    """Turns entries, in their order, into text."""

    def __init__(self) -> None:
        self._readable = Readable()
        self._held = ""
        """The beginning of a control sequence."""

    @property
    def idle(self) -> bool:
        """Whether nothing is held back: another reader could go on from here."""
        return not self._held and not self._readable.holding

    def feed(self, message: str) -> str:
        """Return what this entry adds."""
        text = self._held + self._readable.feed(message)
        end = max(len(text) - MAX_UNFINISHED, 0)
        end += unfinished(text[end:])
        self._held = text[end:]
        return _valid(text[:end])

    def finish(self) -> str:
        """Return what was held back; the log has ended."""
        text, self._held = self._held + self._readable.finish(), ""
        return _valid(text)


def whole_characters(text: str, most: int) -> str:
    """Return the beginning of text that was made here, at most so long, cut before a colour and not in it."""
    return text if len(text) <= most else text[: unfinished(text[:most])]


def colourless(text: str) -> str:
    """Return text that was made here without its colours, and as it was written before anything was erased in it."""
    return _COLOUR_OR_MOVE.sub("", text)


def _valid(text: str) -> str:
    """Return the text as it may be shown, without halves of characters, which no reply can hold."""
    return printable(text, moves=True).encode("utf-8", "replace").decode("utf-8")
