"""Jobs that nobody follows in the foreground, watched by one thread for all of them.

What a listener gets is what following would give, a little later: the same readings of the log, the same order, the
final state last. When to ask what is decided by `rounds`; here it is asked, and passed on.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING

from pollinator_magic.errors import AccessDenied, NotFound, PollinatorError, ServerError, ServerUnreachable
from pollinator_magic.jobs import follow
from pollinator_magic.jobs.events import ConnectionBack, ConnectionLost, LogText, StateChanged
from pollinator_magic.jobs.follow import Pace, differs, may_have_log
from pollinator_magic.jobs.position import Reading
from pollinator_magic.jobs.rounds import Ask, AskList, AskLog, AskProcess, Rounds
from pollinator_magic.jobs.watch import Watch

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process, ProcessState
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.jobs.watch import Listener

__all__ = ["Poller", "Watch"]

_log = logging.getLogger(__name__)

_PAGES_A_TURN = 4
_MOST_TROUBLES = 5
_CLOSE_PATIENCE_S = 1.0  # a thread that is just asking the server ends a little later by itself


class Poller:
    """Watches any number of jobs of a session in one thread, which runs while there is something to watch."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._changed = threading.Condition()
        self._arrived: list[Watch] = []
        self._watches: dict[int, Watch] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._rounds = Rounds(time.monotonic())
        self._outage: Pace | None = None
        self._retry_at = 0.0
        self._by_name = True

    def watch(
        self, job: Job, listener: Listener, *, log: bool = True, resume: bool = False, keep_position: bool = True
    ) -> Watch:
        """Call `listener` from the poller's thread with what `Job.follow` would give, until the job is closed.

        Without `log` it is told of states only; without `keep_position` a later reader goes on as if this one had read
        nothing. A listener that raises is not called any more. When nothing more can be
        heard of a job that is not closed, the last it gets is a ConnectionLost that is never retried (`retry_in_s` is
        infinite). Raises ProjectError if the log file cannot be written.
        """
        reading = Reading(job.project, job.id, resume=resume, keep_position=keep_position) if log else None
        watch = Watch(job, listener, reading, self._wake)
        with self._changed:
            self._arrived.append(watch)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="pollinator-poller", daemon=True)
                self._thread.start()
                _polling.add(self)
            self._changed.notify_all()
        return watch

    def close(self, *, patience_s: float = _CLOSE_PATIENCE_S) -> None:
        """Watch nothing any more, and end the thread; it starts again with the next watch."""
        with self._changed:
            thread, watches = self._thread, [*self._arrived, *self._watches.values()]
        for watch in watches:
            watch.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(patience_s)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # --- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._sort_out():
            now = time.monotonic()
            wait_s = self._retry_at - now
            ask = self._rounds.next(now) if wait_s <= 0 else wait_s
            if isinstance(ask, float):
                self._sleep(ask)
            else:
                self._ask(ask)

    def _sort_out(self) -> bool:
        """Take in who has arrived, leave out who has ended; return whether there is anybody."""
        with self._changed:
            arrived, self._arrived = self._arrived, []
            for number in [number for number, watch in self._watches.items() if watch.ended]:
                del self._watches[number]
                self._rounds.remove(number)
            new = {next(self._numbers): watch for watch in arrived}
            self._watches.update(new)
            if not self._watches:
                self._thread = None
                return False
        for number, watch in new.items():
            process = watch.job.process
            log = watch.reading is not None and may_have_log(process)
            self._rounds.add(number, process.status, time.monotonic(), log=log)
            self._saw(number, process)
        return True

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            if not self._arrived and not any(watch.ended for watch in self._watches.values()):
                self._changed.wait(min(max(seconds, 0.0), threading.TIMEOUT_MAX))

    def _ask(self, ask: Ask) -> None:
        try:
            if isinstance(ask, AskList):
                self._ask_list(ask.state)
            elif isinstance(ask, AskProcess):
                self._ask_process(ask)
            else:
                self._ask_log(ask)
        except ServerUnreachable as error:
            self._lose(error)
        except Exception as error:  # noqa: BLE001  whatever it is, the other jobs are still watched
            self._note_trouble(ask, error)
        else:
            self._find()

    def _ask_list(self, state: ProcessState) -> None:
        processes = {process.processid: process for process in self._processes(state)}
        news, absent = False, []
        for number, watch in self._watches.items():
            process = processes.get(watch.job.id)
            if process is not None:
                news = self._saw(number, process) or news
            elif watch.known is not None and watch.known.status is state:
                absent.append(number)
        self._rounds.listed(state, absent, time.monotonic(), news=news)

    def _processes(self, state: ProcessState) -> list[Process]:
        """List the processes of a state: only this user's, where the server can tell, because a list has an end."""
        client = self._session.client
        names = {watch.job.process.initiatorname for watch in self._watches.values()}
        if not self._by_name or len(names) > 1:
            return client.processes(state)
        try:
            return client.processes(state, initiator=names.pop())
        except (ServerUnreachable, AccessDenied):
            raise
        except ServerError:  # whose process it is must be a user for that, and may be an executor
            self._by_name = False
            return client.processes(state)

    def _ask_process(self, ask: AskProcess) -> None:
        watch = self._watches[ask.key]
        if self._saw(ask.key, self._session.client.process(watch.job.id)):
            self._rounds.changed()
        else:
            self._rounds.unchanged(ask, time.monotonic())
        watch.troubles = 0

    def _ask_log(self, ask: AskLog) -> None:
        watch = self._watches[ask.key]
        reading, final = watch.reading, watch.known
        if reading is None or final is None:
            return
        news = more = False
        for _ in range(_PAGES_A_TURN):
            entries, more = reading.cursor.next_page(self._session.client, watch.job.id)
            news = news or bool(entries)
            for entry in entries:
                reading.cursor.pass_over(entry)
                if not watch.give(LogText(entry.message, entry.timestamp)):
                    return
            if not more:
                break
        reading.save()
        watch.troubles = 0
        self._rounds.read(ask, time.monotonic(), news=news, more=more)
        if final.status.closed and not more:
            watch.give(StateChanged(final))

    def _saw(self, number: int, process: Process) -> bool:
        """Take note of a process; return whether its state is new. It is passed on, the final one after the log."""
        watch = self._watches[number]
        if not differs(process, watch.known) or (watch.known is not None and watch.known.status.closed):
            return False
        watch.known = process
        log = watch.reading is not None and may_have_log(process)
        self._rounds.saw(number, process.status, time.monotonic(), log=log)
        if not (process.status.closed and log):
            watch.give(StateChanged(process))
        return True

    # --- what goes wrong -------------------------------------------------------------------------------------------

    def _lose(self, error: Exception) -> None:
        """Say once that the server does not answer, and wait before it is asked again."""
        self._outage = self._outage or Pace(follow.FASTEST_RETRY_S, follow.SLOWEST_RETRY_S)
        wait_s = self._outage.next_s()
        self._retry_at = time.monotonic() + wait_s
        for watch in self._watches.values():
            if not watch.told_lost:
                watch.told_lost = True
                watch.give(ConnectionLost(str(error), wait_s))

    def _find(self) -> None:
        """Say that the server answers again, to those who were told that it did not."""
        if self._outage is not None:
            self._outage = None
            for watch in self._watches.values():
                if watch.told_lost:
                    watch.told_lost = False
                    watch.give(ConnectionBack())

    def _note_trouble(self, ask: Ask, error: Exception) -> None:
        """Ask again later; a job of which nothing can be learnt is watched no more."""
        _log.info("%s: %s", ask, error, exc_info=not isinstance(error, PollinatorError))
        if isinstance(ask, AskList):
            self._lose(error)
            return
        watch = self._watches[ask.key]
        watch.troubles += 1
        if watch.troubles >= _MOST_TROUBLES or isinstance(error, NotFound | AccessDenied):
            watch.fail(error)
        elif isinstance(ask, AskProcess):
            self._rounds.unchanged(ask, time.monotonic())
        else:
            self._rounds.read(ask, time.monotonic(), news=False)


_polling: weakref.WeakSet[Poller] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Let no thread run into the end of the interpreter, where it could crash it."""
    for poller in list(_polling):
        poller.close()
