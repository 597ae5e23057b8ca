"""What is known of a colony's jobs, newest submission first: pages of it, filters, and what has changed. Pure values.

A page begins after a job, not at a number, so that jobs that arrive or change while somebody turns pages move nothing:
whoever reads to the end has met every job that was there at the beginning, once.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

State = Literal["waiting", "running", "success", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("waiting", "running")
SHORT = 12
"""Characters of an id that name a job where whole ids would be too long."""
MOST = 20_000
"""Jobs that are kept; the embedded colony keeps as many."""
_CURSOR = re.compile(r"([0-9]{1,16})-([0-9A-Za-z]{1,64})")


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A job in a list, as pages get it. Times are milliseconds since 1970."""

    id: str
    state: State
    executor: str = ""
    submitted: int | None = None
    started: int | None = None
    ended: int | None = None
    retries: int = 0
    by: str = ""
    mine: bool = False
    project: str = ""
    notebook: str = ""
    cell: str = ""
    parameters: str = ""
    step: str = ""
    """The name of the step that it is of its graph."""
    graph: str = ""
    """The id of the graph that it is a step of; empty for a job of its own."""

    @property
    def open(self) -> bool:
        """Whether it may still change."""
        return self.state in OPEN

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in the order of all jobs. It never changes."""
        return -(self.submitted or 0), self.id


@dataclass(frozen=True)
class Filter:
    """Which jobs are wanted: all by default. Every word of `text` has to occur somewhere."""

    mine: bool = False
    state: str = ""
    """Empty for every state."""
    text: str = ""

    def passes(self, job: Summary, words: list[str]) -> bool:
        """Whether a job is wanted; `words` are those of the text."""
        if (self.mine and not job.mine) or (self.state and job.state != self.state):
            return False
        if not words:
            return True
        own = f"{job.id}\n{job.executor}\n{job.parameters}\n{job.step}\n{job.graph}".casefold()
        origin = f"{job.project}\n{job.notebook}\n{job.by}".casefold()
        return all(word in own or word in origin for word in words)


class GraphCount(msgspec.Struct, frozen=True):
    """The steps of a graph as far as they are known."""

    steps: int
    open: int
    """How many of them may still change."""


@dataclass(frozen=True)
class Page:
    """Some of the jobs that are wanted, how many there are, and where the next page begins."""

    jobs: list[Summary]
    next: str | None
    total: int


@dataclass
class Index:
    """Jobs by their ids. An open job never takes the place of a closed one: it would be old news.

    Safe to use from several threads.
    """

    most: int = MOST
    _jobs: dict[str, Summary] = field(default_factory=dict)
    _order: list[tuple[int, str]] = field(default_factory=list)
    _guard: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Summary]:
        """Yield the jobs, newest first."""
        with self._guard:
            return iter([self._jobs[process_id] for _, process_id in self._order])

    def __contains__(self, process_id: str) -> bool:
        return process_id in self._jobs

    def get(self, process_id: str) -> Summary | None:
        """Return a job, if it is known."""
        return self._jobs.get(process_id)

    def named(self, names: Iterable[str]) -> dict[str, Summary]:
        """Return the jobs that are known of these ids, and of these first characters of ids, `SHORT` each, by name."""
        names = set(names)
        beginnings = {name for name in names if len(name) == SHORT}
        found: dict[str, list[Summary]] = {}
        for job in self if beginnings else ():
            if job.id[:SHORT] in beginnings:
                found.setdefault(job.id[:SHORT], []).append(job)
        whole = {name: known for name in names - beginnings if (known := self.get(name)) is not None}
        return {**whole, **{name: jobs[0] for name, jobs in found.items() if len(jobs) == 1}}

    def count(self, state: State) -> int:
        """Return how many are in a state."""
        return sum(job.state == state for job in self)

    def graphs(self, ids: Iterable[str]) -> dict[str, GraphCount]:
        """Return how many steps are known of these graphs, by their ids."""
        members: dict[str, list[Summary]] = {graph: [] for graph in ids}
        for job in self if members else ():
            if job.graph in members:
                members[job.graph].append(job)
        return {graph: GraphCount(len(jobs), sum(job.open for job in jobs)) for graph, jobs in members.items()}

    def take(self, jobs: Iterable[Summary]) -> list[Summary]:
        """Take in what has been learnt; return the jobs that are new or not as before, in the order given.

        Beyond the limit the oldest are forgotten, closed ones first.
        """
        changed: dict[str, Summary] = {}
        arrived = []
        for told in jobs:
            known = self._jobs.get(told.id)
            if known is None:
                job = told
                arrived.append(job.place)
            else:
                job = _in_its_place(told, known)
                if job == known or (job.open and not known.open):
                    continue
            self._jobs[job.id] = changed[job.id] = job
        self._arrange(arrived)
        return [job for job in changed.values() if job.id in self._jobs]

    def forget(self, ids: Iterable[str]) -> None:
        """Forget jobs whose records are gone."""
        for process_id in ids:
            job = self._jobs.pop(process_id, None)
            if job is not None:
                del self._order[bisect_left(self._order, job.place)]

    def page(self, wanted: Filter, count: int, cursor: str | None = None) -> Page:
        """Return at most `count` jobs after the cursor of an earlier page; raise ValueError for what is no cursor."""
        begin = 0 if cursor is None else bisect_right(self._order, _place(cursor))
        words = wanted.text.casefold().split()
        found = [(number, job) for number, job in enumerate(self) if wanted.passes(job, words)]
        rest = [job for number, job in found if number >= begin]
        jobs = rest[:count]
        return Page(jobs, _cursor(jobs[-1]) if len(rest) > count else None, len(found))

    def _arrange(self, arrived: list[tuple[int, str]]) -> None:
        if len(arrived) < 100:
            for place in arrived:
                insort(self._order, place)
        else:
            self._order = sorted([*self._order, *arrived])
        excess = len(self._order) - self.most
        if excess > 0:
            oldest = [process_id for _, process_id in reversed(self._order)]
            oldest.sort(key=lambda process_id: self._jobs[process_id].open)  # stable: closed ones first
            self.forget(oldest[:excess])


def _in_its_place(told: Summary, known: Summary) -> Summary:
    """Return what was told with the time of submission that is known: another one would break the order."""
    return told if told.place == known.place else msgspec.structs.replace(told, submitted=known.submitted)


def _cursor(last: Summary) -> str:
    return f"{last.submitted or 0}-{last.id}"


def _place(cursor: str) -> tuple[int, str]:
    match = _CURSOR.fullmatch(cursor)
    if not match:
        raise ValueError(cursor)
    return -int(match[1]), match[2]
