"""The log of a process: reading it page by page without a gap or a repeat, its lines, and keeping it in a file.

The server gives entries *strictly newer* than a timestamp, so entries that share the timestamp at a page's end would be
lost (protocol section 7.5). The cursor therefore steps back by one nanosecond and skips what it has already seen there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import LogEntry

PAGE = 500
"""The most entries that a server gives at once."""

# Everything that a log could forge the screen with, but for colours, tabs, line ends and carriage returns. An escape
# character stays only before the whole of a colour: neither what is taken out here nor a line end would keep a terminal
# from putting the rest together.
_CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating system commands (titles, links)
    r"|\x1b(?!\[[0-9;:]*m)(?:\[[0-?]*[ -/]*[@-~]|[^\[\]])?"  # all others but colours, whole or not
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\x80-\x9f]"
)


def printable(text: str) -> str:
    """Return log text without the control characters that could forge or wreck what is shown; colours stay."""
    return _CONTROL.sub("", text)


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
        fresh = entries[sum(entry.timestamp == self.timestamp_ns for entry in entries[: self.seen]) :]
        if full and not fresh:
            # A whole page of one timestamp, all of it read: only stepping over it can go on.
            fresh = client.logs(process_id, since_ns=self.timestamp_ns, count=PAGE)
        return fresh, full

    def pass_over(self, entry: LogEntry) -> None:
        """Move behind `entry`, which must be the next one."""
        self.seen = self.seen + 1 if entry.timestamp == self.timestamp_ns else 1
        self.timestamp_ns = entry.timestamp


def read_log(client: Colonies, process_id: str) -> Iterator[LogEntry]:
    """Read the log of a process from its beginning to what is there now."""
    cursor, more = LogCursor(), True
    while more:
        entries, more = cursor.next_page(client, process_id)
        for entry in entries:
            cursor.pass_over(entry)
            yield entry


class LogFile:
    """Keeps the complete log of a process in a file, `cfs/log/<process id>.log`; raises ProjectError if it cannot."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise ProjectError(f"Cannot write the log to {str(path)!r}: {error.strerror}.") from None

    def write(self, text: str) -> None:
        """Append `text` so that other programs see it at once."""
        self._file.write(text)
        self._file.flush()

    def __enter__(self) -> LogFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class JobLog:
    """The whole log of a job, read from the server when it is asked for: `str(log)`, iterable by line, `tail(n)`."""

    def __init__(self, client: Colonies, process_id: str) -> None:
        self._client = client
        self._process_id = process_id

    def __str__(self) -> str:
        return "".join(entry.message for entry in read_log(self._client, self._process_id))

    def __iter__(self) -> Iterator[str]:
        return iter(terminal_lines(str(self)))

    def __len__(self) -> int:
        return len(terminal_lines(str(self)))

    def tail(self, lines: int = 20) -> str:
        """Return the last `lines` lines."""
        return "\n".join(terminal_lines(str(self))[-lines:])

    def __repr__(self) -> str:
        return f"<log of process {self._process_id[:12]}>"
