"""Cuts a job's output into log messages: lines and characters stay whole, messages stay few.

Pure values with an explicit clock; who reads and who sends is decided elsewhere.
"""

from __future__ import annotations

import codecs
from collections import deque

MESSAGE_CHARACTERS = 32 * 1024
"""A message holds at most so many characters."""
MESSAGE_DELAY_S = 0.05
"""Text waits at most so long for more, counted from the last message."""
SETTLING_S = 0.005
"""Text after a silence waits only so long for what is printed with it: somebody is waiting for the first line."""
LINE_HOLD_S = 0.5
"""An unfinished line is shown as it is after so long."""
LINE_CHARACTERS = 16 * 1024
"""An unfinished line longer than this is not waited for."""


class LineAssembler:
    """Bytes in, text out. What is no UTF-8 becomes U+FFFD, and so does NUL, which databases refuse."""

    def __init__(self, *, hold_s: float = LINE_HOLD_S, limit: int = LINE_CHARACTERS) -> None:
        self._hold_s = hold_s
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._parts: list[str] = []
        self._unfinished: list[str] = []
        self._unfinished_length = 0
        self._unfinished_since = 0.0
        self.fed = 0
        """How many characters were taken, given out already or not."""

    @property
    def torn(self) -> bool:
        """Whether the last character is not whole, and so not counted yet."""
        return bool(self._decoder.getstate()[0])

    def feed(self, data: bytes, now: float) -> None:
        """Take output as it was read at `now` (monotonic seconds)."""
        text = self._decoder.decode(data).replace("\0", "\N{REPLACEMENT CHARACTER}")
        self.fed += len(text)
        whole, newline, rest = text.rpartition("\n")
        if newline:
            self._parts += [*self._unfinished, whole, newline]
            self._unfinished, self._unfinished_length = [], 0
        if rest:
            if not self._unfinished:
                self._unfinished_since = now
            self._unfinished.append(rest)
            self._unfinished_length += len(rest)

    def take(self, now: float) -> str:
        """Return the whole lines, and an unfinished one that has waited or grown for too long."""
        if self._unfinished and (self._unfinished_length > self._limit or now - self._unfinished_since >= self._hold_s):
            self._release()
        return self._taken()

    def finish(self) -> str:
        """Return everything that is left, a broken last character as U+FFFD."""
        self._unfinished.append(self._decoder.decode(b"", final=True))
        self._release()
        return self._taken()

    def _release(self) -> None:
        self._parts += self._unfinished
        self._unfinished, self._unfinished_length = [], 0

    def _taken(self) -> str:
        text = "".join(self._parts)
        self._parts = []
        return text


class Outbox:
    """Text that waits to be sent, as messages of a sensible size. The first one stays until it is `sent`."""

    def __init__(self, *, size: int = MESSAGE_CHARACTERS, delay_s: float = MESSAGE_DELAY_S) -> None:
        self._size = size
        self._delay_s = delay_s
        self._texts: deque[str] = deque()
        self._since = 0.0
        self._sent_at = float("-inf")
        self._message = ""
        self.characters = 0

    def put(self, text: str, now: float) -> None:
        """Add text that became ready at `now` (monotonic seconds)."""
        if not text:
            return
        if not self._texts:
            self._since = now
        self._texts.append(text)
        self.characters += len(text)

    def due_at(self, *, urgent: bool = False) -> float | None:
        """Return when there is a message to send: a time that may be past; None if there is nothing."""
        if self._message or (self._texts and (urgent or self.characters >= self._size)):
            return 0.0
        return max(self._since + SETTLING_S, self._sent_at + self._delay_s) if self._texts else None

    def message(self) -> str:
        """Return the next message: the same one until it was `sent`."""
        if not self._message:
            self._message = self._cut()
        return self._message

    def sent(self, now: float) -> None:
        """Forget the message that was sent at `now`."""
        self.characters -= len(self._message)
        self._message = ""
        self._sent_at = now

    def _cut(self) -> str:
        """Take up to a message's size from the front, ending with a line where that is possible."""
        taken: list[str] = []
        length = 0
        while self._texts and length <= self._size:
            taken.append(self._texts.popleft())
            length += len(taken[-1])
        text = "".join(taken)
        if length <= self._size:
            return text
        end = text.rfind("\n", 0, self._size) + 1 or self._size
        self._texts.appendleft(text[end:])
        return text[:end]
