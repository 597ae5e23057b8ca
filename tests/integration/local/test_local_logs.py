"""Logs: nothing is lost or repeated, nothing is found that was not asked for."""

from __future__ import annotations

import pytest
from asking import World, ask


@pytest.fixture
def running(world: World):
    return world.process("running")


def _all(world: World, process_id: str, count: int) -> list:
    entries, since = [], 0
    while page := world.client("alice").logs(process_id, since_ns=since, count=count):
        entries += page
        since = page[-1].timestamp
    return entries


@pytest.mark.parametrize("count", [1, 7, 500])
def test_paging_by_timestamp_gives_every_entry_once_in_order(world: World, running, count: int):
    texts = [f"line {number}\n" for number in range(25)]
    for text in texts:
        world.client("ex1").add_log(running.processid, text)

    entries = _all(world, running.processid, count)

    assert [entry.message for entry in entries] == texts
    stamps = [entry.timestamp for entry in entries]
    assert stamps == sorted(set(stamps))


def test_timestamps_go_on_increasing_when_the_clock_was_set_back(world: World, running, monkeypatch):
    import time

    now = time.time_ns()
    world.client("ex1").add_log(running.processid, "before")
    monkeypatch.setattr(time, "time_ns", lambda: now - 10**15)
    world.client("ex1").add_log(running.processid, "after")
    world.restart()
    world.client("ex1").add_log(running.processid, "after a restart")

    assert [entry.message for entry in _all(world, running.processid, 1)] == ["before", "after", "after a restart"]


def test_the_latest_entries_come_oldest_first_whatever_since_says(world: World, running):
    for number in range(5):
        world.client("ex1").add_log(running.processid, str(number))

    latest = world.client("alice").logs(running.processid, count=2, latest=True, since_ns=2**62)

    assert [entry.message for entry in latest] == ["3", "4"]


def test_an_entry_carries_what_the_executor_wrote_exactly(world: World, running):
    text = "\x00\x1b[31mrot\r\n'; DROP TABLE logs; --\u2603\U0001f600"
    world.client("ex1").add_log(running.processid, text)

    (entry,) = world.client("alice").logs(running.processid)

    assert entry.message == text
    assert (entry.executorname, entry.colonyname, entry.processid) == ("ex1", "vec", running.processid)


def test_search_takes_the_text_as_it_is(world: World, running):
    for text in ("100% done", "100 done", "a_b", "aXb"):
        world.client("ex1").add_log(running.processid, text)
    alice = world.client("alice")

    assert [entry.message for entry in alice.search_logs("100%")] == ["100% done"]
    assert [entry.message for entry in alice.search_logs("a_b")] == ["a_b"]
    assert alice.search_logs("DONE") == []


def test_search_prefers_the_newest_matches_and_gives_them_in_order(world: World, running):
    for number in range(5):
        world.client("ex1").add_log(running.processid, f"match {number}")

    found = world.client("alice").search_logs("match", count=2)

    assert [entry.message for entry in found] == ["match 3", "match 4"]


def test_executor_logs_are_those_of_the_colony(world: World, running):
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Colony, Executor

    world.client("server").add_colony(Colony(name="vec2", colonyid=world.owner_key.identity))
    with (
        Colonies(world.server, "vec2", world.owner_key) as owner,
        Colonies(world.server, "vec2", world.keys["ex2"]) as namesake,
    ):
        owner.add_executor(
            Executor(executorid=world.keys["ex2"].identity, executorname="ex1", executortype="t", colonyname="vec2")
        )
        owner.approve_executor("ex1")
        namesake.add_executor_log("ex1", "secret of another colony")
    world.client("ex1").add_executor_log("ex1", "started")
    world.client("ex1").add_log(running.processid, "working")

    entries = world.client("alice").executor_logs("ex1")

    assert [(entry.message, entry.processid) for entry in entries] == [("started", ""), ("working", running.processid)]
    assert world.client("alice").search_logs("secret") == []


def test_a_negative_count_is_refused_once(world: World, running):
    message = {"msgtype": "getlogsmsg", "colonyname": "vec", "processid": running.processid, "count": -1}

    status, _ = ask(world.server, world.keys["alice"], message)

    assert status == 400
