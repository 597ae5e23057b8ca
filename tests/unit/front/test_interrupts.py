"""Interrupts are counted while something is followed, and raised while a cell works."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from pollinator_magic.interrupts import Interruptible, Interrupts
from pollinator_magic.notebook.following import Following, follow_awaiting, follow_blocking
from pollinator_magic.screen import Ending


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handler():
    """Whatever a test does, what was there before is there again: Python's own, whatever tests elsewhere have left."""
    left, before = signal.getsignal(signal.SIGINT), signal.default_int_handler
    signal.signal(signal.SIGINT, before)
    yield before
    after = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, left)
    assert after is before


def test_interrupts_are_counted_and_told():
    told = []
    with Interrupts(lambda: told.append(1)) as interrupts:
        interrupt()
        interrupt()

    assert (interrupts.count, len(told)) == (2, 2)
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_interrupts_that_nobody_looks_at_are_raised_in_the_end():
    with Interrupts() as interrupts:
        interrupt()
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()

    assert interrupts.count == 3


def test_in_another_thread_nothing_is_changed(handler):
    def elsewhere() -> None:
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    seen: list = []
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert seen == [handler]


def test_a_coroutine_is_interrupted_as_a_cell_is_while_it_works():
    async def work() -> None:
        interrupt()

    async def cell() -> str:
        try:
            await Interruptible(work())
        except KeyboardInterrupt:
            return "interrupted"
        return "not interrupted"

    assert asyncio.run(cell()) == "interrupted"


def test_while_a_coroutine_waits_an_interrupt_is_what_the_kernel_makes_of_it(handler):
    seen = []

    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    async def cell() -> str:
        running = asyncio.ensure_future(_awaited(Interruptible(work())))
        await asyncio.sleep(0)
        interrupt()
        return await running

    signal.signal(signal.SIGINT, lambda *_: seen.append("kernel"))
    try:
        assert asyncio.run(cell()) == "done"
    finally:
        signal.signal(signal.SIGINT, handler)
    assert seen == ["kernel"]


async def _awaited(something):
    return await something


class View:
    """Takes down what it is given, and can do something at an event."""

    left = False

    def __init__(self, at_event=lambda _event: None) -> None:
        self.shown: list = []
        self.said: list = []
        self._at_event = at_event

    def tick(self) -> None:
        pass

    def handle(self, event) -> None:
        self.shown.append(event)
        self._at_event(event)

    def interrupted(self, window_s: float) -> None:
        self.said.append(window_s)


def numbers(count: int):
    def stream(stop: threading.Event):
        yield from range(count)

    return stream


def endless(stop: threading.Event):
    number = 0
    while not stop.wait(0.001):
        yield number
        number += 1


def follow(way: str, events, view: View, **options) -> Ending:
    following = Following(events, view, **options)
    if way == "blocking":
        return follow_blocking(following)
    return asyncio.run(_followed(following))


async def _followed(following: Following) -> Ending:
    return await follow_awaiting(following)


both = pytest.mark.parametrize("way", ["blocking", "awaiting"])


@both
def test_everything_is_shown_in_order_and_then_it_is_over(way: str):
    view = View()

    assert follow(way, numbers(3000), view) is Ending.CLOSED
    assert view.shown == list(range(3000))


@both
def test_what_the_stream_raises_is_raised_after_what_it_gave(way: str):
    def broken(stop: threading.Event):
        yield 1
        raise ValueError("broken")

    view = View()
    with pytest.raises(ValueError, match="broken"):
        follow(way, broken, view)
    assert view.shown == [1]


@both
def test_an_interrupt_ends_following_after_the_window(way: str):
    view = View(lambda event: interrupt() if event == 3 else None)

    assert follow(way, endless, view, window_s=0.05) is Ending.INTERRUPTED
    assert view.said == [0.05]
    assert view.shown == list(range(len(view.shown)))


@both
def test_a_second_interrupt_within_the_window_is_told_apart(way: str):
    view = View(lambda event: interrupt() if event == 3 else None)
    view.interrupted = lambda _window_s: interrupt()

    assert follow(way, endless, view, window_s=60) is Ending.INTERRUPTED_AGAIN


@both
def test_without_a_window_the_first_interrupt_ends_at_once(way: str):
    view = View(lambda event: interrupt() if event == 3 else None)

    assert follow(way, endless, view, window_s=0) is Ending.INTERRUPTED
    assert view.said == []


@both
def test_the_user_may_leave_and_what_was_read_is_shown(way: str):
    read: list[int] = []

    def events(stop: threading.Event):
        for number in endless(stop):
            read.append(number)
            yield number

    view = View(lambda event: setattr(view, "left", event >= 3))

    assert follow(way, events, view) is Ending.LEFT
    assert view.shown == read


def test_a_cell_that_is_cancelled_by_a_program_ends_as_interrupted():
    async def cell() -> Ending:
        begun = asyncio.Event()
        following = Following(endless, View(lambda _event: begun.set()), window_s=0.05)
        task = asyncio.ensure_future(_followed(following))
        await begun.wait()
        task.cancel()
        return await task

    assert asyncio.run(cell()) is Ending.INTERRUPTED


def test_other_tasks_run_while_a_cell_is_awaited():
    async def cell() -> int:
        turns, following = 0, asyncio.ensure_future(_followed(Following(numbers(5000), View())))
        while not following.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(cell()) > 1


def test_a_reader_that_nobody_takes_from_ends():
    following = Following(numbers(100_000), View())
    ended = threading.Event()
    with following.told(lambda: None):
        following.reader.when_ended(ended.set)

    assert ended.wait(10)
    following.reader.when_ended(ended.clear)
    assert not ended.is_set()
