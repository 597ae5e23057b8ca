"""A few threads for calls that wait for a network, so that the loop of the Jupyter server never does."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """At most `most` threads, started when they are needed.

    They are daemons, unlike those of an executor of Python's library, which would keep a Jupyter server that is told to
    end from ending while a colony does not answer.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._started = 0
        self._open = 0
        """Calls that have not ended."""

    async def ask(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in one of the threads and return what it returns, or raise what it raises."""
        future: Future[T] = Future()

        def call() -> None:
            try:
                if future.set_running_or_notify_cancel():  # nobody may wait for it any more
                    future.set_result(function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  carried to whoever waits
                future.set_exception(error)
            finally:
                with self._guard:
                    self._open -= 1

        with self._guard:
            self._open += 1
            if self._started < min(self._open, self._most):
                self._started += 1
                threading.Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()
        self._work.put(call)
        return await asyncio.wrap_future(future)

    def _run(self) -> None:
        while True:
            self._work.get()()
