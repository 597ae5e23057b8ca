"""The embedded colony's own housekeeping: a little while after it has started, and then every hour.

What may go is found by another process (`finding`), against generous limits that the user can change (`limits`). It is
removed on the event loop, which alone writes the database, a few rows at a time with rests between, so that no request
waits for more than one handful. Whatever was submitted since it was looked for is looked at again.

Objects go when no file has them, and had not a look earlier either: between the two nobody can still be about to add a
file for one. Pages of the database that become free are used again; the file never shrinks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from pollinator_magic.cfs.housekeeping import Needs, needs_of
from pollinator_magic.cfs.objects import BUCKET
from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.errors import ConfigurationError, LocalColonyError
from pollinator_magic.local import records
from pollinator_magic.local.collectable import Found, Question
from pollinator_magic.local.operations import snapshots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pollinator_magic.local.database import Database
    from pollinator_magic.local.home import Home
    from pollinator_magic.local.limits import Limits

T = TypeVar("T")

_log = logging.getLogger(__name__)
_FIRST_AFTER_S = 60.0
_TRIES_AGAIN_AFTER_S = 3600.0
_REST_S = 0.02
_STEADY_S = 600.0
_LOG_ROWS, _SNAPSHOTS, _FILES, _OBJECTS = 300, 10, 50, 50  # in one handful
_ROWS_OF_PROCESS = 20  # what it takes besides its log: attributes, places in indexes


@dataclass
class Collected:
    """What was removed."""

    processes: int = 0
    snapshots: int = 0
    files: int = 0
    objects: int = 0
    object_bytes: int = 0
    directories: int = 0

    def __str__(self) -> str:
        return (
            f"{self.processes} processes, {self.snapshots} snapshots, {self.files} file revisions, {self.objects} "
            f"objects ({self.object_bytes} bytes), {self.directories} directories of jobs"
        )


class Collector:
    """Collects in one home; see `run`."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._bucket = home.objects / BUCKET
        self._suspects: frozenset[str] = frozenset()
        self._stopping = threading.Event()
        self._looking: subprocess.Popen[bytes] | None = None
        self._complained = ""
        self._changed = 0

    async def run(self, database: Database) -> None:
        """Collect now and then, on the event loop that owns the database, until cancelled."""
        pause_s = _FIRST_AFTER_S
        with ThreadPoolExecutor(1, "colony-collector") as thread:
            try:
                while True:
                    clock = _clock()
                    await asyncio.sleep(pause_s)
                    limits = self._limits()
                    pause_s = (limits.every if limits else None) or _TRIES_AGAIN_AFTER_S
                    if limits is None or limits.every is None:
                        continue
                    if abs(_clock() - clock) > _STEADY_S:
                        _log.info("The clock was set, or the machine slept: what is old is looked for the next time.")
                        continue
                    try:
                        collected = await self.collect(database, limits, thread)
                        _log.info("Collected %s", collected)
                    except Exception:  # noqa: BLE001  a full disk, say, must not end it for good
                        _log.exception("Collecting failed")
            finally:
                self._stop()

    async def collect(self, database: Database, limits: Limits, thread: ThreadPoolExecutor) -> Collected:
        """Remove what is beyond the limits; what takes long is done in the thread."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(thread, self._find, limits)
        collected, newer = Collected(), _Newer(database, found)
        for group in found.processes:
            collected.processes += await self._remove_processes(database, group)
        for some in _handfuls(list(found.snapshots), _SNAPSHOTS):
            collected.snapshots += self._remove_snapshots(database, some, found, newer)
            await asyncio.sleep(_REST_S)
        for some in _handfuls(list(found.files), _FILES):
            collected.files += self._remove_files(database, some, found, newer)
            await asyncio.sleep(_REST_S)
        for names in _handfuls([name for name in found.objects if name in self._suspects], _OBJECTS):
            hidden = self._hide(database, names, found.last_file)
            sizes = await loop.run_in_executor(thread, _delete, hidden)
            collected.objects += len(sizes)
            collected.object_bytes += sum(sizes)
        self._suspects = frozenset(found.objects)
        await loop.run_in_executor(thread, _delete, [self._bucket / name for name in found.halves])
        collected.directories = await loop.run_in_executor(thread, self._remove_directories, found.directories)
        return collected

    def _find(self, limits: Limits) -> Found:
        """Have another process look for what may go, and return it; raise LocalColonyError if it fails."""
        question = Question(str(self._home.database), str(self._bucket), limits, time.time())
        self._looking = subprocess.Popen(
            [sys.executable, "-m", "pollinator_magic.local.finding"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if self._stopping.is_set():
            self._looking.kill()
        output, complaint = self._looking.communicate(msgspec.json.encode(question))
        if self._looking.returncode:
            raise LocalColonyError(f"It was not found what may be collected: {complaint.decode(errors='replace')}")
        return msgspec.json.decode(output, type=Found)

    def _stop(self) -> None:
        """End the looking."""
        self._stopping.set()
        if self._looking is not None:
            self._looking.kill()

    def _limits(self) -> Limits | None:
        """Read the limits anew; without sense in them nothing is collected."""
        from pollinator_magic.local.limits import read_limits

        try:
            limits = read_limits(self._home.limits)
        except ConfigurationError as error:
            if str(error) != self._complained:
                self._complained = str(error)
                _log.warning("Nothing is collected: %s", error)
            return None
        self._complained = ""
        return limits

    # --- the database ----------------------------------------------------------------------------------------------

    async def _remove_processes(self, database: Database, numbers: Sequence[int]) -> int:
        """Remove ended processes that belong together; their logs, which may be long, first."""
        marks = ", ".join("?" * len(numbers))
        open_ = f"SELECT 1 FROM processes WHERE number IN ({marks}) AND state IN (?, ?)"  # noqa: S608  marks
        if database.first(open_, *numbers, ProcessState.WAITING, ProcessState.RUNNING):
            return 0
        for number in numbers:
            some = "SELECT timestamp FROM logs WHERE process = ? LIMIT ?"
            removed = _LOG_ROWS
            while removed == _LOG_ROWS:
                with database.transaction():
                    sql = f"DELETE FROM logs WHERE timestamp IN ({some})"  # noqa: S608  a constant
                    removed = database.run(sql, number, _LOG_ROWS).rowcount
                await self._rest_after(removed + _ROWS_OF_PROCESS)
        with database.transaction():
            records.remove(database, f"number IN ({marks})", *numbers)
        return len(numbers)

    async def _rest_after(self, rows: int) -> None:
        """Rest if a handful of rows was changed since the last time."""
        self._changed += rows
        if self._changed >= _LOG_ROWS:
            self._changed = 0
            await asyncio.sleep(_REST_S)

    @staticmethod
    def _remove_snapshots(database: Database, numbers: Iterable[int], found: Found, newer: _Newer) -> int:
        going = [number for number in numbers if not newer.needs_snapshot(found.snapshots[number])]
        with database.transaction():
            for number in going:
                snapshots.forget(database, number)
        return len(going)

    @staticmethod
    def _remove_files(database: Database, numbers: Iterable[int], found: Found, newer: _Newer) -> int:
        going = [(number,) for number in numbers if not newer.needs_label(found.files[number])]
        before = database.changes
        with database.transaction():
            database.run_many(
                "DELETE FROM files WHERE sequencenr = ?"
                " AND NOT EXISTS (SELECT 1 FROM snapshot_files WHERE file = sequencenr)",
                going,
            )
        return database.changes - before

    # --- the disk --------------------------------------------------------------------------------------------------

    def _hide(self, database: Database, names: Iterable[str], last_file: int) -> list[Path]:
        """Take objects out of sight, which is quick however large they are, but for those that a newer file has."""
        again = {row[0] for row in database.all("SELECT object FROM files WHERE sequencenr > ?", last_file)}
        hidden = []
        for name in names:
            if name not in again:
                with contextlib.suppress(OSError):
                    hidden.append((self._bucket / name).rename(self._bucket / f".{name}.part"))
        return hidden

    def _remove_directories(self, places: Iterable[str]) -> int:
        removed, root = 0, self._home.cfs.resolve()
        for place in places:
            directory = root.joinpath(*place.split("/")[1:])
            # A specification may say anything, and a job may have left links.
            if directory.is_dir() and directory.resolve() == directory and directory.is_relative_to(root):
                shutil.rmtree(directory, ignore_errors=True)
                removed += 1
        return removed


class _Newer:
    """What was submitted after it was looked for what may go."""

    def __init__(self, database: Database, found: Found) -> None:
        self._database = database
        self._last = found.last_process
        self._needs = Needs()

    def needs_snapshot(self, snapshot_id: str) -> bool:
        """Whether a newer process refers to this snapshot."""
        return self._look().snapshot(snapshot_id)

    def needs_label(self, label: str) -> bool:
        """Whether a newer process has results in this label, or mounts it."""
        return self._look().label(label)

    def _look(self) -> Needs:
        rows = self._database.all("SELECT number, document FROM processes WHERE number > ?", self._last)
        if rows:
            self._last = max(row[0] for row in rows)
            self._needs |= needs_of(msgspec.json.decode(row[1], type=Process) for row in rows)
        return self._needs


def _clock() -> float:
    """Return what stays the same, in seconds, while nobody sets the clock."""
    return time.time() - time.monotonic()


def _handfuls(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _delete(paths: Iterable[Path]) -> list[int]:
    """Delete files; return the sizes of those that were there."""
    sizes = []
    for path in paths:
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            path.unlink()
            sizes.append(size)
    return sizes
