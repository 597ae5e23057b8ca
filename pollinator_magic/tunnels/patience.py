"""Waiting for something, but not for longer than that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """Return what an awaitable returns; raise asyncio.TimeoutError if it takes longer.

    Unlike with `asyncio.wait_for` before Python 3.12, whoever is cancelled meanwhile is cancelled, also if that
    ends in the same moment: a tunnel that overhears that would go on for ever.
    """
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen, or there would be a complaint that nobody has
