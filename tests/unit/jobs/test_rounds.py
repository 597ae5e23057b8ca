"""When what is asked for many jobs: a made-up colony, an explicit clock."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs.rounds import TOTAL_RATE, AskList, AskLog, AskProcess, Rounds
from tests.fuzz.effort import effort

WAITING, RUNNING, SUCCESS = ProcessState.WAITING, ProcessState.RUNNING, ProcessState.SUCCESS
REQUEST_S = 0.01


@dataclass
class Colony:
    """Jobs of which it is known when they change and talk, and somebody who asks as `Rounds` says."""

    states: dict[int, ProcessState]
    page: int = 100
    """So many processes a list holds."""
    now: float = 0.0
    changes: list[tuple[float, int, ProcessState]] = field(default_factory=list)
    talks: dict[int, list[float]] = field(default_factory=dict)
    endless: set[int] = field(default_factory=set)
    """Jobs in whose log there is always more."""
    asked: list[tuple[float, object]] = field(default_factory=list)
    noticed: dict[int, float] = field(default_factory=dict)
    heard: list[tuple[float, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rounds = Rounds(self.now)
        self.believed = dict(self.states)
        self.open = set(self.states)
        for key, state in self.states.items():
            self.rounds.add(key, state, self.now, log=state is not WAITING)

    def run(self, until: float) -> None:
        while self.now < until:
            self.catch_up()
            ask = self.rounds.next(self.now)
            if isinstance(ask, float):
                coming = [at for at, *_ in self.changes] or [math.inf]
                self.now = min(
                    max(self.now + ask, self.now + 1e-6), until, *(max(at, self.now + 1e-6) for at in coming)
                )
                continue
            self.now += REQUEST_S
            self.asked.append((self.now, ask))
            self.answer(ask)

    def catch_up(self) -> None:
        for change in sorted(self.changes):
            if change[0] <= self.now:
                self.changes.remove(change)
                self.states[change[1]] = change[2]

    def answer(self, ask: object) -> None:
        if isinstance(ask, AskList):
            there = [key for key, state in self.states.items() if state is ask.state][: self.page]
            news = [key for key in there if self.see(key)]
            absent = [key for key in self.open if self.believed[key] is ask.state and key not in there]
            self.rounds.listed(ask.state, absent, self.now, news=bool(news))
        elif isinstance(ask, AskProcess):
            if self.see(ask.key):
                self.rounds.changed()
            else:
                self.rounds.unchanged(ask, self.now)
        elif isinstance(ask, AskLog) and ask.key in self.endless:
            self.rounds.read(ask, self.now, news=True, more=True)
        elif isinstance(ask, AskLog):
            fresh = [at for at in self.talks.get(ask.key, []) if at <= self.now]
            self.heard += [(at, ask.key, self.now) for at in fresh]
            self.talks[ask.key] = [at for at in self.talks.get(ask.key, []) if at > self.now]
            self.rounds.read(ask, self.now, news=bool(fresh))
            if self.believed[ask.key].closed:
                self.rounds.remove(ask.key)
                self.open.discard(ask.key)

    def see(self, key: int) -> bool:
        if key not in self.open or self.believed[key] is self.states[key]:
            return False
        self.believed[key] = self.states[key]
        if self.states[key].closed:
            self.noticed[key] = self.now
        self.rounds.saw(key, self.states[key], self.now, log=self.states[key] is not WAITING)
        return True

    def busiest(self, seconds: float, *, since: float = 0.0) -> float:
        """Return the requests a second of the busiest time of that length."""
        times = [at for at, _ in self.asked if at >= since]
        return max((sum(start <= at < start + seconds for at in times) / seconds for start in times), default=0.0)


@given(
    waiting=st.integers(0, 30), running=st.integers(0, 60), page=st.sampled_from([0, 10, 100]), seed=st.integers(0, 99)
)
@effort(60)
def test_when_nothing_happens_it_is_less_than_two_requests_a_second_however_many_jobs(waiting, running, page, seed):
    states = dict.fromkeys(range(waiting), WAITING) | dict.fromkeys(range(waiting, waiting + running), RUNNING)
    colony = Colony(states, page=page)
    talked = random.Random(seed)
    colony.talks = {key: [talked.uniform(0, 5) for _ in range(talked.randrange(4))] for key in states}

    colony.run(60)

    quiet = max([at for *_, at in colony.heard], default=0.0) + 10  # that they are there is news at first
    assert colony.busiest(10, since=quiet) <= 2
    assert colony.busiest(20, since=quiet) <= 2


@pytest.mark.parametrize(("waiting", "running"), [(0, 1), (0, 50), (1, 50), (50, 50), (100, 0)])
def test_the_end_of_a_job_is_noticed_within_about_two_seconds(waiting: int, running: int):
    states = dict.fromkeys(range(waiting), WAITING) | dict.fromkeys(range(waiting, waiting + running), RUNNING)
    ends = {
        key: 20 + 3.17 * number
        for number, key in enumerate(random.Random(1).sample(sorted(states), k=1 + len(states) // 5))
    }
    colony = Colony(states, changes=[(at, key, SUCCESS) for key, at in ends.items()])

    colony.run(120)

    assert max(colony.noticed[key] - at for key, at in ends.items()) <= 2.5
    assert not colony.open & set(ends)


def test_fifty_jobs_that_start_or_end_together_are_noticed_in_seconds_within_the_total_rate():
    states = dict.fromkeys(range(50), WAITING)
    colony = Colony(states, changes=[(5, key, RUNNING) for key in states] + [(20, key, SUCCESS) for key in states])

    colony.run(60)

    assert set(colony.noticed) == set(states)
    assert max(colony.noticed.values()) <= 30
    assert colony.busiest(1) <= TOTAL_RATE + 6
    assert sum(isinstance(ask, AskProcess) for at, ask in colony.asked if at < 10) <= 1


def test_a_job_that_talks_is_heard_soon_among_many_silent_ones():
    colony = Colony(dict.fromkeys(range(50), RUNNING))
    colony.run(120)
    begun = colony.now
    colony.talks = {7: [begun + 0.4 * number for number in range(200)]}

    colony.run(begun + 80)

    late = sorted(heard - said for said, key, heard in colony.heard if said >= begun + 60)
    assert late[-1] < 2.5
    assert colony.rounds.next(colony.now) is not None


def test_many_talking_jobs_leave_room_for_states_and_for_the_silent():
    states = dict.fromkeys(range(40), RUNNING)
    colony = Colony(states, changes=[(50, 39, SUCCESS)])
    colony.talks = {key: [0.1 * number for number in range(1000)] for key in range(30)} | {35: [40.0]}

    colony.run(100)

    assert colony.busiest(1) <= TOTAL_RATE + 6
    assert colony.noticed[39] <= 53
    assert next(heard for said, key, heard in colony.heard if key == 35) < 70


def test_a_single_silent_job_is_not_forgotten():
    colony = Colony({1: RUNNING}, talks={1: [100.0]})

    colony.run(110)

    ((_, _, heard),) = colony.heard
    assert heard - 100 <= 6


def test_a_new_job_is_asked_for_at_once_even_if_the_budget_is_spent():
    colony = Colony(dict.fromkeys(range(50), RUNNING))
    colony.run(30)
    while not isinstance(colony.rounds.next(colony.now), float):
        pass

    colony.rounds.add(99, RUNNING, colony.now, log=True)

    assert colony.rounds.next(colony.now) == AskLog(99)


def test_jobs_beyond_the_page_of_a_list_are_asked_for_alone():
    colony = Colony(dict.fromkeys(range(30), RUNNING), page=10, changes=[(30, 29, SUCCESS)])

    colony.run(160)

    assert colony.noticed[29] <= 130
    assert colony.busiest(20, since=10) <= 2.1


def test_only_lists_that_are_needed_are_asked_for():
    waiting, running = Colony({1: WAITING}), Colony({1: RUNNING})

    waiting.run(20)
    running.run(20)

    assert {ask.state for _, ask in waiting.asked if isinstance(ask, AskList)} == {WAITING}
    assert {ask.state for _, ask in running.asked if isinstance(ask, AskList)} == {RUNNING}


def test_without_jobs_there_is_nothing_to_ask():
    assert Rounds(0).next(5) == math.inf


def test_the_log_of_a_closed_job_that_has_no_end_does_not_keep_the_others_from_being_noticed_and_heard():
    colony = Colony(
        {0: RUNNING, 1: RUNNING, 2: WAITING, 3: RUNNING},
        changes=[(5, 0, SUCCESS), (6, 3, SUCCESS), (10, 1, SUCCESS), (20, 2, RUNNING), (30, 2, SUCCESS)],
        talks={1: [9.0], 2: [25.0]},
        endless={0, 3},
    )

    colony.run(60)

    assert max(colony.noticed[1] - 10, colony.noticed[2] - 30) < 5
    assert [key for _, key, _ in colony.heard] == [1, 2]
    pages = [ask.key for _, ask in colony.asked if isinstance(ask, AskLog) and ask.key in colony.endless]
    assert min(pages.count(0), pages.count(3)) > 100, "both are read"
