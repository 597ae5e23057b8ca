"""Many jobs in a cell: followed by it, or left to themselves; what the views of a sweep and of a graph have in common.

A cell that follows them waits as for a single job. The card of those that nobody follows goes on by itself.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from pollinator_magic.errors import PollinatorError
from pollinator_magic.jobs.events import ConnectionLost
from pollinator_magic.jobs.job import Job
from pollinator_magic.notebook.manycard import ManyCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.jobs.listeners import Change
    from pollinator_magic.notebook.following import Reader
    from pollinator_magic.screen import Ending

_log = logging.getLogger(__name__)

_TELL_EVERY_S = 5.0


class Many(Protocol):
    """Many jobs that are watched together."""

    @property
    def summary(self) -> str:
        """How many there are, and in which states."""
        ...

    def listen(self, listener: Callable[[Change], object]) -> Callable[[], None]:
        """Have `listener` told of every change, in the poller's thread; return what ends that."""
        ...

    def raise_unless_successful(self) -> None:
        """Raise why, unless all have succeeded."""
        ...


J = TypeVar("J", bound=Many)
C = TypeVar("C", bound=ManyCard[Any])


class ManyView(ABC, Generic[J, C]):
    """Many jobs in the cell that follows them; `all_of_them` is what a second interrupt cancels, in words."""

    def __init__(self, many: J, card: C, all_of_them: str, *, quiet: bool) -> None:
        self._many, self._card, self._quiet = many, card, quiet
        self._all_of_them = all_of_them
        self._told, self._told_s = "", time.monotonic()

    @property
    def left(self) -> bool:
        """Whether the user has asked to go on without following."""
        return self._card.left

    def begin(self, reader: Reader[Any]) -> None:
        """Take note that they are followed from now on."""

    def handle(self, event: Change) -> None:
        """Show in the card what happened."""
        self._card.hear(event)

    def tick(self) -> None:
        """In a terminal, say now and then how far they are; a live card does so by itself."""
        if self._card.live or time.monotonic() - self._told_s < _TELL_EVERY_S:
            return
        now, self._told_s = self._many.summary, time.monotonic()
        if now != self._told:
            self._told = now
            print(now, flush=True)  # noqa: T201  ordinary cell output is what is meant

    def interrupted(self, window_s: float) -> None:
        """Say that following ends, and that a second interrupt cancels."""
        again = f"Interrupt once more within {window_s:g} s to cancel {self._all_of_them}."
        print(f"Interrupted. {again}", flush=True)  # noqa: T201  ordinary cell output is what is meant

    def end(self, ending: Ending | None) -> None:
        """Take note that they are not followed any more; None if they cannot be."""
        if ending is None:
            self._card.give_up()

    @abstractmethod
    def finish(self) -> None:
        """Bring what the jobs left, all of which have ended, and show it."""

    def leave(self) -> None:
        """Let the card go on by itself."""
        alone = self._alone()
        if self._card.live:
            alone.start()
        else:
            print(alone.hint, flush=True)  # noqa: T201  ordinary cell output is what is meant

    @abstractmethod
    def _alone(self) -> Unattended[J, C]:
        """Return them as they go on without this cell."""


class Unattended(ABC, Generic[J, C]):
    """Many jobs that go on without a cell. Nothing is printed: other cells are running meanwhile."""

    _name: ClassVar[str]
    """What they are called together."""
    _gave: ClassVar[str]
    """What is brought at the end, in words that begin a sentence."""

    def __init__(self, many: J, card: C, hint: str) -> None:
        """`hint` says how to take them up."""
        self._many, self._card, self.hint = many, card, hint
        self._finishing = threading.Lock()
        self._end: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Keep the card up to date from now on."""
        self._card.release(self.hint)
        self._end = self._many.listen(self._hear)
        self._finish_if_closed()  # what ended before is told to nobody

    @abstractmethod
    def _closed(self) -> bool:
        """Return whether all have ended."""

    @abstractmethod
    def _bring(self) -> None:
        """Bring what they left."""

    @abstractmethod
    def _conclude(self) -> None:
        """Have the card show it, and become static."""

    def _hear(self, change: Change) -> None:
        """Show what happened, in the poller's thread: nothing here may take long."""
        if isinstance(change, ConnectionLost) and math.isinf(change.retry_in_s):
            self._end()
            self._card.give_up(change.reason)
            return
        self._card.hear(change)
        if isinstance(change, Job):
            self._finish_if_closed()

    def _finish_if_closed(self) -> None:
        if self._closed() and self._finishing.acquire(blocking=False):
            self._end()
            threading.Thread(target=self._finish, name=f"pollinator-{self._name}", daemon=True).start()

    def _finish(self) -> None:
        """Bring what they left, and say what became of them."""
        try:
            self._bring()
            self._many.raise_unless_successful()
        except PollinatorError as error:
            self._card.note(str(error))
        except Exception as error:  # noqa: BLE001  the user shall know why the card says no more
            _log.exception("a %s could not be finished", self._name)
            self._card.note(f"{self._gave} could not be fetched: {type(error).__name__}: {error}")
        finally:
            self._card.moving(None)
            self._conclude()
