"""The line to the server for one process: its log in order, its end, and whether it is still ours to run.

One thread sends; nobody else waits for the network. While the server is away the log is kept, and when it is back every
message arrives once: one whose connection broke after it was sent is looked for before it is sent again.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import AccessDenied, InvalidReply, NotFound, ServerError, ServerUnreachable
from pollinator_magic.executors.logbatch import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process

_log = logging.getLogger(__name__)
_CHECK_INTERVAL_S = 1.5
_ROOM_CHARACTERS = 4 * 1024 * 1024
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 5.0
_REFUSALS = 5
_NO_ROOM = 507  # the server's disk is full, until somebody frees some space
_FAILURES = 30  # with the delays between them about two minutes
_MOST_LOGS = 500
_LOOK_S = 0.2
_SAME_TIME = timedelta(milliseconds=1)  # replies carry nanoseconds, the database microseconds


class Loss(Enum):
    """Why a process is not ours any more."""

    CANCELLED = "cancelled"
    TAKEN = "taken"
    """It ran for too long, or the server took this executor for dead; it may be running elsewhere."""


class Reporter:
    """Reports on `process`, which this client's key runs. Start it, say what happens, close it, join it."""

    def __init__(self, client: Colonies, process: Process) -> None:
        self._client = client
        self._process = process
        self._id = process.processid
        self._started = process.started_at
        self._outbox = Outbox()
        self._changed = threading.Condition()
        self._end: tuple[str, ...] | None = None
        self._end_at: float | None = None
        self._errors_at_end: tuple[str, ...] = ()
        self._loss: Loss | None = None
        self._closed = False
        self._done = False
        self._urgent = False
        self._hurried_at, self._patience_s = 0.0, math.inf
        self._unclear = False
        self._last_message, self._repeats = "", 0
        self._heard_at = time.monotonic()
        self._failures = self._refused = 0
        self._thread = threading.Thread(target=self._run, name=f"report-{self._id[:8]}", daemon=True)

    @property
    def loss(self) -> Loss | None:
        """Why the process is not ours any more; None while it is, as far as is known."""
        return self._loss

    @property
    def has_room(self) -> bool:
        """Whether more of the log can be taken; without, the job has to wait until the server has caught up."""
        return self._outbox.characters < _ROOM_CHARACTERS

    def start(self) -> None:
        """Begin to send and to check."""
        self._thread.start()

    def say(self, text: str) -> None:
        """Append to the log."""
        with self._changed:
            if not self._done:
                self._outbox.put(text, time.monotonic())
                self._changed.notify_all()

    def flush(self, patience_s: float) -> bool:
        """Send what was said without waiting for more; return whether the server has all of it within `patience_s`."""
        with self._changed:
            self._urgent = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._done or not self._outbox.characters, patience_s)
            self._urgent = False
            return not self._outbox.characters

    def close_at(self, moment: float, errors: Sequence[str]) -> None:
        """Close the process as failed at `moment` (monotonic) if it is not closed by then."""
        with self._changed:
            self._end_at, self._errors_at_end = moment, tuple(errors)
            self._changed.notify_all()

    def close(self, errors: Sequence[str], *, patience_s: float | None = None) -> bool:
        """Close the process, as failed if there are errors, after all of its log; wait until the server knows.

        Returns whether it is closed: not if it is lost, or the server does not answer within `patience_s`.
        """
        with self._changed:
            if self._end is None:
                self._end = tuple(errors)
            self._changed.notify_all()
        if patience_s is not None:
            self.hurry(patience_s)
        began = time.monotonic()
        while self._thread.is_alive() and time.monotonic() < max(began, self._hurried_at) + self._patience_s:
            self._thread.join(min(_LOOK_S, self._patience_s))
        self.abandon()
        return self._closed

    def hurry(self, patience_s: float) -> None:
        """Let `close` wait for no longer than this, also where it is waiting already."""
        self._hurried_at, self._patience_s = time.monotonic(), patience_s

    def abandon(self) -> None:
        """Send nothing any more."""
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def _run(self) -> None:
        while step := self._next_step():
            try:
                step()
            except (AccessDenied, NotFound):
                self._lose()
            except ServerError as error:
                self._back_off(error)
            else:
                self._heard_at = time.monotonic()
                self._failures = self._refused = 0

    def _next_step(self) -> Callable[[], None] | None:
        """Wait for something to do, and return it; None at the end."""
        with self._changed:
            while not self._done:
                now = time.monotonic()
                if self._end is None and self._end_at is not None and now >= self._end_at:
                    self._end = self._errors_at_end
                closing = self._end is not None
                due_at = self._outbox.due_at(urgent=closing or self._urgent)
                check_at = self._heard_at + _CHECK_INTERVAL_S
                if due_at is not None and now >= due_at:
                    return self._send
                if closing:
                    return self._close
                if now >= check_at:
                    return self._check
                times = [moment for moment in (due_at, self._end_at, check_at) if moment is not None]
                self._changed.wait(min(times) - now)
        return None

    def _send(self) -> None:
        with self._changed:
            message = self._outbox.message()
        if not (self._unclear and self._arrived(message)):
            try:
                self._client.add_log(self._id, message)
            except (ServerUnreachable, InvalidReply) as error:
                self._unclear = self._unclear or isinstance(error, InvalidReply) or error.sent
                raise
            except (AccessDenied, NotFound):
                raise
            except ServerError as error:
                if self._may_mend(error, _FAILURES):
                    raise
                _log.exception("Lost a message of %d characters of process %r.", len(message), self._id)
        self._unclear = False
        self._repeats = self._repeats + 1 if message == self._last_message else 1
        self._last_message = message
        with self._changed:
            self._outbox.sent(time.monotonic())
            self._changed.notify_all()

    def _arrived(self, message: str) -> bool:
        """Whether the last message has reached the log although its connection broke.

        The same text may have been sent before, so the log has to end with it once more often than is known.
        """
        known = self._repeats if message == self._last_message else 0
        began_ns = self._started.timestamp() * 1e9 if self._started else 0
        entries = self._client.logs(self._id, latest=True, count=min(known + 1, _MOST_LOGS))
        own = [entry.message for entry in entries if entry.timestamp >= began_ns]
        return own == [message] * (known + 1)

    def _close(self) -> None:
        errors = self._end or ()
        try:
            if errors:
                self._client.close_failed(self._id, errors)
            else:
                self._client.close_successful(self._id)
        except (ServerUnreachable, InvalidReply, AccessDenied, NotFound):
            raise
        except ServerError as error:
            if not self._is_closed_as_meant(errors):
                self._check()
                # A server that fails is waited for: a process that it believes to be running would be run again.
                if self._may_mend(error, math.inf):
                    raise
                _log.exception("Process %r cannot be closed.", self._id)
        with self._changed:
            self._closed = self._done = True

    def _may_mend(self, error: ServerError, failures: float) -> bool:
        """Whether to try again what the server refuses; it may do so `failures` times in a row by failing itself."""
        if error.status == _NO_ROOM:
            return True
        self._refused += 1
        return self._refused <= (failures if (error.status or 0) >= 500 else _REFUSALS)

    def _is_closed_as_meant(self, errors: Sequence[str]) -> bool:
        """Whether the server has closed the process as it was told to, and only its reply was lost."""
        now = self._client.process(self._id)
        meant = ProcessState.FAILED if errors else ProcessState.SUCCESS
        return now.status is meant and now.assignedexecutorid == self._client.identity and now.errors == list(errors)

    def _check(self) -> None:
        """Look whether the process is still this executor's, in this attempt."""
        now = self._client.process(self._id)
        if (
            now.status is not ProcessState.RUNNING
            or now.assignedexecutorid != self._client.identity
            or (self._started and now.started_at and abs(now.started_at - self._started) > _SAME_TIME)
        ):
            self._lose(now)

    def _lose(self, now: Process | None = None) -> None:
        with suppress(ServerError):
            now = now or self._client.process(self._id)
        cancelled = now is not None and now.status is ProcessState.CANCELLED
        with self._changed:
            self._loss = Loss.CANCELLED if cancelled else Loss.TAKEN
            self._done = True

    def _back_off(self, error: ServerError) -> None:
        self._failures += 1
        _log.info("Reporting on process %r will be tried again: %s", self._id, error)
        delay_s = min(_FIRST_DELAY_S * 2 ** min(self._failures - 1, 10), _LONGEST_DELAY_S)
        with self._changed:
            self._changed.wait_for(lambda: self._done, timeout=delay_s * random.uniform(0.7, 1.3))
