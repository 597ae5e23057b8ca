"""The log of a process: reading it page by page without a gap or a repeat, and keeping it in a file.

The server gives entries *strictly newer* than a timestamp, so entries that share the timestamp at a page's end would be
lost (protocol section 7.5). The cursor therefore steps back by one nanosecond and skips what it has already seen there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import LogEntry

PAGE = 500
"""The most entries that a server gives at once."""


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
    """Keeps the complete log of a process in a file, `cfs/log/<process id>.log`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", newline="")

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
    """The whole log of a job: `str(log)`, iterable by line, `tail(n)`; re-read from the server until the job closed."""

    def __init__(self, client: Colonies, process_id: str) -> None:
        self._client = client
        self._process_id = process_id
        self._complete: str | None = None

    def read(self, *, closed: bool) -> str:
        """Return the log as far as it is there; what is complete is kept and not asked for again."""
        if self._complete is not None:
            return self._complete
        text = "".join(entry.message for entry in read_log(self._client, self._process_id))
        if closed:
            self._complete = text
        return text

    def __str__(self) -> str:
        return self.read(closed=False)

    def __iter__(self) -> Iterator[str]:
        return iter(str(self).splitlines())

    def __len__(self) -> int:
        return len(str(self).splitlines())

    def tail(self, lines: int = 20) -> str:
        """Return the last `lines` lines."""
        return "\n".join(str(self).splitlines()[-lines:])

    def __repr__(self) -> str:
        return f"<log of process {self._process_id[:12]}>"
