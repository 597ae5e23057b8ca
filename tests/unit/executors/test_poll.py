"""How an executor asks for work: rarely, except where the server was late to tell it of some."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from pollinator_magic.colonies.models import Process
from pollinator_magic.executors import poll
from pollinator_magic.executors.budget import Budget
from pollinator_magic.executors.counts import Counts
from pollinator_magic.executors.engine import Capacity

_NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


class Server:
    """Gives a process out `waited_s` after it was submitted, if there is one, or has the asker wait for `timeout`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited_s: list[float] = []
        self.timeouts: list[int] = []

    def assign(self, timeout: int, **_: str) -> Process | None:
        self.timeouts.append(timeout)
        self.now += timeout
        if not self.waited_s:
            return None
        given = _NOON + timedelta(seconds=self.now)
        submitted = given - timedelta(seconds=self.waited_s.pop(0))
        return Process(submissiontime=submitted.isoformat(), starttime=given.isoformat())


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr(poll, "time", SimpleNamespace(monotonic=lambda: server.now))
    return server


@pytest.fixture
def asking(server):
    stopping = threading.Event()
    stopping.set()  # the pauses between questions are none
    budget = Budget(Capacity(), take_anything_when_idle=True)
    return poll.Poll(server, budget, Counts(), stopping, poll_s=30, whole=True)


def asked(asking, server, times):
    server.timeouts.clear()
    for _ in range(times):
        asking.ask(until=server.now + 1000)
    return server.timeouts


def test_an_executor_without_work_asks_as_seldom_as_it_may(asking, server):
    assert asked(asking, server, 3) == [30, 30, 30]


@pytest.mark.parametrize("waited_s", [0.01, 0.29], ids=["at once", "nearly at once"])
def test_work_that_comes_at_once_changes_nothing(asking, server, waited_s):
    server.waited_s.append(waited_s)

    assert asked(asking, server, 3) == [30, 30, 30]


def test_one_that_was_told_late_asks_every_second_for_a_minute(asking, server):
    server.waited_s.append(4.7)

    assert asked(asking, server, 63) == [30, *[1] * 60, 30, 30]


def test_work_that_had_waited_before_it_asked_is_not_late(asking, server):
    server.waited_s.append(1000.0)

    assert asked(asking, server, 3) == [30, 30, 30]


def test_work_submitted_between_two_questions_in_vain_counts_as_late(asking, server):
    asked(asking, server, 1)
    server.waited_s.append(45.0)

    assert asked(asking, server, 2) == [30, 1]
