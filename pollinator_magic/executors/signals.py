"""SIGTERM and SIGINT as something that a main thread can wait for."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WAIT_S = 0.2


@contextmanager
def told_to_stop() -> Iterator[Callable[[], bool]]:
    """Catch the signals until the block ends; give what waits a moment for one, and returns whether it has come.

    Not for ever: the system may give it to any thread, and only this one, when it wakes up, runs the handler.
    """
    told: SimpleQueue[int] = SimpleQueue()  # the one queue that a signal handler may put into at any moment
    before = {
        number: signal.signal(number, lambda number, _: told.put(number)) for number in (signal.SIGTERM, signal.SIGINT)
    }

    def arrived() -> bool:
        try:
            told.get(timeout=_WAIT_S)
        except Empty:
            return False
        return True

    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
