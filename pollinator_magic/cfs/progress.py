"""How far a transfer is: counted by the threads that carry, told in the thread that waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Direction(Enum):
    """Where files are going."""

    UP = "up"
    DOWN = "down"
    AWAY = "away"
    """Removed."""


@dataclass(frozen=True)
class TransferProgress:
    """How far the transfers in one direction are."""

    direction: Direction
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    name: str
    """The file that was completed last, "" before the first."""


Progress = Callable[[TransferProgress], None]
"""Is told how far transfers are, about ten times a second and at the end, in the thread that asked for them."""


class Meter:
    """Counts what the threads carry, and reports it in the thread that asked for the transfer."""

    def __init__(self, direction: Direction, files: int, size: int, progress: Progress | None) -> None:
        self._direction = direction
        self._totals = (files, size)
        self._progress = progress
        self._counting = threading.Lock()
        self._files = self._bytes = 0
        self._name = ""
        self._reported: TransferProgress | None = None

    def advance(self, count: int) -> None:
        """Count bytes, from any thread; a negative number takes back those of a transfer that starts over."""
        with self._counting:
            self._bytes += count

    def complete(self, name: str) -> None:
        """Count a file, from any thread."""
        with self._counting:
            self._files += 1
            self._name = name

    def tick(self) -> None:
        """Report if something has changed since the last report."""
        files, size = self._totals
        now = TransferProgress(self._direction, self._files, files, self._bytes, size, self._name)
        if self._progress is not None and files and now != self._reported:
            self._reported = now
            self._progress(now)
