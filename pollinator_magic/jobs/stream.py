"""From log text to events: rich outputs and exceptions are taken out of it, in their place (see `runner.wire`).

Text arrives cut at any place and comes from a program: whatever is damaged, forged, incomplete or too large leaves its
readable text and nothing else. Nothing here raises for what it reads, what it keeps is bounded, and text that belongs
to no output is given out at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from pollinator_magic.jobs.events import Displayed, LogText, Raised
from pollinator_magic.jobs.payload import output
from pollinator_magic.runner.wire import BEL, OSC

LONGEST_TEXT = 64 * 1024
"""Characters between the beginning and the end of an output's readable text."""
_MOST_PENDING = 16 * 1024 * 1024  # characters of parts without their output
_MOST_IDS = 32
_ABANDONED = 1024 * 1024  # characters of log without a further part of an output
_COST_OF_A_PART = 200

_BODY = re.compile(r"[A-Za-z0-9+/=;]{0,4096}")
_PART = re.compile(r"P;([0-9A-Za-z]{1,16});([0-9]{1,5});([A-Za-z0-9+/=]+)")
_BEGIN = re.compile(r"B;([0-9A-Za-z]{1,16});([0-9]{1,5});([0-9a-f]{8})")
_END = re.compile(r"E;([0-9A-Za-z]{1,16})")


@dataclass(frozen=True)
class _Command:
    body: str


class _Commands:
    """Tells our commands from text, incrementally: the beginning of one is held back until it is known what it is."""

    def __init__(self) -> None:
        self.held = ""

    def feed(self, text: str) -> list[str | _Command]:
        """Return text and commands in order."""
        if not self.held and "\x1b" not in text:
            return [text] if text else []
        text = self.held + text
        found: list[str | _Command] = []
        done = 0
        while (start := text.find(OSC, done)) >= 0:
            if start > done:
                found.append(text[done:start])
            body = _BODY.match(text, start + len(OSC))
            done = body.end() if body else start + len(OSC)
            if done == len(text):
                self.held = text[start:]
                return found
            if text[done] == BEL:
                found.append(_Command(text[start + len(OSC) : done]))
                done += 1
            else:  # broken off: without its escape, which would make a terminal swallow what follows
                found.append(text[start + 1 : done])
        kept = len(text) - _length_of_a_beginning(text, done)
        if kept > done:
            found.append(text[done:kept])
        self.held = text[kept:]
        return found

    def finish(self) -> str:
        """Return what was held back, as text."""
        held, self.held = self.held, ""
        return held.removeprefix("\x1b") if held.startswith(OSC) else held


def _length_of_a_beginning(text: str, start: int) -> int:
    """Return how many of the last characters from `start` on may be the beginning of a command."""
    most = min(len(OSC) - 1, len(text) - start)
    return next((length for length in range(most, 0, -1) if text.endswith(OSC[:length])), 0)


class Readable:
    """Log text without our commands, incrementally; what is readable in them stays."""

    def __init__(self) -> None:
        self._commands = _Commands()

    @property
    def holding(self) -> bool:
        """Whether something is held back until it is known whether it is a command."""
        return bool(self._commands.held)

    def feed(self, text: str) -> str:
        """Return the readable part of what has come so far and was not returned before."""
        return "".join(piece for piece in self._commands.feed(text) if isinstance(piece, str))

    def finish(self) -> str:
        """Return what was held back."""
        return self._commands.finish()


def plain(text: str) -> str:
    """Return log text as a log viewer shows it: of a rich output, only its readable text."""
    readable = Readable()
    return readable.feed(text) + readable.finish()


@dataclass
class _Parts:
    """The parts of one output that have arrived."""

    contents: dict[int, str] = field(default_factory=dict)
    size: int = 0
    last_at: int = 0
    """Where in the log the last of them was."""


@dataclass
class _Open:
    """An output whose payload is known, and whose readable text has begun."""

    ident: str
    event: Displayed | Raised
    pieces: list[str] = field(default_factory=list)
    length: int = 0


class LogDecoder:
    """Turns log text into events, incrementally; how the text is cut makes no difference.

    The readable text of an output is held back until it ends, at most `LONGEST_TEXT` of it. An output whose text does
    not end gives both, the text as log text and the output.
    """

    def __init__(self) -> None:
        self._commands = _Commands()
        self._parts: dict[str, _Parts] = {}
        self._open: _Open | None = None
        self._ended = False
        """An output has just ended: the line end that belongs to it is still to come."""
        self._passed = 0
        self._timestamp_ns = 0
        self._text: list[str] = []
        self._events: list[LogText | Displayed | Raised] = []

    @property
    def idle(self) -> bool:
        """Whether nothing is held back: another decoder could go on from here."""
        if self._commands.held or self._open or self._ended:
            return False
        return all(self._passed - parts.last_at > _ABANDONED for parts in self._parts.values())

    def feed(self, text: str, timestamp_ns: int) -> list[LogText | Displayed | Raised]:
        """Return what this text adds; `timestamp_ns` is the time of its entry."""
        self._timestamp_ns = timestamp_ns
        for piece in self._commands.feed(text):
            if isinstance(piece, str):
                self._passed += len(piece)
                self._read(piece)
            else:
                self._passed += len(OSC) + len(piece.body) + len(BEL)
                self._obey(piece.body)
        return self._taken()

    def finish(self) -> list[LogText | Displayed | Raised]:
        """Return what was held back; the log has ended."""
        rest = self._commands.finish()
        if rest:
            self._read(rest)
        self._release()
        self._ended = False
        self._parts.clear()
        return self._taken()

    def _read(self, text: str) -> None:
        if self._ended:
            self._ended = False
            text = text.removeprefix("\n")
        if self._open is None:
            self._text.append(text)
            return
        room = LONGEST_TEXT - self._open.length
        self._open.pieces.append(text[:room])
        self._open.length += len(text)
        if len(text) > room:
            self._release()
            self._text.append(text[room:])

    def _obey(self, body: str) -> None:
        self._ended = False
        if part := _PART.fullmatch(body):
            self._keep(part[1], int(part[2]), part[3])
        elif begin := _BEGIN.fullmatch(body):
            self._release()
            event = output(self._parts.pop(begin[1], _Parts()).contents, int(begin[2]), begin[3])
            if event is not None:
                self._open = _Open(begin[1], event)
        elif (end := _END.fullmatch(body)) and self._open is not None and self._open.ident == end[1]:
            ended, self._open, self._ended = self._open, None, True
            self._emit(ended.event, "".join(ended.pieces))

    def _keep(self, ident: str, number: int, content: str) -> None:
        """Keep a part until its output begins; forget those whose output does not come, the oldest first."""
        parts = self._parts.pop(ident, None) or _Parts()  # the last one in the dictionary is the newest
        parts.size += len(content) + _COST_OF_A_PART
        parts.contents[number] = content
        parts.last_at = self._passed
        self._parts[ident] = parts
        while self._parts and self._too_much(oldest := next(iter(self._parts))):
            del self._parts[oldest]

    def _too_much(self, oldest: str) -> bool:
        return (
            len(self._parts) > _MOST_IDS
            or sum(parts.size for parts in self._parts.values()) > _MOST_PENDING
            or self._passed - self._parts[oldest].last_at > _ABANDONED
        )

    def _release(self) -> None:
        """Give out an output whose readable text does not end: it may be the log that goes on."""
        if self._open is not None:
            released, self._open = self._open, None
            self._text += released.pieces
            self._emit(released.event, "")

    def _emit(self, event: Displayed | Raised, text: str) -> None:
        self._flush()
        self._events.append(_completed(event, text, self._timestamp_ns))

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text = []
        if text:
            self._events.append(LogText(text, self._timestamp_ns))

    def _taken(self) -> list[LogText | Displayed | Raised]:
        self._flush()
        events, self._events = self._events, []
        return events


def _completed(event: Displayed | Raised, text: str, timestamp_ns: int) -> Displayed | Raised:
    if isinstance(event, Displayed):
        return replace(event, text=text, timestamp_ns=timestamp_ns)
    return replace(event, traceback=event.traceback or text, timestamp_ns=timestamp_ns)
