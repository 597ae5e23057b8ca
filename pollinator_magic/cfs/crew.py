"""A bounded crew of threads that works through a list and stops at the first failure."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

T = TypeVar("T")
R = TypeVar("R")

_TICK_S = 0.1
_INTERRUPT_PATIENCE_S = 3.0


class Halted(Exception):
    """Raised inside work that was told to stop because other work has failed."""


class Halt:
    """Tells work to stop. Long work asks `check` between its pieces."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask all work to stop."""
        self._event.set()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise Halted if the work shall stop."""
        if self._event.is_set():
            raise Halted


class Crew:
    """At most `threads` threads, started when first needed and kept until `close`."""

    def __init__(self, threads: int, name: str = "pollinator-files") -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def each(
        self, function: Callable[[T, Halt], R], items: Sequence[T], *, tick: Callable[[], None] | None = None
    ) -> list[R]:
        """Return `function(item, halt)` for every item, in their order.

        The first failure stops what has not begun, tells what is running to stop, waits for it, and is raised. `tick`
        is called about ten times a second, in the calling thread. Must not be called from work of the same crew.
        """
        results: dict[int, R] = {}
        numbers = iter(range(len(items)))
        taking = threading.Lock()
        halt = Halt()
        failures: list[BaseException] = []

        def work() -> None:
            while not halt:
                with taking:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    results[number] = function(items[number], halt)
                except Halted:
                    return
                except BaseException as error:  # noqa: BLE001  carried to the calling thread
                    failures.append(error)
                    halt.set()
                    return

        workers: set[Future[None]] = {self._pool.submit(work) for _ in range(min(self.threads, len(items)))}
        try:
            while wait(workers, timeout=_TICK_S if tick else None).not_done:
                if tick:
                    tick()
        except BaseException:
            # Interrupted: what still runs is bound by its timeouts and leaves nothing behind; the user shall not wait.
            halt.set()
            wait(workers, timeout=_INTERRUPT_PATIENCE_S)
            raise
        if failures:
            raise failures[0]
        return [results[number] for number in range(len(items))]

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
