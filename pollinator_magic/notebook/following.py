"""Following something in a cell: it is read in a thread, and shown in the cell's own thread.

Blocking and awaiting differ only in how they wait for news. Interrupts are counted, not raised, so that none comes in
the middle of an output: the first ends the following, a second one within `WINDOW_S` asks for more.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pollinator_magic.interrupts import Interrupts
from pollinator_magic.screen import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.screen import Events

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

TICK_S = 0.25
WINDOW_S = 1.5
"""For so long after an interrupt a second one counts."""
_SHOWING_S = 0.1
"""For so long at most events are shown before the event loop gets its turn."""
_HELD = 500
"""Events that are read ahead of what is shown."""


class View(Protocol[T_contra]):
    """Where what happens is shown."""

    @property
    def left(self) -> bool:
        """Whether the user has asked, by a button, to go on without following."""
        ...

    def begin(self, reader: Reader[Any]) -> None:
        """Following begins; `reader` knows when nothing is read any more."""
        ...

    def end(self, ending: Ending | None) -> None:
        """Following has ended; None if that is by an error."""
        ...

    def handle(self, event: T_contra) -> None:
        """Show what happened."""
        ...

    def tick(self) -> None:
        """Show what changes by itself; called about four times a second."""
        ...

    def interrupted(self, window_s: float) -> None:
        """Say that following ends, and what another interrupt within `window_s` means."""
        ...


def follow_blocking(following: Following[Any]) -> Ending:
    """Show what happens until it ends; nothing else runs in this thread meanwhile."""
    news = threading.Event()
    with following.told(news.set):  # not of interrupts: a handler that sets it could meet its lock taken
        while (ending := following.step()) is None:
            news.wait(following.patience_s)
            news.clear()
        return ending


async def follow_awaiting(following: Following[Any]) -> Ending:
    """Show what happens until it ends, and let the event loop run between."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop is closed: the kernel ends
            loop.call_soon_threadsafe(news.set)

    with following.told(tell, of_interrupts=True):
        while (ending := following.step()) is None:
            alarm = loop.call_later(following.patience_s, news.set)
            try:
                await news.wait()
            except asyncio.CancelledError:  # by an interrupt that came just before ours were counted, or by a program
                following.interrupt()
                if (task := asyncio.current_task()) is not None and hasattr(task, "uncancel"):
                    task.uncancel()
            finally:
                alarm.cancel()
            news.clear()
        return ending


class Following(Generic[T]):
    """One stream of events on its way to a view.

    `window_s` is how long a second interrupt is waited for after the first.
    """

    def __init__(self, events: Events[T], view: View[T], *, window_s: float = WINDOW_S) -> None:
        self.reader = Reader(events)
        self._view = view
        self._window_s = window_s
        self._until_s: float | None = None
        self._interrupts = Interrupts()

    @contextmanager
    def told(self, news: Callable[[], object], *, of_interrupts: bool = False) -> Iterator[None]:
        """Read, and count interrupts, while the context lasts; `news` is called, in any thread, when there is some."""
        self._interrupts = Interrupts(news) if of_interrupts else Interrupts()
        with self._interrupts:
            self.reader.start(news)
            try:
                yield
            finally:
                self.reader.abandon()

    def interrupt(self) -> None:
        """Count an interrupt that came in another way."""
        self._interrupts.count += 1

    @property
    def patience_s(self) -> float:
        """How long to wait for news before the next step."""
        return 0.0 if self.reader.has_more else TICK_S

    def step(self) -> Ending | None:
        """Show what has happened, for a moment at most; return why following has ended, if it has."""
        self._view.tick()
        shown_until_s = time.monotonic() + _SHOWING_S
        while time.monotonic() < shown_until_s and (event := self.reader.take()) is not None:
            self._view.handle(event)
        if self._until_s is None and (self._interrupts.count or self._view.left):
            self._stop()
        if self._until_s is None:
            return Ending.CLOSED if self.reader.drained() else None
        if self._interrupts.count > 1:
            return Ending.INTERRUPTED_AGAIN
        over = time.monotonic() >= self._until_s
        if self._interrupts.count:
            return Ending.INTERRUPTED if over else None
        return Ending.LEFT if over or self.reader.exhausted else None

    def _stop(self) -> None:
        """Stop reading; what has been read is still shown."""
        self.reader.stop()
        window_s = self._window_s if self._interrupts.count else WINDOW_S
        if self._interrupts.count and window_s:
            self._view.interrupted(window_s)
        self._until_s = time.monotonic() + window_s


class Reader(Generic[T]):
    """Reads a stream of events in a thread of its own, a little ahead of who takes them."""

    def __init__(self, events: Events[T]) -> None:
        self._events = events
        self._read: queue.Queue[T] = queue.Queue(_HELD)
        self._stop = threading.Event()
        self._abandoned = threading.Event()
        self._error: BaseException | None = None
        self._guard = threading.Lock()
        self._ended = False
        self._afterwards: list[Callable[[], object]] = []

    def start(self, news: Callable[[], object]) -> None:
        """Begin to read; `news` is called, in the reading thread, when there is something to take."""
        threading.Thread(target=self._run, args=(news,), name="pollinator-follow", daemon=True).start()

    def stop(self) -> None:
        """End soon; what has been read can still be taken."""
        self._stop.set()

    def abandon(self) -> None:
        """End soon; nothing will be taken any more."""
        self._abandoned.set()
        self._stop.set()

    @property
    def has_more(self) -> bool:
        """Whether something that has been read waits to be taken."""
        return not self._read.empty()

    @property
    def exhausted(self) -> bool:
        """Whether nothing more will be read and everything was taken."""
        return self._ended and not self.has_more

    def take(self) -> T | None:
        """Return the next event, or None if there is none yet."""
        try:
            return self._read.get_nowait()
        except queue.Empty:
            return None

    def drained(self) -> bool:
        """Whether the stream is exhausted; raises what it ended with, if that was an error."""
        if self.exhausted and self._error is not None:
            raise self._error
        return self.exhausted

    def when_ended(self, action: Callable[[], object]) -> None:
        """Do `action` when nothing is read any more: now, or in the reading thread."""
        with self._guard:
            if not self._ended:
                self._afterwards.append(action)
                return
        action()

    def _run(self, news: Callable[[], object]) -> None:
        try:
            for event in self._events(self._stop):
                self._put(event)
                news()
        except BaseException as error:  # noqa: BLE001  it is raised where the events are taken
            self._error = error
        with self._guard:
            self._ended = True
        news()
        for action in self._afterwards:
            action()

    def _put(self, event: T) -> None:
        while not self._abandoned.is_set():
            with suppress(queue.Full):
                self._read.put(event, timeout=TICK_S)
                return
