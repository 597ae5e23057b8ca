"""One thread that asks the colony for all pages of a Jupyter server, while at least one of them listens.

A page that begins to listen is told how everything is; then all are told what changes, and nothing else. While the
colony cannot be reached it is tried after growing pauses; pages hear of the loss and of the return, once each.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from pollinator_magic.errors import PollinatorError, ServerError
from pollinator_magic.jobs.ledger import Ledger
from pollinator_magic.labserver.overview import Overview
from pollinator_magic.labserver.summaries import Describer, executors_told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs.ledger import Entry
    from pollinator_magic.labserver.desk import Desk, Place
    from pollinator_magic.labserver.index import Summary
    from pollinator_magic.labserver.overview import Numbers

Listener = Callable[[str], None]
"""Gets every message as JSON, in any thread. It must neither wait nor raise."""

_log = logging.getLogger(__name__)

BUSY_S = 1.0
"""How long after a look the next one follows while jobs are open."""
IDLE_S = 5.0
_HERE_EVERY_S = 1.0  # how often it is looked at what can be seen on this machine, without asking anybody
_SHARE = 0.1  # of the time that looks may take, at most
_EXECUTORS_EVERY_S = 10.0
_EXECUTORS_SOON_S = 2.0  # since the last time, where a job has begun or ended since then
_AGES_EVERY_S = 60.0  # how often it is told when executors were heard of last, while nothing else about them changes
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = {"local": 5.0, "remote": 30.0}  # that the embedded colony runs is seen without asking it
_AT_ONCE = 100  # jobs in a message
_CLOSE_PATIENCE_S = 1.0
_WHAT_MATTERS = ("where", "colony", "server", "identity", "reachable")  # of a connection; its problem may vary in words


class Watcher:
    """What the pages of a server know of the colony that they look at."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ledger = Ledger()
        self._here: tuple[Mapping[str, Entry], bool] = ({}, False)
        """What is known without asking anybody: the ledger, and whether the embedded colony runs."""
        self._changed = threading.Condition()
        self._listeners: dict[Listener, bool] = {}
        """Who listens, and whether it has been told how everything is."""
        self._thread: threading.Thread | None = None
        self._due_at = 0.0
        self._hurried = False
        self._looking = threading.RLock()
        self._place: Place | None = None
        self._overview: Overview | None = None
        self._looked = False
        """Whether the thread has looked since it began, so that what is known is not from long ago."""
        self._found: Place | None = None
        """The place that answers, as pages have been told."""
        self._trouble: PollinatorError | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._connection: dict[str, Any] | None = None
        """What was told of it last."""
        self._executors: list[dict[str, Any]] | None = None
        self._executors_at = self._ages_at = 0.0
        self._executors_numbers: Numbers | None = None
        """How many jobs were in each state when the executors were looked at."""
        atexit.register(self.close)  # no thread shall run into the end of the interpreter

    # --- what pages ask ----------------------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell this listener how everything is as soon as that is known, and then what changes; return what ends it."""
        with self._changed:
            known = self._thread is not None and self._connection is not None
            self._listeners[listener] = known
            if known:
                for message in self._greeting():
                    listener(message)
            if self._thread is None:
                self._looked = False
                self._thread = threading.Thread(target=self._run, name="pollinator-watcher", daemon=True)
                self._thread.start()
            if not known or self._trouble is not None:
                self.hurry()
        return lambda: self._leave(listener)

    def hurry(self) -> None:
        """Look at once: there is reason to think that something has changed."""
        with self._changed:
            self._due_at, self._hurried = 0.0, True
            self._pause_s = _FIRST_PAUSE_S
            self._changed.notify_all()

    def reached(self) -> None:
        """Take note that somebody has reached the colony; if it was lost, look at it now and not after the pause."""
        with self._changed:
            if self._trouble is not None:
                self._trouble = None
                self.hurry()

    def overview(self) -> Overview:
        """Return the jobs of the colony as they are now; raise what keeps one from knowing them."""
        place = self._desk.place()
        if not self._is_current(place):
            with self._looking:
                if not self._is_current(place):  # the thread may just have looked
                    self._look(place)
        overview = self._overview
        if overview is None or self._place is not place:
            raise ServerError("Another colony was chosen at this moment. Try again.")
        return overview

    def noticed(self, process: Process) -> Summary:
        """Tell all pages of a process that somebody has asked for, if it is not as before; return it as they get it."""
        place, overview = self._desk.place(), self._overview
        job = self._describer(place).summary(process)
        if overview is not None and self._place is place and overview.numbers is not None:
            self._tell_jobs(overview, overview.index.take([job]))
        return job

    @property
    def now(self) -> int:
        """The time of the colony's clock, in milliseconds since 1970."""
        overview = self._overview
        return round(time.time() * 1000) if overview is None else overview.now

    def close(self) -> None:
        """Tell nobody anything any more, and end the thread."""
        with self._changed:
            self._listeners.clear()
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(_CLOSE_PATIENCE_S)

    def _leave(self, listener: Listener) -> None:
        with self._changed:
            self._listeners.pop(listener, None)
            self._changed.notify_all()

    def _is_current(self, place: Place) -> bool:
        """Whether the thread keeps the jobs of this colony current; raise why it cannot."""
        with self._changed:
            if self._thread is None or self._place is not place:
                return False
            if self._trouble is not None:
                raise self._trouble.with_traceback(None)
            return self._looked

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wait():
            began = time.monotonic()
            pause_s = self._turn()
            with self._changed:
                if not self._hurried:
                    ended = time.monotonic()
                    self._due_at = ended + max(pause_s, (ended - began) / _SHARE)

    def _wait(self) -> bool:
        """Wait until it is time to look, or there is reason to; return whether anybody still listens."""
        with self._changed:
            while self._listeners:
                happened, wait_s = self._something_happened_here(), self._due_at - time.monotonic()
                if happened or wait_s <= 0:
                    self._hurried = False
                    return True
                self._changed.wait(min(wait_s, _HERE_EVERY_S))
            self._thread = None
            return False

    def _something_happened_here(self) -> bool:
        """Whether a notebook of this machine has submitted something, or the embedded colony has started or ended."""
        runs = self._desk.where == "local" and self._desk.embedded_runs()
        before, self._here = self._here, (self._ledger.read(), runs)
        if self._here[0] is not before[0]:
            self._desk.notebooks.check()
        return self._here != before

    def _turn(self) -> float:
        """Look once, and tell what is new; return after how many seconds to look again."""
        try:
            place = self._desk.place()
            with self._looking:
                overview = self._look(place)
            self._find(place)
            self._look_at_executors(overview)
        except PollinatorError as error:
            return self._lose(error)
        except Exception as error:  # noqa: BLE001  the pages shall hear of it, and the thread go on
            _log.exception("The colony could not be looked at.")
            return self._lose(ServerError(f"The colony could not be asked ({type(error).__name__})."))
        self._greet()
        return BUSY_S if overview.open or overview.numbers != self._executors_numbers else IDLE_S

    def _look(self, place: Place) -> Overview:
        """Ask for the jobs once. Only with `_looking`."""
        overview = self._overview
        if overview is None or self._place is not place:
            overview = Overview(place.client, place.quick, self._describer(place))
            with self._changed:
                self._place, self._overview = place, overview
                self._looked, self._executors = False, None
        before = overview.numbers
        changed = {job.id: job for job in (*overview.learn_origins(self._ledger.read()), *overview.look())}
        if changed or before != overview.numbers:
            self._tell_jobs(overview, list(changed.values()))
        self._looked = True
        return overview

    def _look_at_executors(self, overview: Overview) -> None:
        now = time.monotonic()
        pace_s = _EXECUTORS_EVERY_S if overview.numbers == self._executors_numbers else _EXECUTORS_SOON_S
        if self._executors is not None and now - self._executors_at < pace_s:
            return
        self._executors_at, self._executors_numbers = now, overview.numbers
        told, before = executors_told(overview.executors()), self._executors
        if before is None or _without_ages(told) != _without_ages(before) or now - self._ages_at > _AGES_EVERY_S:
            with self._changed:
                self._executors, self._ages_at = told, now
                self._tell({"kind": "executors", "executors": told})

    def _find(self, place: Place) -> None:
        """Say that the colony answers, if that is news."""
        if self._found is place:
            return
        connection = self._desk.reached(place)
        with self._changed:
            self._found, self._trouble, self._pause_s = place, None, _FIRST_PAUSE_S
            self._tell_connection(connection)

    def _lose(self, error: PollinatorError) -> float:
        """Say that the colony does not answer, if that is news; return how long to wait until it is tried again."""
        connection = self._desk.lost(error)
        with self._changed:
            self._found, self._trouble = None, error
            self._tell_connection(connection)
            self._greet()
            pause_s = self._pause_s
            self._pause_s = min(2 * pause_s, _LONGEST_PAUSE_S[connection["where"]])
        return pause_s

    # --- what pages are told -----------------------------------------------------------------------------------------

    def _greet(self) -> None:
        """Tell those how everything is who have just come."""
        with self._changed:
            for listener in [listener for listener, greeted in self._listeners.items() if not greeted]:
                self._listeners[listener] = True
                for message in self._greeting():
                    listener(message)

    def _greeting(self) -> list[str]:
        messages: list[dict[str, Any]] = [{"kind": "connection", "connection": self._connection}]
        if self._trouble is None and self._executors is not None and self._overview is not None:
            messages += [{"kind": "executors", "executors": self._executors}, _jobs_message(self._overview, [])]
        return [_written(message) for message in messages]

    def _tell_connection(self, connection: dict[str, Any]) -> None:
        before, self._connection = self._connection, connection
        if before is None or any(connection[name] != before[name] for name in _WHAT_MATTERS):
            self._tell({"kind": "connection", "connection": connection})

    def _tell_jobs(self, overview: Overview, changed: Sequence[Summary]) -> None:
        with self._changed:
            if overview is not self._overview or self._place is None or self._place.where != self._desk.where:
                return  # another colony has been chosen meanwhile
            for begin in range(0, max(len(changed), 1), _AT_ONCE):
                self._tell(_jobs_message(overview, changed[begin : begin + _AT_ONCE]))

    def _tell(self, message: dict[str, Any]) -> None:
        """Tell all who know how everything was. Only with `_changed`."""
        written = _written(message)
        for listener, greeted in self._listeners.items():
            if greeted:
                listener(written)

    def _describer(self, place: Place) -> Describer:
        return Describer(place.identity, self._desk.root, self._ledger.read())


def _jobs_message(overview: Overview, changed: Sequence[Summary]) -> dict[str, Any]:
    return {"kind": "jobs", "jobs": changed, "counts": overview.counts, "now": overview.now}


def _without_ages(executors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**executor, "heard": None} for executor in executors]


def _written(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
