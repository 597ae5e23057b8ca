"""The log of a process: reading it page by page without a gap or a repeat, its lines, and keeping it in a file.

Rich outputs that travel in it count as their readable text (see `stream`).

The server gives entries *strictly newer* than a timestamp, so entries that share the timestamp at a page's end would be
lost (protocol section 7.5). The cursor therefore steps back by one nanosecond and skips what it has already seen there.
"""

from __future__ import annotations

import re
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.errors import InvalidReply, ProjectError
from pollinator_magic.jobs.stream import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import LogEntry

PAGE = 500
"""The most entries that a server gives at once."""
LARGEST = 256 * 1024 * 1024
"""Characters of a log that are read at once, which a server that gives one page after the other does not decide."""
_COST_OF_AN_ENTRY = 200
_FEW_ENTRIES = 20
_NEVER = 2**63 - 1
"""Asking for the latest entries ignores since when; a server that is too old to know of the latest gives none."""


def _controls(kept: str, single: str) -> re.Pattern[str]:
    """Return what a log could forge the screen with: all control sequences but those that are kept, and characters.

    An escape character stays only before the whole of what is kept: neither what is taken out nor a line end would keep
    a terminal from putting the rest together.
    """
    return re.compile(
        r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating system commands (titles, links)
        rf"|\x1b(?!\[(?:{kept}))(?:\[[0-?]*[ -/]*[@-~]|[ -/]+[0-~]|[^\x00-\x1f\[\]])?"  # all others, whole or not
        rf"|[{single}\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
    )


_CONTROL = _controls(r"[0-9;:]*m", r"\x08")
_CONTROL_BUT_MOVES = _controls(r"[0-9;:]*m|[0-2]?K", "")


def printable(text: str, *, moves: bool = False) -> str:
    """Return log text without the control characters that could forge or wreck what is shown; colours stay.

    With `moves`, what rewrites a line in its place stays too: backspaces, and erasing in the line.
    """
    return (_CONTROL_BUT_MOVES if moves else _CONTROL).sub("", text)


def terminal_lines(text: str) -> list[str]:
    """Return the lines of a log as a terminal leaves them: of a progress bar, what was written last."""
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.rstrip("\r").rpartition("\r")[2] for line in lines]


@dataclass
class LogCursor:
    """How far a log has been read."""

    timestamp_ns: int = 0
    seen: int = 0
    """Entries already read that carry exactly this timestamp."""

    def next_page(self, client: Colonies, process_id: str) -> tuple[list[LogEntry], bool]:
        """Return the entries after the cursor, at most a page of them, and whether there may be more."""
        entries = client.logs(process_id, since_ns=max(self.timestamp_ns - 1, 0), count=PAGE)
        full = len(entries) >= PAGE
        fresh = self._fresh(entries)
        if full and not fresh:
            # A whole page of one timestamp, all of it read: only stepping over it can go on.
            later = client.logs(process_id, since_ns=self.timestamp_ns, count=PAGE)
            fresh = [entry for entry in self._fresh(later) if entry.timestamp > self.timestamp_ns]
        return fresh, full and bool(fresh)

    def _fresh(self, entries: list[LogEntry]) -> list[LogEntry]:
        """Return what was not read before, also of a server that gives more or other entries than it was asked for."""
        found = sorted((entry for entry in entries if entry.timestamp >= self.timestamp_ns), key=_time)
        return found[sum(entry.timestamp == self.timestamp_ns for entry in found[: self.seen]) :]

    def pass_over(self, entry: LogEntry) -> None:
        """Move behind `entry`, which must be the next one."""
        self.seen = self.seen + 1 if entry.timestamp == self.timestamp_ns else 1
        self.timestamp_ns = entry.timestamp


def _time(entry: LogEntry) -> int:
    return entry.timestamp


def read_log(client: Colonies, process_id: str) -> Iterator[LogEntry]:
    """Read the log of a process from its beginning to what is there now; raise InvalidReply beyond LARGEST."""
    cursor, more, size = LogCursor(), True, 0
    while more:
        entries, more = cursor.next_page(client, process_id)
        for entry in entries:
            size += len(entry.message) + _COST_OF_AN_ENTRY
            if size > LARGEST:
                raise InvalidReply(
                    f"The log of process {process_id[:12]} is larger than the {LARGEST >> 20} MiB that are read "
                    "at once. Follow the job: its log is then written to cfs/log as it comes."
                )
            cursor.pass_over(entry)
            yield entry


class LogFile:
    """Keeps the readable log of a process in a file, `cfs/log/<process id>.log`; raises ProjectError if it cannot.

    What the file holds beyond `length` bytes is dropped.
    """

    def __init__(self, path: Path, length: int = 0) -> None:
        self._path = path
        self.length = length
        """Bytes written, with those that were there."""
        with self._reporting():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("r+b" if length else "wb")
            self._file.seek(length)
            self._file.truncate()

    def write(self, text: str) -> None:
        """Append `text` so that other programs see it at once."""
        content = text.encode("utf-8", "replace")
        with self._reporting():
            self._file.write(content)
            self._file.flush()
        self.length += len(content)

    def close(self) -> None:
        """Close the file."""
        with self._reporting():
            self._file.close()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ProjectError(f"Cannot write the log to {str(self._path)!r}: {error.strerror}.") from None


class JobLog:
    """The whole log of a job, read from the server when it is asked for: `str(log)`, iterable by line, `tail(n)`."""

    def __init__(self, client: Colonies, process_id: str) -> None:
        self._client = client
        self._process_id = process_id

    def __str__(self) -> str:
        return plain("".join(entry.message for entry in read_log(self._client, self._process_id)))

    def __iter__(self) -> Iterator[str]:
        return iter(terminal_lines(str(self)))

    def __len__(self) -> int:
        return len(terminal_lines(str(self)))

    def tail(self, lines: int = 20) -> str:
        """Return the last `lines` lines, if possible without reading all of the log."""
        for count in _FEW_ENTRIES, PAGE:
            entries = self.end(count)
            found = terminal_lines(plain("".join(entry.message for entry in entries)))
            if len(entries) < count or len(found) > lines:  # the first line may have begun earlier
                return _last(found, lines)
        return _last(list(self), lines)

    def end(self, count: int = PAGE) -> list[LogEntry]:
        """Return the last entries, at most `count` of them, as the executor sent them."""
        count = min(count, PAGE)
        found = self._client.logs(self._process_id, since_ns=_NEVER, count=count, latest=True)
        return found or list(deque(read_log(self._client, self._process_id), maxlen=count))

    def __repr__(self) -> str:
        return f"<log of process {self._process_id[:12]}>"


def _last(lines: list[str], count: int) -> str:
    return "\n".join(lines[-count:] if count else [])
