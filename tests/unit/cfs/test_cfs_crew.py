"""Threads that work through a list and stop at the first failure."""

from __future__ import annotations

import threading

import pytest

from pollinator_magic.cfs.crew import Crew


@pytest.fixture
def crew():
    with Crew(4) as crew:
        yield crew


def test_results_are_in_the_order_of_the_items(crew):
    assert crew.each(lambda item, _: item * 2, range(100)) == [item * 2 for item in range(100)]


def test_no_items_give_no_results_and_start_no_thread(crew):
    before = threading.active_count()

    assert crew.each(lambda item, _: item, []) == []
    assert threading.active_count() == before


def test_no_more_than_so_many_work_at_once(crew):
    together, most, lock = set(), [], threading.Lock()
    barrier = threading.Barrier(4)

    def work(item, _):
        with lock:
            together.add(item)
            most.append(len(together))
        if item < 4:
            barrier.wait(10)
        with lock:
            together.remove(item)

    crew.each(work, range(50))

    assert max(most) == 4


def test_the_first_failure_stops_the_rest_and_is_raised(crew):
    begun, all_running, stopped = [], threading.Barrier(4), []

    def work(item, halt):
        begun.append(item)
        all_running.wait(10)
        if item == 2:
            raise ValueError("item 2")
        while not halt:
            threading.Event().wait(0.001)
        stopped.append(item)
        halt.check()

    with pytest.raises(ValueError, match="item 2"):
        crew.each(work, range(1000))

    assert sorted(begun) == [0, 1, 2, 3]
    assert sorted(stopped) == [0, 1, 3]


def test_when_each_returns_or_raises_nothing_works_any_more(crew):
    working = []

    def work(item, halt):
        working.append(item)
        if item == 0:
            raise ValueError
        working.remove(item)

    for _ in range(20):
        with pytest.raises(ValueError):
            crew.each(work, range(8))
        assert working == [0]
        working.clear()


def test_an_interrupt_of_the_waiting_thread_stops_the_work(crew):
    stopped = threading.Event()
    begun = threading.Event()

    def work(item, halt):
        begun.set()
        while not halt:
            threading.Event().wait(0.001)
        stopped.set()

    def tick():
        if begun.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crew.each(work, [1], tick=tick)

    assert stopped.is_set()


def test_a_crew_can_be_used_again_after_a_failure(crew):
    def fail(item, _):
        raise ValueError

    with pytest.raises(ValueError):
        crew.each(fail, range(10))

    assert crew.each(lambda item, _: item, range(10)) == list(range(10))


def test_closing_ends_the_threads():
    with Crew(3, "crew-under-test") as crew:
        crew.each(lambda item, _: item, range(10))

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("crew-under-test")]
