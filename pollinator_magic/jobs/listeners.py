"""What becomes of many jobs, told to any number of listeners by the session's one poller."""

from __future__ import annotations

import math
import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pollinator_magic.errors import ServerUnreachable
from pollinator_magic.jobs.events import ConnectionBack, ConnectionLost, Displayed, LogText, Raised, StateChanged
from pollinator_magic.jobs.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pollinator_magic.jobs.events import Event
    from pollinator_magic.jobs.session import Session

LOOK_EVERY_S = 0.25


@dataclass(frozen=True)
class Said:
    """What a job has written, shown or raised."""

    job: Job
    event: LogText | Displayed | Raised


Change = Job | Said | ConnectionLost | ConnectionBack
"""A job that is in another state now, what one has said, or what became of the connection."""


class Listeners:
    """Tells of the jobs that it watches, whose `process` is then up to date. Safe to use from several threads.

    With `log` it tells too what they say, and the project keeps their logs.
    """

    def __init__(self, session: Session, *, log: bool = False) -> None:
        self._session = session
        self._log = log
        self._watched: set[str] = set()
        self._listeners: list[Callable[[Change], object]] = []
        self._guard = threading.Lock()
        self._away = False
        self._lost = ""

    def watch(self, jobs: Iterable[Job]) -> None:
        """Watch those of these jobs that are open."""
        with self._guard:
            self._lost = ""
            new = self.unwatched(jobs)
            self._watched.update(job.id for job in new)
        for job in new:
            self._session.poller.watch(job, partial(self._hear, job), log=self._log, keep_position=False)

    def unwatched(self, jobs: Iterable[Job]) -> list[Job]:
        """Return those of these jobs that are open, as far as is known, and not watched."""
        return [job for job in jobs if not job.process.status.closed and job.id not in self._watched]

    def add(self, listener: Callable[[Change], object]) -> Callable[[], None]:
        """Call `listener` at every change, in the poller's thread; return what ends that."""
        with self._guard:
            self._listeners.append(listener)

        def end() -> None:
            with self._guard, suppress(ValueError):  # it may be ended twice
                self._listeners.remove(listener)

        return end

    def changes(self, is_over: Callable[[], bool], is_stopped: Callable[[], bool]) -> Iterator[Change]:
        """Yield changes until there will be none or somebody has stopped it.

        Raises ServerUnreachable if nothing more can be heard of a job that is open.
        """
        news: queue.SimpleQueue[Change] = queue.SimpleQueue()
        end = self.add(news.put)
        try:
            while True:
                over = is_over()  # asked before the queue, so that no change is left in it
                try:
                    yield news.get(timeout=0 if over else LOOK_EVERY_S)
                except queue.Empty:
                    if over or is_stopped():
                        return
                    if self._lost:
                        raise ServerUnreachable(self._lost) from None
        finally:
            end()

    def _hear(self, job: Job, event: Event) -> None:
        change: Change
        if isinstance(event, StateChanged):
            change = job
        elif isinstance(event, LogText | Displayed | Raised):
            change = Said(job, event)
        else:
            away = isinstance(event, ConnectionLost)
            if isinstance(event, ConnectionLost) and math.isinf(event.retry_in_s):
                self._lost = event.reason
                self._watched.discard(job.id)
            elif away is self._away:
                return  # every job hears of it
            self._away, change = away, event
        with self._guard:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(change)
