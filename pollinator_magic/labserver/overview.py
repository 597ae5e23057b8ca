"""All jobs of one colony, kept current with few requests.

The counters of the colony tell whether anything has happened: one small request. Only the lists whose numbers have
moved are asked for, and of a long list only what can be new. What was open and is on no list any more is asked for
alone. Now and then, and where counters and what is known do not agree, everything open is looked at anew.
"""

from __future__ import annotations

import logging
import math
import re
import time
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import MAX_PROCESSES
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import InvalidReply, NotFound, ServerError, ServerUnreachable
from pollinator_magic.jobs.executors import describe, survey
from pollinator_magic.labserver.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process, Statistics
    from pollinator_magic.jobs.executors import ExecutorView
    from pollinator_magic.jobs.ledger import Entry
    from pollinator_magic.labserver.index import Summary
    from pollinator_magic.labserver.summaries import Describer

Numbers = dict[ProcessState, int]

_log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{64}")
_EVER_S = 10 * 365 * 86_400
_FIRST_WINDOW_S = 3600
_MARGIN_S = 10  # of a window, which the server counts back from when it answers
_MANY = 10_000  # processes of a state that are asked for whole
_SPARE = 10  # processes that may have ended since they were counted
_ALONE = 20  # processes that are asked for one by one in one look
_SETTLE_EVERY_S = 30.0
_REFILL_EVERY_S = 60.0
_CLOSED = (ProcessState.SUCCESS, ProcessState.FAILED, ProcessState.CANCELLED)


class Overview:
    """What is known of the jobs. Only one thread at a time may let it look."""

    def __init__(
        self,
        client: Colonies,
        quick: Colonies,
        describer: Describer,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Name the clients: one that waits for long lists, and one that does not wait long for the counters."""
        self.index = Index()
        self.numbers: Numbers | None = None
        """How many processes are in each state; None until everything has been looked at once."""
        self._client = client
        self._quick = quick
        self._describer = describer
        self._clock = clock
        self._looked_at = self._filled_at = self._settled_at = -math.inf
        self._settled: Numbers | None = None
        """The numbers when everything open was looked at."""
        self._records_removed = False
        self._lost = 0
        self._ahead_ms = 0

    @property
    def open(self) -> int:
        """How many jobs of the colony wait or run."""
        return sum(self.counts.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs of the colony wait and run, for pages."""
        numbers = self.numbers or {}
        return {str(state): numbers.get(state, 0) for state in (ProcessState.WAITING, ProcessState.RUNNING)}

    @property
    def now(self) -> int:
        """The time of the colony's clock, in milliseconds since 1970: ours, put forward if it was found to be slow."""
        return round(time.time() * 1000) + self._ahead_ms

    def look(self) -> list[Summary]:
        """Ask what has happened; return the jobs that are new or not as before, and none the first time.

        Raises ServerError; then the next look learns what this one has not.
        """
        now = self._clock()
        numbers, before = numbers_of(self._quick.statistics()), self.numbers
        if before is None:
            self._fill(numbers)
            changed = []
        else:
            changed = self._news(numbers, before, now)
        self.numbers, self._looked_at = numbers, now
        return changed

    def executors(self) -> list[ExecutorView]:
        """Return the executors with their work; one request where nothing is open. None if they cannot be listed."""
        try:
            if self.open:
                return survey(self._client)
            return describe(self._client.executors(), running=[], waiting=[])
        except ServerUnreachable:
            raise
        except ServerError as error:  # one that is badly named breaks the list of all
            _log.info("The executors could not be listed: %s", error)
            return []

    def learn_origins(self, origins: Mapping[str, Entry]) -> list[Summary]:
        """Take note of where jobs were submitted; return the jobs of which that is news."""
        before, self._describer = self._describer, self._describer.knowing(origins)
        if before.origins is origins:
            return []
        news = [
            job for key, entry in origins.items() if before.origins.get(key) != entry and (job := self.index.get(key))
        ]
        return self.index.take(map(self._describer.with_origin, news))

    def _news(self, numbers: Numbers, before: Numbers, now: float) -> list[Summary]:
        grown = {state: numbers[state] - before[state] for state in _CLOSED}
        self._records_removed |= min(grown.values()) < 0
        if max(grown.values()) > MAX_PROCESSES - _SPARE or (
            self._records_removed and now - self._filled_at > _REFILL_EVERY_S
        ):
            return self._fill(numbers)
        if numbers != before:
            return self._catch_up(numbers, grown, seconds=math.ceil(now - self._looked_at) + _MARGIN_S)
        known = {state: self.index.count(state) for state in ("waiting", "running")}
        agrees = not self._lost and known == {
            "waiting": numbers[ProcessState.WAITING],
            "running": numbers[ProcessState.RUNNING],
        }
        if (not agrees and numbers != self._settled) or (self.open and now - self._settled_at > _SETTLE_EVERY_S):
            return self._settle(numbers, now)
        return []

    # --- what is asked -----------------------------------------------------------------------------------------------

    def _fill(self, numbers: Numbers) -> list[Summary]:
        """Look at everything. The states are asked for in the order in which processes go through them."""
        found: list[Process] = []
        whole: set[str] = set()
        for state in (ProcessState.WAITING, ProcessState.RUNNING, *_CLOSED):
            listed = self._recent(state, numbers[state])
            found += listed
            if len(listed) >= numbers[state]:
                whole.add(str(state))
        changed = self.index.take(self._summaries(found))
        present = {process.processid for process in found}
        self.index.forget([job.id for job in self.index if job.state in whole and job.id not in present])
        self._records_removed, self._lost = False, 0
        self._filled_at = self._settled_at = self._clock()
        self._settled = numbers
        return changed

    def _catch_up(self, numbers: Numbers, grown: Numbers, *, seconds: int) -> list[Summary]:
        """Look at what is open, and at what has ended last; `seconds` ago everything was known."""
        many = numbers[ProcessState.WAITING] >= MAX_PROCESSES
        if many:  # all that can be new among them was submitted since then
            waiting = self._client.history(ProcessState.WAITING, seconds=seconds)
        else:
            waiting = self._all(ProcessState.WAITING, numbers)
        found = [*waiting, *self._all(ProcessState.RUNNING, numbers)]
        for state in _CLOSED:
            if grown[state]:
                found += self._client.processes(state, count=max(grown[state], 0) + _SPARE)
        return self._take(found, waiting_known=not many)

    def _settle(self, numbers: Numbers, now: float) -> list[Summary]:
        """Look at everything that is open."""
        self._settled, self._settled_at = numbers, now
        found = [*self._all(ProcessState.WAITING, numbers), *self._all(ProcessState.RUNNING, numbers)]
        return self._take(found, waiting_known=True)

    def _take(self, found: list[Process], *, waiting_known: bool) -> list[Summary]:
        """Take in what was found; ask for those alone that should have been there."""
        changed = self.index.take(self._summaries(found))
        present = {process.processid for process in found}
        lost = [
            job.id
            for job in self.index
            if job.id not in present and (job.state == "running" or (job.state == "waiting" and waiting_known))
        ]
        self._lost = max(len(lost) - _ALONE, 0)
        return changed + self.index.take(self._summaries(self._one_by_one(lost[:_ALONE])))

    def _all(self, state: ProcessState, numbers: Numbers) -> list[Process]:
        if numbers[state] == 0:
            return []
        if numbers[state] < MAX_PROCESSES:
            return self._client.processes(state)
        return self._client.history(state, seconds=_EVER_S)

    def _recent(self, state: ProcessState, number: int) -> list[Process]:
        """Return all processes of a state, or of very many those that were submitted last."""
        if number == 0:
            return []
        if number < MAX_PROCESSES:
            return self._client.processes(state)
        seconds = _EVER_S if number <= _MANY else _FIRST_WINDOW_S
        found = self._client.history(state, seconds=seconds)
        while len(found) < _MANY and seconds < _EVER_S:
            seconds *= 4
            try:
                found = self._client.history(state, seconds=seconds)
            except InvalidReply:  # it is too large
                break
        return found[-_MANY:]

    def _one_by_one(self, ids: Iterable[str]) -> list[Process]:
        found, gone = [], []
        for process_id in ids:
            try:
                found.append(self._client.process(process_id))
            except NotFound:
                gone.append(process_id)
        self.index.forget(gone)
        return found

    def _summaries(self, processes: Iterable[Process]) -> list[Summary]:
        jobs = [self._describer.summary(process) for process in processes if _ID.fullmatch(process.processid)]
        latest = max(
            (moment for job in jobs for moment in (job.submitted, job.started, job.ended) if moment), default=0
        )
        self._ahead_ms = max(self._ahead_ms, latest - round(time.time() * 1000))
        return jobs


def numbers_of(counters: Statistics) -> Numbers:
    """Return how many processes are in each state."""
    return {
        ProcessState.WAITING: counters.waitingprocesses,
        ProcessState.RUNNING: counters.runningprocesses,
        ProcessState.SUCCESS: counters.successfulprocesses,
        ProcessState.FAILED: counters.failedprocesses,
        ProcessState.CANCELLED: counters.cancelledprocesses,
    }
