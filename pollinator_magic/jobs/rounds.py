"""Which request is worth making next, for many jobs at a bounded cost. Pure values with an explicit clock.

States come from lists, one request for all jobs that wait and one for all that run; who is on neither any more is asked
for alone. Logs are asked for job by job: soon after there was something, seldom after silence, and the more jobs are
silent the more seldom. What brings nothing is paid from a budget of less than two requests a second; what brings news
is paid back, because it happens no more often than things happen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE_RATE = 1.9
"""Requests a second that may bring nothing."""
TOTAL_RATE = 20.0
"""Requests a second, whatever happens."""
ROUND_S = 1.5
"""How old a list of states may be."""
SOON_S = 0.5
SELDOM_S = 5.0
_TOTAL_AT_ONCE = 5
_TALKING_RATE = 8.0  # what talking jobs may have of all requests together
_SILENT_RATE = 1.0  # what silent ones may have of the budget
_SINGLE_RATE = 0.4  # what jobs that are not on a full list may have of it


@dataclass(frozen=True)
class AskList:
    """Ask for all processes in this state."""

    state: ProcessState


@dataclass(frozen=True)
class AskProcess:
    """Ask for the process of this job alone."""

    key: int


@dataclass(frozen=True)
class AskLog:
    """Ask for what is new in the log of this job."""

    key: int


Ask = AskList | AskProcess | AskLog


@dataclass
class _Bucket:
    """So many requests a second, and so many at once."""

    rate: float
    most: float
    held: float
    filled_at: float

    def lacks_s(self, now: float) -> float:
        """Return how long it takes until there is one."""
        self.held = min(self.most, self.held + (now - self.filled_at) * self.rate)
        self.filled_at = now
        return max(0.0, (1 - self.held) / self.rate)

    def put(self, count: float) -> None:
        """Take (negative) or give."""
        self.held = min(self.most, self.held + count)


@dataclass
class _Job:
    state: ProcessState
    log: bool
    """Whether its log is wanted, and may have something in it."""
    log_at: float = math.inf
    interval_s: float = SOON_S
    talking: bool = False
    changed: bool = False
    """Its log has not been read since it was seen in another state, or for the first time."""
    goes_on: bool = False
    """There is more in its log than has been read."""
    asked_at: float = -math.inf
    ask_at: float = math.inf
    """When it is to be asked for alone."""

    @property
    def urgent(self) -> bool:
        """Whether something has happened, so that its log is read at once and at no cost."""
        return self.changed or self.state.closed


@dataclass
class Rounds:
    """The jobs that are watched, by a number of the caller's, and when what is asked for them.

    `next` says what to ask, which is then asked and answered by `listed`, `unchanged` or `read`; everything that is
    learnt about a state is told by `saw`.
    """

    begun_at: float
    _jobs: dict[int, _Job] = field(default_factory=dict)
    _listed_at: dict[ProcessState, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._idle = _Bucket(IDLE_RATE, 1, 1, self.begun_at)
        self._total = _Bucket(TOTAL_RATE, _TOTAL_AT_ONCE, _TOTAL_AT_ONCE, self.begun_at)

    def add(self, key: int, state: ProcessState, now: float, *, log: bool) -> None:
        """Watch one more job, which is asked for at once. `log` as in `saw`."""
        self._jobs[key] = _Job(state, log)
        if state is ProcessState.WAITING:
            self._listed_at.pop(state, None)
        else:
            self._listed_at.setdefault(state, now)
        self._idle.put(1)
        self.saw(key, state, now, log=log)

    def remove(self, key: int) -> None:
        """Watch it no more."""
        self._jobs.pop(key, None)

    def next(self, now: float) -> Ask | float:
        """Return what to ask now, or how many seconds there is nothing to ask, which may be for ever."""
        due = [(at, ask) for at, ask in self._wishes() if at <= now]
        if not due:
            return min((at for at, _ in self._wishes()), default=math.inf) - now
        ask = due[0][1]
        free = isinstance(ask, AskLog) and self._jobs[ask.key].urgent
        lacks_s = max(self._total.lacks_s(now), 0 if free else self._idle.lacks_s(now))
        if lacks_s > 0:
            return lacks_s
        self._total.put(-1)
        self._idle.put(0 if free else -1)
        return ask

    def _wishes(self) -> Iterator[tuple[float, Ask]]:
        """Yield when to ask what, the more important first, and of what is equally important the longest due."""
        jobs = self._jobs.items()
        yield from ((job.log_at, AskLog(key)) for key, job in jobs if job.urgent and not job.goes_on)
        long: list[tuple[float, Ask]] = [(job.log_at, AskLog(key)) for key, job in jobs if job.urgent and job.goes_on]
        open_ = {job.state for _, job in jobs if not job.state.closed}
        lists: list[tuple[float, Ask]] = [
            (self._listed_at.get(state, -math.inf) + ROUND_S, AskList(state)) for state in sorted(open_)
        ]
        single: list[tuple[float, Ask]] = [(job.ask_at, AskProcess(key)) for key, job in jobs if not job.state.closed]
        single.sort(key=_moment)
        if long:  # a log may even have no end: states that have waited for a round go before more of it
            yield from ((at + ROUND_S, ask) for at, ask in (*lists, *single))
            yield from sorted(long, key=_moment)
        yield from lists
        yield from single
        logs = [(not job.talking, job.log_at, key) for key, job in jobs if not job.urgent]
        yield from ((at, AskLog(key)) for _, at, key in sorted(logs))

    def saw(self, key: int, state: ProcessState, now: float, *, log: bool) -> None:
        """Note the new state of a job. `log`: its log is wanted and may have something in it; it is read at once."""
        job = self._jobs[key]
        job.state, job.log = state, log
        job.asked_at, job.ask_at = -math.inf, math.inf
        job.changed = log
        if log:
            self._hear(job, now)
        else:
            job.log_at = math.inf

    def listed(self, state: ProcessState, absent: list[int], now: float, *, news: bool) -> None:
        """Note that a list has come; `absent` are the jobs that should have been on it and may have left the state."""
        self._listed_at[state] = now
        if state is ProcessState.WAITING and absent:
            self._listed_at.pop(ProcessState.RUNNING, None)  # they may all be there, which costs one request
        for key, job in self._jobs.items():
            if job.state is state:
                again_s = max(ROUND_S, len(absent) / _SINGLE_RATE)
                job.ask_at = max(now, job.asked_at + again_s) if key in absent else math.inf
        self._pay_back(news=news)

    def unchanged(self, ask: AskProcess, now: float) -> None:
        """Note that a job that was asked for alone is as it was."""
        job = self._jobs[ask.key]
        job.asked_at, job.ask_at = now, math.inf

    def changed(self) -> None:
        """Note that a job that was asked for alone has another state."""
        self._pay_back(news=True)

    def read(self, ask: AskLog, now: float, *, news: bool, more: bool = False) -> None:
        """Note that a log was read: whether there was something, and whether there is more."""
        job = self._jobs[ask.key]
        job.changed, job.goes_on = False, more
        if news:
            self._hear(job, now if more else now + max(SOON_S, self._count(talking=True) / _TALKING_RATE))
        else:
            seldom_s = max(SELDOM_S, self._count(talking=False) / _SILENT_RATE)
            job.talking, job.interval_s = False, min(2 * job.interval_s, seldom_s)
            job.log_at = now + job.interval_s
        self._pay_back(news=news)

    def _hear(self, job: _Job, log_at: float) -> None:
        job.talking, job.interval_s, job.log_at = True, SOON_S, log_at

    def _count(self, *, talking: bool) -> int:
        return sum(job.talking is talking and job.log for job in self._jobs.values())

    def _pay_back(self, *, news: bool) -> None:
        if news:
            self._idle.put(1)


def _moment(wish: tuple[float, Ask]) -> float:
    return wish[0]
