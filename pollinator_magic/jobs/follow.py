"""Following a process: state changes and log text as one ordered stream that survives lost connections.

Polling is the truth, the websocket only a hint that it is worth asking now (protocol section 9). A state is asked for
when a hint came or its last answer is old; the log is asked for while the process runs, often when it talks, seldom
when it is silent, and at once after a hint, which the embedded colony gives. The final state is given out after the log
was read once more, because an executor may log until the moment it closes. What comes out here is the log as it was
sent; `Job.follow` makes events of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from pollinator_magic.colonies.events import Hint
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import ServerUnreachable
from pollinator_magic.jobs.events import ConnectionBack, ConnectionLost, LogText, StateChanged
from pollinator_magic.jobs.log import LogCursor

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process


FASTEST_POLL_S = 0.02
SLOWEST_POLL_S = 1.0
STATE_POLL_S = 2.0
"""How old a state may be without a hint; also how long a lost hint can delay the end of a job."""
FASTEST_RETRY_S = 0.5
SLOWEST_RETRY_S = 15.0
_LOOK_EVERY_S = 0.1


class Hints(Protocol):
    """Something that can be waited on for news; see `colonies.events.ProcessWatch`."""

    def wait(self, timeout_s: float) -> Hint:
        """Wait for news, at most `timeout_s`; return what there is."""
        ...


class Silence:
    """No hints at all: plain polling."""

    def wait(self, timeout_s: float) -> Hint:
        """Wait the whole time."""
        time.sleep(timeout_s)
        return Hint.NOTHING


class Pause:
    """Hints that are waited for in small steps: between them `meanwhile` is called, and `stop` is looked at."""

    def __init__(self, hints: Hints, stop: threading.Event, meanwhile: Callable[[], None]) -> None:
        self._hints, self._stop, self._meanwhile = hints, stop, meanwhile

    def wait(self, timeout_s: float) -> Hint:
        """Wait for news, at most `timeout_s`, but not longer than until `stop`."""
        until = time.monotonic() + timeout_s
        while not self._stop.is_set():
            self._meanwhile()
            left_s = until - time.monotonic()
            if left_s <= 0:
                break
            if hint := self._hints.wait(min(left_s, _LOOK_EVERY_S)):
                return hint
        return Hint.NOTHING


class Pace:
    """How long to wait before asking again: short after news, longer with every silence."""

    def __init__(self, fastest_s: float, slowest_s: float) -> None:
        self._fastest_s, self._slowest_s = fastest_s, slowest_s
        self._next_s = fastest_s

    def news(self) -> None:
        """There was something: ask again soon."""
        self._next_s = self._fastest_s

    def next_s(self) -> float:
        """How long to wait this time; longer the next."""
        now, self._next_s = self._next_s, min(self._next_s * 1.5, self._slowest_s)
        return now


def follow(
    client: Colonies,
    process: Process,
    *,
    cursor: LogCursor | None = None,
    hints: Hints | None = None,
    stop: threading.Event | None = None,
) -> Iterator[StateChanged | LogText | ConnectionLost | ConnectionBack]:
    """Yield what happens to `process` until it is closed and its log is read to the end.

    The first event is the present state, unless the process is closed already: then its log comes first. `cursor` says
    where in the log to begin and moves along with every log text given out, so that a caller can stop and go on later.
    It also ends when `stop` is set, between two events; `hints` have to wake up for that. A server that goes away is
    asked again for ever; what waiting cannot mend is raised.
    """
    cursor, hints = cursor or LogCursor(), hints or Silence()
    pace, outage = Pace(FASTEST_POLL_S, SLOWEST_POLL_S), _Outage()
    current, known = process, None
    asked_at, hint = 0.0, Hint.STATE
    while not _is_set(stop):
        try:
            if (
                Hint.STATE in hint
                or current.status is ProcessState.WAITING
                or time.monotonic() - asked_at >= STATE_POLL_S
            ):
                current = client.process(process.processid)
                asked_at = time.monotonic()
            yield from outage.end()
            if not current.status.closed and differs(current, known):
                known = current
                pace.news()
                yield StateChanged(current)
            more = may_have_log(current)
            # One that says more than can be read is still asked now and then whether it has ended.
            while more and (current.status.closed or time.monotonic() - asked_at < STATE_POLL_S):
                entries, more = cursor.next_page(client, process.processid)
                for entry in entries:
                    if _is_set(stop):
                        return
                    cursor.pass_over(entry)
                    yield LogText(entry.message, entry.timestamp)
                if entries:
                    pace.news()
            if more:
                continue
            if current.status.closed:
                yield StateChanged(current)
                return
        except ServerUnreachable as error:
            yield from outage.sit_out(error, hints)
            hint = Hint.STATE  # whatever was announced meanwhile was missed
        else:
            hint = hints.wait(pace.next_s())


class _Outage:
    """A time without answers: said once when it begins, once when it ends."""

    def __init__(self) -> None:
        self._pace = Pace(FASTEST_RETRY_S, SLOWEST_RETRY_S)
        self._lasts = False

    def sit_out(self, error: ServerUnreachable, hints: Hints) -> Iterator[ConnectionLost]:
        """Wait before the next try; raise `error` if waiting cannot mend it."""
        if not error.passing:
            raise error
        wait_s = self._pace.next_s()
        if not self._lasts:
            self._lasts = True
            yield ConnectionLost(str(error), wait_s)
        hints.wait(wait_s)  # a hint in this time means that the server is back

    def end(self) -> Iterator[ConnectionBack]:
        """There was an answer."""
        if self._lasts:
            self._lasts = False
            self._pace.news()
            yield ConnectionBack()


def _is_set(stop: threading.Event | None) -> bool:
    return stop is not None and stop.is_set()


def differs(current: Process, known: Process | None) -> bool:
    """Say whether a process has changed its state, or was begun anew, since it was known."""
    return known is None or (current.status, current.retries) != (known.status, known.retries)


def may_have_log(process: Process) -> bool:
    """Say whether to ask for log: a process that has never run has none."""
    return process.status is not ProcessState.WAITING or process.retries > 0


def wait_until_closed(client: Colonies, process: Process, *, hints: Hints, timeout_s: float | None = None) -> Process:
    """Return the process once it is closed; raise TimeoutError after `timeout_s` (the process goes on)."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pace = Pace(FASTEST_POLL_S, SLOWEST_POLL_S)
    while not process.status.closed:
        left_s = None if deadline is None else deadline - time.monotonic()
        if left_s is not None and left_s <= 0:
            raise TimeoutError(f"Process {process.processid[:12]} is still {process.status}.")
        hints.wait(min(pace.next_s(), left_s) if left_s is not None else pace.next_s())
        try:
            process = client.process(process.processid)
        except ServerUnreachable as error:
            if not error.passing:
                raise
            pace = Pace(FASTEST_RETRY_S, SLOWEST_RETRY_S)
    return process
