"""Where the log of a job has got to on its way to the server, so that another worker goes on exactly there.

Characters are counted from some beginning of the log: those that were said, and with them those that the server has.
What the engine calls a position is safe when the server has everything that was read before it; only such a one is
kept. Between it and the end of the server's log lies what was sent since, which is read again but not sent again.
"""

from __future__ import annotations

from collections import deque

import msgspec

from pollinator_magic.colonies.models import prepare_reading


class LogPlace(msgspec.Struct, frozen=True):
    """A place in the output of a job, and where that is in the server's log."""

    position: str = ""
    """The place, in the engine's words; empty is the beginning."""
    at: int = 0
    """How many characters of the log come before it."""
    known_ns: int = 0
    """An entry of the server's log by its time, in nanoseconds."""
    known_at: int = 0
    """How many characters there are up to its end."""


prepare_reading(LogPlace)


class Trail:
    """Which positions of the engine are safe to go on from."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, str]] = deque()
        self.safe: tuple[int, str] | None = None
        """The latest one that the server has the log up to, after how many characters; None for none yet."""

    def read(self, at: int, position: str) -> None:
        """Note that everything before `position` makes so many characters, sent or not."""
        if self._marks and self._marks[-1][0] == at:
            self._marks.pop()
        if not self._marks or self._marks[-1][1] != position:
            self._marks.append((at, position))

    def acknowledged(self, at: int) -> None:
        """Note that the server has so many characters."""
        while self._marks and self._marks[0][0] <= at:
            self.safe = self._marks.popleft()


class Overlap:
    """Takes away from the beginning of a text the `length` characters that the server has already.

    `known` is what its log ends with. Where the text says something else, nothing more is taken away: rather twice than
    not at all.
    """

    def __init__(self, length: int = 0, known: str = "") -> None:
        self._left = max(0, length)
        self._known = known
        self.differed = False
        """Whether the text was not what the server has."""

    def new(self, text: str) -> str:
        """Return what the server does not have of the next piece."""
        taken = min(self._left, len(text))
        start = len(self._known) - self._left  # below 0 for what only its number is known of
        expected = self._known[max(0, start) : max(0, start + taken)]
        unseen = taken - len(expected)
        same = _common(text[unseen:taken], expected)
        if same < len(expected):
            self.differed = True
            self._left = 0
            return text[unseen + same :]
        self._left -= taken
        return text[taken:]


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    if one == other:
        return len(one)
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
