"""Calls that wait, beside a loop that does not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from pollinator_magic.labserver.threads import Threads


def test_calls_run_at_the_same_time_and_no_more_threads_than_asked_for_are_started():
    threads = Threads(3, "test")
    together, names = threading.Barrier(3), set()

    def call(number):
        names.add(threading.current_thread().name)
        together.wait(10)
        return number * 2

    async def ask():
        return await asyncio.gather(*(threads.ask(call, number) for number in range(6)))

    assert asyncio.run(ask()) == [0, 2, 4, 6, 8, 10]
    assert len(names) == 3


def test_one_thread_is_enough_for_calls_one_after_the_other():
    threads = Threads(3, "test")

    async def ask():
        return {await threads.ask(threading.get_ident) for _ in range(5)}

    assert len(asyncio.run(ask())) == 1


def test_what_a_call_raises_is_raised_to_whoever_asked():
    async def ask():
        await Threads(1, "test").ask(int, "x")

    with pytest.raises(ValueError):
        asyncio.run(ask())


def test_the_loop_goes_on_while_calls_wait():
    threads, done = Threads(1, "test"), threading.Event()

    async def ask():
        waiting = asyncio.ensure_future(threads.ask(done.wait, 30))
        await asyncio.sleep(0)
        assert not waiting.done()
        done.set()  # nobody else does, so that a loop that waited would wait for ever
        return await waiting

    assert asyncio.run(ask())


def test_a_call_for_which_nobody_waits_any_more_is_not_begun():
    threads, done, begun = Threads(1, "test"), threading.Event(), []

    async def ask():
        first = asyncio.ensure_future(threads.ask(done.wait, 30))
        second = asyncio.ensure_future(threads.ask(begun.append, 1))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        done.set()
        await first
        return await threads.ask(lambda: begun)

    assert asyncio.run(ask()) == []


def test_a_process_ends_although_a_call_waits():
    program = (
        "import asyncio, threading\n"
        "from pollinator_magic.labserver.threads import Threads\n"
        "async def ask():\n"
        "    asyncio.ensure_future(Threads(1, 'test').ask(threading.Event().wait))\n"
        "    await asyncio.sleep(0.01)\n"
        "asyncio.run(ask())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == 0


def test_first_calls_at_the_same_time_may_import_different_parts_of_the_library():
    program = """
import asyncio, importlib, sys
from pollinator_magic.labserver.threads import Threads

async def ask():
    threads = Threads(4, "test")
    names = ["jobs.follow", "jobs.job", "jobs.group", "sessions"]
    await asyncio.gather(*(threads.ask(importlib.import_module, f"pollinator_magic.{name}") for name in names))

assert "pollinator_magic.jobs" not in sys.modules
sys.setswitchinterval(1e-6)
asyncio.run(ask())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
