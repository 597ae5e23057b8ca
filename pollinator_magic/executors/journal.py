"""Remembers on disk how far each process has come, so that the next worker can take it up after this one was killed.

What has ended is not run again: only what it left is carried back. What was cut off is run again as often as its
specification allows, because a job that kills its executor would otherwise do so for ever. Only an end that the server
knows of is forgotten.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.colonies.models import prepare_reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pollinator_magic.colonies.models import Process

_KEEP_S = 30 * 86_400


class Past(msgspec.Struct, frozen=True):
    """What an earlier worker has done for a process."""

    tries: int
    """How many tries it has had, with those that the server has counted."""
    errors: list[str] | None = None
    """What went wrong, if the program has ended."""
    log_is_whole: bool = False
    """Whether the server has all that the program has printed."""

    def allows(self, process: Process) -> bool:
        """Whether the process may be run once more."""
        most = process.spec.maxretries
        return most < 0 or max(process.retries, self.tries) <= most


prepare_reading(Past)


class Journal:
    """One small file a process in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def past(self, process: Process) -> Past | None:
        """Return what is known of a process, None if its program has not been started here."""
        try:
            return msgspec.json.decode(self._file(process).read_bytes(), type=Past)
        except (OSError, msgspec.DecodeError):
            return None

    def begin(self, process: Process) -> None:
        """Note that the program is about to start; raise OSError if that cannot be written."""
        past = self.past(process)
        self._write(process, Past(max(process.retries, past.tries if past else 0) + 1))

    def end(self, process: Process, errors: Sequence[str], *, log_is_whole: bool) -> None:
        """Note that the program has ended. Where that cannot be written, it only counts as cut off."""
        past = self.past(process)
        with contextlib.suppress(OSError):
            self._write(process, Past(past.tries if past else 1, list(errors), log_is_whole))

    def forget(self, process: Process) -> None:
        """Forget a process that is closed, or not this executor's any more."""
        with contextlib.suppress(OSError):
            self._file(process).unlink(missing_ok=True)

    def prune(self) -> None:
        """Forget what was ended long ago by somebody else, so that it never came back here."""
        with contextlib.suppress(OSError):
            for file in self._directory.iterdir():
                if file.stat().st_mtime < time.time() - _KEEP_S:
                    file.unlink()

    def _write(self, process: Process, past: Past) -> None:
        write_atomically(self._file(process), msgspec.json.encode(past))

    def _file(self, process: Process) -> Path:
        return self._directory / f"{process.processid}.json"
