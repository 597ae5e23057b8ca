"""One job that is watched: its listener, and how the log that it hears is read."""

from __future__ import annotations

import logging
import math
import threading
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError
from pollinator_magic.jobs.events import ConnectionLost, Event, StateChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.jobs.position import Reading

    Listener = Callable[[Event], None]

_log = logging.getLogger(__name__)

_CLOSE_PATIENCE_S = 1.0


class Watch:
    """One job that is watched, from `Poller.watch` to its final state or `close`."""

    def __init__(self, job: Job, listener: Listener, reading: Reading | None, wake: Callable[[], None]) -> None:
        self.job = job
        self.error: Exception | None = None
        """Why nothing more is heard although the job is open, as far as is known."""
        self._listener, self._wake = listener, wake
        self.reading = reading
        self.known: Process | None = None
        """The process as the listener knows it, or is about to."""
        self.told_lost = False
        self.troubles = 0
        self._ended = False
        self._giving = threading.RLock()

    @property
    def ended(self) -> bool:
        """Whether the listener is not called any more."""
        return self._ended

    def close(self) -> None:
        """Watch no more; after this the listener is not called, unless it is at work and takes longer than a second."""
        self._ended = True
        if self._giving.acquire(timeout=_CLOSE_PATIENCE_S):
            try:
                self._let_go()
            finally:
                self._giving.release()
        self._wake()

    def give(self, event: Event) -> bool:
        """Pass on what becomes of an event of `follow`; return whether to go on. For the poller's thread."""
        with self._giving:
            events: Iterable[Event] = (event,) if self.reading is None else self.reading.events(event)
            try:
                for each in () if self._ended else self.job.noticing(events):
                    self._listener(each)
                    if self._ended:
                        break
            except PollinatorError as error:
                self.error, self._ended = error, True
                _log.warning("Process %s is not watched any more: %s", self.job.short_id, error)
            except Exception:  # noqa: BLE001  whatever it is, the other jobs are still watched
                self._ended = True
                _log.exception("A listener to process %s failed, and is not called any more.", self.job.short_id)
            if isinstance(event, StateChanged) and event.state.closed:
                self._ended = True
            if self._ended:
                self._let_go()
            return not self._ended

    def fail(self, error: Exception) -> None:
        """End, because what is wrong does not pass."""
        self.error = error
        self.give(ConnectionLost(str(error), math.inf))
        self.close()

    def _let_go(self) -> None:
        if self.reading is not None:
            try:
                self.reading.close()
            except PollinatorError as error:
                _log.warning("%s", error)
