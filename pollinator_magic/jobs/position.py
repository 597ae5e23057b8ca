"""One reader's way through the log of a job: what it gives out, the file it keeps, and where to go on another time.

The record is a place in the log at which nothing was held back, how long the log file was there, and how many events
have been given out since. From that place the same log makes the same events again, so whoever goes on passes over so
many of them: nothing is missing and nothing is repeated, wherever the reader was stopped. Who is killed instead loses
what was not recorded yet, a quarter of a second at the most, and goes on that much earlier.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
from filelock import FileLock, Timeout

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.errors import ProjectError
from pollinator_magic.jobs.events import LogText, StateChanged
from pollinator_magic.jobs.log import LogCursor, LogFile
from pollinator_magic.jobs.stream import LogDecoder, Readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pollinator_magic.jobs.events import Event
    from pollinator_magic.project import Project

SAVE_EVERY_S = 0.25
"""The position is written at most so often."""

_Count = Annotated[int, msgspec.Meta(ge=0)]


class Position(msgspec.Struct, frozen=True):
    """How far the log of a job has been given out."""

    timestamp_ns: _Count = 0
    seen: _Count = 0
    """With the timestamp, a `LogCursor`."""
    length: _Count = 0
    """Bytes of the log file at that place."""
    given: _Count = 0
    """Events given out since."""
    complete: bool = False
    """Whether the job is closed and everything was given out, its final state too."""

    @classmethod
    def load(cls, file: Path) -> Position | None:
        """Read a record; None if there is none that makes sense."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError, RecursionError):
            return None


prepare_reading(Position)


class Reading:
    """Gives out a log as events, with the log file of the project and the position in step.

    `resume` goes on where the last reader in this project stopped, or else begins at the beginning. Without a project
    nothing is kept. While somebody else here reads the same job, that one keeps the file and the position. Without
    `keep_position` only the file is kept: who goes on another time begins where the last reader began. Raises
    ProjectError if the files cannot be written.
    """

    def __init__(
        self, project: Project | None, job_id: str, *, resume: bool = False, keep_position: bool = True
    ) -> None:
        self._keep_position = keep_position
        self._decoder, self._readable = LogDecoder(), Readable()
        self._skip = self._given = 0
        self._complete = False
        self._place = Position()
        self._saved: Position | None = None
        self._saved_at = 0.0
        self.cursor = LogCursor()
        """Where the next entries are asked for; to be moved behind an entry before it is taken."""
        self._file: LogFile | None = None
        if project is None:
            return
        log, self._record = project.log / f"{job_id}.log", position_file(project, job_id)
        position = Position.load(self._record) if resume else None
        if position is not None and _size(log) >= position.length:
            self._place = self._saved = position
            self._skip = position.given
            self.cursor = LogCursor(position.timestamp_ns, position.seen)
        with _reporting(self._record):
            self._record.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._record.with_name("reading.lock"), is_singleton=False, thread_local=False)
        if _acquired(self._lock):
            self._file = LogFile(log, self._place.length)

    def events(self, event: Event) -> Iterator[Event]:
        """Yield what becomes of an event as `follow` gives it, whose log text is that of one entry."""
        if isinstance(event, LogText):
            yield from self._take(event)
        elif isinstance(event, StateChanged) and event.state.closed:
            yield from self._finish()
            yield event
        else:
            yield event

    def _take(self, text: LogText) -> Iterator[Event]:
        if self._file is not None:
            self._file.write(self._readable.feed(text.text))
        yield from self._give(self._decoder.feed(text.text, text.timestamp_ns))
        if self._decoder.idle:
            self._settle()
        self.save_if_due()

    def _finish(self) -> Iterator[Event]:
        """Yield what was held back: the log has ended."""
        if self._file is not None:
            self._file.write(self._readable.finish())
        yield from self._give(self._decoder.finish())
        self._settle()
        self._complete = True

    def _give(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self._given += 1
            if self._given > self._skip:
                yield event

    def _settle(self) -> None:
        length = self._file.length if self._file is not None else 0
        self._place = Position(self.cursor.timestamp_ns, self.cursor.seen, length)
        self._skip = self._given = 0

    def save_if_due(self) -> None:
        """Write the position if it has changed and was not written just now."""
        if time.monotonic() - self._saved_at >= SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the position if it has changed."""
        now = msgspec.structs.replace(self._place, given=max(self._given, self._skip), complete=self._complete)
        if self._file is not None and self._keep_position and now != self._saved:
            with _reporting(self._record):
                write_atomically(self._record, msgspec.json.encode(now))
            self._saved, self._saved_at = now, time.monotonic()

    def close(self) -> None:
        """Write the position and let the file go; nothing is taken any more."""
        if self._file is not None:
            try:
                self.save()
            finally:
                file, self._file = self._file, None
                try:
                    file.close()
                finally:  # whatever cannot be written, as on a full disk: somebody else may read the job again
                    self._lock.release()


def position_file(project: Project, job_id: str) -> Path:
    """Where the position in the log of a job is kept."""
    return project.state / "jobs" / job_id / "position.json"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _acquired(lock: FileLock) -> bool:
    """Take a lock unless somebody has it; where files cannot be locked, nobody can have it."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    except (OSError, NotImplementedError):
        return True
    return True


@contextmanager
def _reporting(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProjectError(f"Cannot write {str(file)!r}: {error.strerror or error}.") from None
