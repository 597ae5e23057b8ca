"""Calls that may wait for a network, each in a thread that keeps nothing from ending."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Daemons(ThreadPoolExecutor):
    """What an event loop takes for a pool of threads, which at its end would wait for all that they do.

    A name server may not answer for minutes.
    """

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in a thread of its own."""
        future: Future[Any] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001  carried to whoever waits
                    future.set_exception(error)

        threading.Thread(target=run, name="pollinator-tunnel-call", daemon=True).start()
        return future
