"""The server is asked once for all who want to know, and once where it does not answer."""

from __future__ import annotations

import threading

import pytest

from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.errors import ServerUnreachable
from pollinator_magic.executors.watch import Watch

MANY = 40


class Server:
    """Answers as a client of it does, when it is let."""

    identity = "us"

    def __init__(self):
        self.asked = []
        self.let = threading.Event()
        self.error = None

    def history(self, state, *, seconds, executor_id):
        assert seconds > 365 * 86_400  # of submission: a job may have waited for long
        self.asked.append((state, executor_id))
        self.let.wait(20)
        if self.error:
            raise self.error
        return [Process(processid=str(number)) for number in range(MANY)]

    def process(self, process_id):
        self.asked.append(process_id)
        return Process(processid=process_id)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def watch(server):
    watch = Watch(server)
    for _ in range(MANY):
        watch.enter()
    return watch


def all_at_once(watch):
    """Have everybody ask; return what they found, or what went wrong."""
    found = {}

    def ask(number):
        try:
            found[number] = watch.find(str(number))[0].processid
        except ServerUnreachable as error:
            found[number] = error

    threads = [threading.Thread(target=ask, args=[number]) for number in range(MANY)]
    for thread in threads:
        thread.start()
    watch._client.let.set()
    for thread in threads:
        thread.join(20)
    return found


def test_many_who_ask_at_the_same_time_get_one_list(server, watch):
    assert all_at_once(watch) == {number: str(number) for number in range(MANY)}
    assert server.asked == [(ProcessState.RUNNING, "us")]


def test_many_who_ask_a_server_that_is_away_do_not_wait_one_after_the_other(server, watch):
    server.error = ServerUnreachable("It is away.")
    found = all_at_once(watch)
    assert set(found.values()) == {server.error}
    assert len(server.asked) < MANY / 2  # those that came later have asked once more


def test_what_is_not_on_the_list_is_not_running_here(server, watch):
    server.let.set()
    assert watch.find("another")[0] is None


def test_one_alone_asks_for_its_own(server):
    watch = Watch(server)
    watch.enter()
    assert watch.find("7")[0].processid == "7"
    assert server.asked == ["7"]


def test_the_more_there_are_the_longer_are_the_pauses_within_limits():
    watch = Watch(Server())
    pauses = []
    for _ in range(200):
        watch.enter()
        pauses.append(watch.interval_s)
    assert pauses == sorted(pauses)
    assert max(pauses[:10]) <= 1.5
    assert max(pauses) <= 4.5
    for _ in range(200):
        watch.leave()
    assert watch.interval_s == pauses[0]
