"""The line to the server for one process: its log, what is said on it, its end, and whether it is still ours to run.

One thread sends; nobody else waits for the network. While the server is away the log is kept, and when it is back every
message arrives once: one whose connection broke after it was sent is looked for before it is sent again.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import AttributeType, ProcessState
from pollinator_magic.errors import AccessDenied, InvalidReply, NotFound, ServerError, ServerUnreachable
from pollinator_magic.executors.logbatch import Outbox
from pollinator_magic.executors.logs import speaking_of
from pollinator_magic.executors.ownership import Loss, is_ours, loss_of
from pollinator_magic.executors.serverlog import ServerLog
from pollinator_magic.executors.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.logplace import LogPlace

_log = logging.getLogger(__name__)
_ROOM_CHARACTERS = 4 * 1024 * 1024
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 5.0
_REFUSALS = 5
_EXISTS = 400  # an attribute of this name is there, by whomever
_NO_ROOM = 507  # the server's disk is full, until somebody frees some space
_FAILURES = 30  # with the delays between them about two minutes
_LOOK_S = 0.2


class Reporter:
    """Reports on `process`, which this client's key runs. Start it, say what happens, close it, join it.

    With `placed`, another one can go on with the log (`place`, `go_on_from`).
    """

    def __init__(self, client: Colonies, process: Process, *, watch: Watch | None = None, placed: bool = False) -> None:
        self._client = client
        self._process = process
        self._id = process.processid
        self._watch = watch or Watch(client)
        self._log = ServerLog(client, process, placed=placed)
        self._outbox = Outbox()
        self._attributes: deque[tuple[str, str]] = deque()
        self.said = 0
        """How many characters of the log were said, with those of a worker before that this one goes on after."""
        self._changed = threading.Condition()
        self._end: tuple[str, ...] | None = None
        self._end_at: float | None = None
        self._errors_at_end: tuple[str, ...] = ()
        self._loss = Loss.CANCELLED if process.status is ProcessState.CANCELLED else None
        self._closed = False
        self._done = self._loss is not None
        self._urgent = False
        self._hurried_at, self._patience_s = 0.0, math.inf
        self._check_at = time.monotonic() + self._watch.interval_s
        self._failures = self._refused = 0
        work = speaking_of(self._id, self._run)
        self._thread = threading.Thread(target=work, name=f"report-{self._id[:8]}", daemon=True)

    @property
    def loss(self) -> Loss | None:
        """Why the process is not ours any more; None while it is, as far as is known."""
        return self._loss

    @property
    def has_room(self) -> bool:
        """Whether more of the log can be taken; without, the job has to wait until the server has caught up."""
        return self._outbox.characters < _ROOM_CHARACTERS

    @property
    def acknowledged(self) -> int:
        """How many characters of what was said the server has."""
        return self._log.at

    @property
    def errors(self) -> Sequence[str]:
        """With what the process was closed, or is to be; empty for success."""
        return self._end or ()

    def place(self, position: str, at: int) -> LogPlace:
        """Return where a position of the engine's is in the log, after so many characters."""
        return self._log.place(position, at)

    def go_on_from(self, place: LogPlace) -> None:
        """Have what is said begin at this place; what the server has of it already is not sent. First of all."""
        with self._changed:
            self._log.go_on_from(place)
            self.said = place.at

    def go_on_after_all(self) -> None:
        """Have what is said follow upon all that the server has. First of all."""
        with self._changed:
            self._log.go_on_after_all()

    def start(self) -> None:
        """Begin to send and to check."""
        self._thread.start()

    def say(self, text: str) -> None:
        """Append to the log."""
        with self._changed:
            if not self._done:
                self._outbox.put(text, time.monotonic())
                self.said += len(text)
                self._changed.notify_all()

    def attach(self, key: str, value: str) -> None:
        """Say a thing on the process that its owner, and the next attempt, can read; once for each key."""
        with self._changed:
            self._attributes.append((key, value))
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
        self._watch.enter()
        try:
            while step := self._next_step():
                try:
                    step()
                except (AccessDenied, NotFound):
                    self._lose()
                except ServerError as error:
                    self._back_off(error)
                else:
                    self._failures = self._refused = 0
        finally:
            self._watch.leave()

    def _next_step(self) -> Callable[[], None] | None:
        """Wait for something to do, and return it; None at the end."""
        with self._changed:
            while not self._done:
                now = time.monotonic()
                if self._end is None and self._end_at is not None and now >= self._end_at:
                    self._end = self._errors_at_end
                closing = self._end is not None
                due_at = self._outbox.due_at(urgent=closing or self._urgent)
                if self._log.before is not None:
                    return self._prepare
                if self._attributes:
                    return self._attach
                if due_at is not None and now >= due_at:
                    return self._send
                if closing:
                    return self._close
                if self._log.unproven:
                    return self._log.prove
                if now >= self._check_at:
                    return self._check
                times = [moment for moment in (due_at, self._end_at, self._check_at) if moment is not None]
                self._changed.wait(min(times) - now)
        return None

    def _heard(self, at: float | None = None) -> None:
        """Note that the process was ours (now, or at a moment before)."""
        self._check_at = (time.monotonic() if at is None else at) + self._watch.interval_s

    def _prepare(self) -> None:
        if self._log.before is not None and self._is_refused(self._log.before, _FAILURES):
            self._log.before = None
            _log.warning("Where the log of process %r has got to cannot be found out.", self._id)

    def _attach(self) -> None:
        key, value = self._attributes[0]
        attach = partial(self._client.add_attribute, self._id, key, value, AttributeType.ENV)
        if self._is_refused(attach, _FAILURES, _EXISTS):
            _log.info("The attribute %r of process %r stays as it is.", key, self._id)
        with self._changed:
            self._attributes.popleft()
        self._heard()

    def _send(self) -> None:
        with self._changed:
            message = self._outbox.message()
        if self._is_refused(partial(self._log.append, message), _FAILURES):
            _log.error("Lost a message of %d characters of process %r.", len(message), self._id)
            self._log.give_up(message)
        with self._changed:
            self._outbox.sent(time.monotonic())
            self._changed.notify_all()
        self._heard()

    def _is_refused(self, request: Callable[[], object], failures: float, *final: int) -> bool:
        """Make a request; return whether the server refuses it for good: at once with a `final` status."""
        try:
            request()
        except (ServerUnreachable, InvalidReply, AccessDenied, NotFound):
            raise
        except ServerError as error:
            if error.status not in final and self._may_mend(error, failures):
                raise
            return True
        return False

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
        now, at = self._watch.find(self._id)
        if now is None or not is_ours(now, self._client.identity, self._process):
            now, at = self._client.process(self._id), time.monotonic()  # it may be younger than the list
        if is_ours(now, self._client.identity, self._process):
            self._heard(at)
        else:
            self._lose(now)

    def _lose(self, now: Process | None = None) -> None:
        try:
            loss = loss_of(now or self._client.process(self._id), self._client.identity, self._process)
        except NotFound:
            loss = Loss.TAKEN
        except ServerError:  # an executor that was dropped may not even ask
            loss = Loss.RELEASED
        with self._changed:
            self._loss = loss
            self._done = True

    def _back_off(self, error: ServerError) -> None:
        self._failures += 1
        _log.info("Reporting on process %r will be tried again: %s", self._id, error)
        delay_s = min(_FIRST_DELAY_S * 2 ** min(self._failures - 1, 10), _LONGEST_DELAY_S)
        with self._changed:
            self._changed.wait_for(lambda: self._done, timeout=delay_s * random.uniform(0.7, 1.3))
