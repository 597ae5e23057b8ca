"""Remembers on disk how far each process has come, so that the next worker can take it up after this one was killed.

What has ended is not run again: only what it left is carried back. A job that its engine keeps is taken up where its
log had got to. What was cut off is run again as often as its specification allows, because a job that kills its
executor would otherwise do so for ever. Only an end that the server knows of is forgotten.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.executors.logplace import LogPlace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.colonies.models import Process

_KEEP_S = 30 * 86_400
_UNKNOWN = -1


class Past(msgspec.Struct, frozen=True):
    """What an earlier worker has done for a process."""

    tries: int
    """How many tries it has had, with those that the server has counted."""
    errors: list[str] | None = None
    """What went wrong, if the program has ended."""
    log_is_whole: bool = False
    """Whether the server has all that the program has printed."""
    retries: int = _UNKNOWN
    """How often the server had given up on it when the program was started."""
    log: LogPlace = LogPlace()
    """Where another worker goes on with the log, if the job goes on."""
    attributes: dict[str, str] = {}
    """What was said on the process of where it runs."""

    def allows(self, process: Process) -> bool:
        """Whether the process may be run once more."""
        most = process.spec.maxretries
        return most < 0 or max(process.retries, self.tries) <= most

    def is_of(self, process: Process) -> bool:
        """Whether the program was started for what the server wants now: it has not given up on it since."""
        return self.retries in {_UNKNOWN, process.retries}


prepare_reading(Past)


class Journal:
    """One small file a process in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def past(self, process_id: str) -> Past | None:
        """Return what is known of a process, None if its program has not been started here."""
        try:
            return msgspec.json.decode(self._file(process_id).read_bytes(), type=Past)
        except (OSError, msgspec.DecodeError):
            return None

    def begin(self, process: Process, log: LogPlace | None = None) -> None:
        """Note that the program is about to start; raise OSError if that cannot be written."""
        past = self.past(process.processid)
        tries = max(process.retries, past.tries if past else 0) + 1
        attributes = past.attributes if past else {}
        self._write(
            process.processid, Past(tries, retries=process.retries, log=log or LogPlace(), attributes=attributes)
        )

    def reach(self, process_id: str, log: LogPlace) -> None:
        """Note where the log has got to. Where that cannot be written, more of it is compared another time."""
        self._change(process_id, log=log)

    def attach(self, process_id: str, attributes: Mapping[str, str]) -> None:
        """Note what is said on the process."""
        self._change(process_id, attributes=dict(attributes))

    def end(self, process_id: str, errors: Sequence[str], *, log_is_whole: bool) -> None:
        """Note that the program has ended. Where that cannot be written, it only counts as cut off."""
        self._change(process_id, errors=list(errors), log_is_whole=log_is_whole)

    def forget(self, process_id: str) -> None:
        """Forget a process that is closed, or not this executor's any more."""
        with contextlib.suppress(OSError):
            self._file(process_id).unlink(missing_ok=True)

    def prune(self, keep: Collection[str] = ()) -> None:
        """Forget what was ended long ago by somebody else, so that it never came back here; never those in `keep`."""
        with contextlib.suppress(OSError):
            for file in self._directory.iterdir():
                if file.stem not in keep and file.stat().st_mtime < time.time() - _KEEP_S:
                    file.unlink()

    def _change(self, process_id: str, **fields: object) -> None:
        past = self.past(process_id) or Past(1)
        with contextlib.suppress(OSError):
            self._write(process_id, msgspec.structs.replace(past, **fields))

    def _write(self, process_id: str, past: Past) -> None:
        write_atomically(self._file(process_id), msgspec.json.encode(past))

    def _file(self, process_id: str) -> Path:
        return self._directory / f"{process_id}.json"
