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

_importing = threading.Lock()


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
            if not future.set_running_or_notify_cancel():  # nobody waits for it any more
                self._end()
                return
            try:
                _import_library()
                result = function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  carried to whoever waits
                self._end()
                future.set_exception(error)
            else:
                self._end()
                future.set_result(result)

        with self._guard:
            self._open += 1
            if self._started < min(self._open, self._most):
                self._started += 1
                threading.Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()
        self._work.put(call)
        return await asyncio.wrap_future(future)

    def _end(self) -> None:
        """Note that a call has ended, before whoever waits for it can ask for another."""
        with self._guard:
            self._open -= 1

    def _run(self) -> None:
        while True:
            self._work.get()()


def _import_library() -> None:
    """Import the library whole before a call imports parts of it.

    Its modules import each other: two threads that begin at different ones would each find what the other has only
    half imported.
    """
    with _importing:
        import pollinator_magic.jobs  # noqa: F401  for its effect; only once somebody asks
