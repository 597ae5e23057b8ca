"""What an interrupt (SIGINT, Ctrl-C, the stop button) does while something of ours works or waits.

Signals reach the main thread only; elsewhere nothing here changes anything, because nothing can be interrupted there.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType

    from typing_extensions import Self

T = TypeVar("T")

_STUCK = 3
"""So many interrupts that nobody has looked at mean that who should look at them hangs."""


class Interrupts:
    """Counts interrupts in place of raising them, while the context lasts.

    `notify` is called in the signal handler, and must be as careful as that demands.
    """

    def __init__(self, notify: Callable[[], object] = lambda: None) -> None:
        self.count = 0
        self._notify = notify
        self._handler = _Handler(self._count)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count >= _STUCK:
            raise KeyboardInterrupt
        self._notify()

    def __enter__(self) -> Self:
        self._handler.install()
        return self

    def __exit__(self, *_: object) -> None:
        self._handler.remove()


class Interruptible(Generator[Any, Any, T]):
    """A coroutine, to be awaited, for which an interrupt is a KeyboardInterrupt while it works, as in any cell.

    While it waits, the handler of before decides: a kernel's cancels the cell. That one could do nothing while the
    coroutine works, and raising while the event loop is between two tasks would end the kernel.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._works = False
        self._handler = _Handler(self._raise_or_pass_on)

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any) -> Any:
        """Go on until the coroutine waits again, or ends."""
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        """Raise `error` where the coroutine waits."""
        return self._step(self._coroutine.throw, *error)

    def _step(self, resume: Callable[..., Any], *given: Any) -> Any:
        self._handler.install()
        self._works = True
        try:
            return resume(*given)
        except BaseException:  # it has ended, in whatever way
            self._handler.remove()
            raise
        finally:
            self._works = False

    def _raise_or_pass_on(self, number: int, frame: FrameType | None) -> None:
        if self._works:
            raise KeyboardInterrupt
        self._handler.pass_on(number, frame)


class _Handler:
    """A handler of SIGINT that can be taken away again."""

    def __init__(self, handle: Callable[[int, FrameType | None], None]) -> None:
        self._handle = handle
        self._installed = False
        self._before: Any = None

    def install(self) -> None:
        """Handle interrupts from now on."""
        if not self._installed and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
            self._installed = True

    def remove(self) -> None:
        """Put back what was there before."""
        if self._installed:
            signal.signal(signal.SIGINT, self._before)
            self._installed = False

    def pass_on(self, number: int, frame: FrameType | None) -> None:
        """Let the handler of before do what it does."""
        if callable(self._before):
            self._before(number, frame)
