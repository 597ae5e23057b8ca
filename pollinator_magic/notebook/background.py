"""Jobs that no cell follows: their cards go on by themselves.

The session's poller tells what happens, the card shows it with the last lines of the log, and when the job has ended
its results are fetched and listed in the card. Nothing is printed: other cells are running meanwhile.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from typing import TYPE_CHECKING

from pollinator_magic.errors import JobCancelled, JobFailed, PollinatorError
from pollinator_magic.jobs.events import ConnectionBack, ConnectionLost, Displayed, LogText, Raised, StateChanged
from pollinator_magic.notebook.face import log_line
from pollinator_magic.notebook.gallery import results_bundle, static_results
from pollinator_magic.screen import describe_connection

if TYPE_CHECKING:
    from pollinator_magic.jobs import Event, Job, Results
    from pollinator_magic.jobs.poller import Watch
    from pollinator_magic.notebook.card import JobCard

_log = logging.getLogger(__name__)

TAIL_LINES = 10
LISTED = 50
"""Results that are named in a card; of the others their number is."""
_FETCHING = threading.BoundedSemaphore(2)
"""Results of so many jobs are fetched at the same time."""

_unattended: dict[str, Unattended] = {}


def look_after(job: Job, card: JobCard, patterns: tuple[str, ...], *, quiet: bool = False) -> None:
    """Keep the card of a job up to date that nobody follows; its results are those that match `patterns`.

    `quiet` leaves out the log and the results.
    """
    take_over(job)
    _unattended[job.id] = unattended = Unattended(job, card, patterns, quiet=quiet)
    unattended.start()


def take_over(job: Job) -> None:
    """Leave a job to a cell that follows it: two cannot read its log at the same time."""
    before = _unattended.pop(job.id, None)
    if before is not None:
        before.stop()


class Unattended:
    """One job that goes on without a cell."""

    def __init__(self, job: Job, card: JobCard, patterns: tuple[str, ...], *, quiet: bool) -> None:
        self._job, self._card, self._patterns, self._quiet = job, card, patterns, quiet
        self._tail = Tail()
        self._watch: Watch | None = None

    def start(self) -> None:
        """Begin to listen. The card shows only the end of the log: a cell that attaches shows all that no cell has."""
        self._watch = self._job.session.poller.watch(
            self._job, self.handle, log=not self._quiet, resume=True, keep_position=False
        )

    def stop(self) -> None:
        """Listen no more, because a cell takes over."""
        if self._watch is not None:
            self._watch.close()
        self._card.give_up("Followed by a later cell.", final=True)

    def handle(self, event: Event) -> None:
        """Show what happened, in the poller's thread: nothing here may take long."""
        if isinstance(event, StateChanged):
            self._card.change(event.process)
            if event.process.status.closed:
                threading.Thread(target=self._finish, name="pollinator-results", daemon=True).start()
        elif isinstance(event, ConnectionLost) and math.isinf(event.retry_in_s):
            self._card.give_up(describe_connection(event))
        elif isinstance(event, ConnectionLost | ConnectionBack):
            self._card.note(describe_connection(event))
        else:
            self._tail.add(event)
            self._card.tail(self._tail.lines(), count=self._tail.count, displays=self._tail.displays)

    def _finish(self) -> None:
        """Bring the results home, and say what became of the job."""
        results, problem = self._fetch()
        try:
            self._job.raise_unless_successful(shown=True)
        except JobFailed as error:
            self._card.note(str(error))
        except JobCancelled:
            pass  # the state says so
        if problem:
            self._card.note(f"The results could not be fetched: {problem}")
        if results and not self._quiet:
            self._card.results(static_results(results, limit=LISTED), results_bundle(results)["text/plain"])
        self._card.conclude()
        if _unattended.get(self._job.id) is self:
            del _unattended[self._job.id]

    def _fetch(self) -> tuple[Results | None, str]:
        """Bring the results home; return them, or why they could not be had."""
        if self._job.project is None or self._job.result_label is None:
            return None, ""
        with _FETCHING:
            try:
                return self._job.fetch_results(self._patterns, progress=self._card.moving), ""
            except PollinatorError as error:
                return None, str(error)
            except Exception as error:  # noqa: BLE001  nobody but the card could say it
                _log.exception("the results of process %s could not be fetched", self._job.short_id)
                return None, f"{type(error).__name__}: {error}"
            finally:
                self._card.moving(None)


class Tail:
    """The last lines of a log, as a terminal leaves them: of a progress bar, what was written last."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._open = ""
        self.count = 0
        """How many lines there were."""
        self.displays = 0
        """How many rich outputs there were."""

    def add(self, event: LogText | Displayed | Raised) -> None:
        """Add what a program has written, shown or raised."""
        if isinstance(event, Displayed):
            self.displays += not event.update
        else:
            self.write(event.text if isinstance(event, LogText) else f"{event.traceback.rstrip()}\n")

    def write(self, text: str) -> None:
        """Add log text, which may end in the middle of a line."""
        *ended, self._open = (self._open + text).split("\n")
        self.count += len(ended)
        self._lines.extend(_as_left(line) for line in ended[-TAIL_LINES:])
        self._open = _as_left(self._open) if len(self._open) > 4096 else self._open

    def lines(self) -> list[str]:
        """Return the last lines, the one that is being written too."""
        now = [log_line(_as_left(self._open))] if self._open else []
        return [*(log_line(line) for line in self._lines), *now][-TAIL_LINES:]


def _as_left(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2][-4096:]
