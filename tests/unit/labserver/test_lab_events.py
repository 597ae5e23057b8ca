"""A page that does not read its messages is bounded, and heard of no more."""

from __future__ import annotations

import asyncio

import pytest

from pollinator_magic.labserver.events import MOST_UNSENT, EventsHandler


class Deaf(EventsHandler):
    """A page of which nobody reads: the first message is never written to its end."""

    def __init__(self) -> None:
        self.initialize()
        self.written: list[str] = []
        self.closed: list[int] = []
        self.left = 0
        self._leave = self.leave

    def leave(self) -> None:
        self.left += 1

    async def write_message(self, message, **_options):
        self.written.append(message)
        await asyncio.get_running_loop().create_future()

    def close(self, code, _reason):
        self.closed.append(code)


class Reading(Deaf):
    async def write_message(self, message, **_options):
        self.written.append(message)


def test_what_waits_for_a_page_that_does_not_read_is_bounded():
    async def tell():
        page = Deaf()
        for _ in range(100):
            page._take("x" * (MOST_UNSENT // 50))
            await asyncio.sleep(0)
        return page

    page = asyncio.run(tell())

    assert len(page.written) == 1
    assert page.closed == [1013]
    assert page.left == 1
    assert not page._unsent


def test_messages_are_written_in_their_order_and_are_not_counted_any_more():
    async def tell():
        page = Reading()
        for number in range(200):
            page._take(f"{number}".ljust(MOST_UNSENT // 50))
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return page

    page = asyncio.run(tell())

    assert [int(message) for message in page.written] == list(range(200))
    assert page.closed == []


@pytest.mark.parametrize("gone_first", [True, False])
def test_a_page_that_is_gone_is_told_nothing(gone_first):
    async def tell():
        page = Reading()
        if gone_first:
            page._end()
        page._take("a")
        page._end()
        page._take("b")
        await asyncio.sleep(0)
        return page

    assert asyncio.run(tell()).written == []
