"""Waiting that can be ended from outside at any moment."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pollinator_magic.tunnels.daemons import Daemons
from pollinator_magic.tunnels.patience import within


def test_what_is_there_in_time_is_returned_or_raised():
    async def quick(outcome):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert asyncio.run(within(60, quick(42))) == 42
    with pytest.raises(OSError, match="no"):
        asyncio.run(within(60, quick(OSError("no"))))


def test_what_takes_longer_is_ended():
    ended = []

    async def slow():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(within(0.01, slow()))

    assert ended == [True]


@pytest.mark.parametrize("error", [None, OSError("no")])
def test_who_is_cancelled_in_the_moment_in_which_it_ends_is_cancelled(error):
    async def both():
        there = asyncio.get_running_loop().create_future()

        async def thing():
            return await there

        waiting = asyncio.ensure_future(within(60, thing()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        there.set_exception(error) if error else there.set_result(1)
        await asyncio.sleep(0)  # the thing has ended, and who waits for it does not know yet
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(both())


def test_a_call_that_does_not_end_keeps_no_loop_from_ending():
    hanging = threading.Event()

    async def live():
        loop, begun = asyncio.get_running_loop(), asyncio.Event()
        loop.set_default_executor(Daemons())
        call = loop.run_in_executor(None, lambda: (loop.call_soon_threadsafe(begun.set), hanging.wait()))
        await begun.wait()
        call.cancel()

    asyncio.run(live())  # which waits for what the default executor does
    hanging.set()
