"""What the notebook knows of its colonies, without waiting for them: remembered, and looked up again in one thread.

Completion and every picker share one `Lookout`. Its thread lives while somebody watches or has asked, and a colony that
does not answer is asked less and less often.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.notebook.eyes import READ_TIMEOUT_S, Eyes, Known, Topic

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

FRESH_S = 5.0
"""What is younger is not looked up again."""
LONGEST_DELAY_S = 60.0
FIRST_PATIENCE_S = 0.3
"""So long the first key press may wait; all others wait for nothing."""
_ATTENTION_S = 600.0  # without a key press or a click for so long, watching slows down


@dataclass
class _Memory:
    known: Known | None = None
    due: float = 0.0
    failures: int = 0
    glanced: bool = False


@dataclass(eq=False)
class Watch:
    """Somebody who is told of the executors whenever they have been looked at, until `close`."""

    lookout: Lookout
    listener: Callable[[Known], None]

    def close(self) -> None:
        """Be told no more; the listener itself may call it."""
        self.lookout.forget(self)


class Lookout:
    """Looks at the colonies in a thread of its own. All methods may be called from any thread."""

    def __init__(self, eyes: Eyes | None = None) -> None:
        self._eyes = eyes or Eyes()
        self._changed = threading.Condition()
        self._place: int | None = None
        self._memories: dict[Topic, _Memory] = {}
        self._wanted: set[Topic] = set()
        self._watches: set[Watch] = set()
        self._attended = time.monotonic()
        self._thread: threading.Thread | None = None
        self._closed = False

    def glance(self, topic: Topic) -> Known:
        """Return what is known, for a key press: only the very first one waits a little, for the first answer."""
        with self._changed:
            memory = self._memory(topic)
            first, memory.glanced = not memory.glanced, True
        return self.look(topic, FIRST_PATIENCE_S if first else 0.0)

    def look(self, topic: Topic, patience_s: float = 0.0) -> Known:
        """Return what is known, waiting up to `patience_s` if it never was all; what is old is looked up meanwhile."""
        with self._changed:
            self._attended = time.monotonic()
            if self._memory(topic).due <= self._attended:
                self._wanted.add(topic)
                self._wake()
            self._changed.wait_for(lambda: self._closed or self._memory(topic).due > 0, patience_s)
            return self._memory(topic).known or Known(complete=False)

    def watch(self, listener: Callable[[Known], None]) -> Watch:
        """Look at the executors every few seconds and tell `listener`, in the lookout's thread."""
        watch = Watch(self, listener)
        with self._changed:
            self._attended = time.monotonic()
            self._watches.add(watch)
            self._wake()
        return watch

    def forget(self, watch: Watch) -> None:
        """Tell it no more."""
        with self._changed:
            self._watches.discard(watch)
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread, waiting for a look that is under way."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify_all()
        self._eyes.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(READ_TIMEOUT_S + 0.5)

    def _memory(self, topic: Topic) -> _Memory:
        place = self._eyes.place()
        if place != self._place:  # the user has connected to another colony
            self._place = place
            self._memories = {}
        return self._memories.setdefault(topic, _Memory())

    def _wake(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="pollinator-lookout", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while (topic := self._next()) is not None:
            place = self._eyes.place()
            for known in self._eyes.see(topic):
                self._learn(topic, known, place)

    def _next(self) -> Topic | None:
        """Wait until there is something to look at; if nobody wants anything, return None and be the thread no more."""
        with self._changed:
            while not self._closed:
                if self._wanted:
                    return self._wanted.pop()
                if not self._watches:
                    break
                wait_s = self._watch_due() - time.monotonic()
                if wait_s <= 0:
                    return Topic.EXECUTORS
                self._changed.wait(wait_s)
            self._thread = None
            return None

    def _watch_due(self) -> float:
        due = self._memory(Topic.EXECUTORS).due
        attended = time.monotonic() - self._attended < _ATTENTION_S
        return due if attended else due - FRESH_S + LONGEST_DELAY_S

    def _learn(self, topic: Topic, known: Known, place: int) -> None:
        """Remember what was seen and tell of it, unless the user has connected to another colony meanwhile."""
        with self._changed:
            memory = self._memory(topic)
            if place != self._place or self._closed:
                return
            memory.known = known
            if known.complete:
                memory.failures = memory.failures + 1 if known.problem else 0
                memory.due = time.monotonic() + min(FRESH_S * 2**memory.failures, LONGEST_DELAY_S)
                self._wanted.discard(topic)  # whoever asked meanwhile has the answer now
            watches = list(self._watches) if topic is Topic.EXECUTORS else []
            self._changed.notify_all()
        for watch in watches:
            try:
                watch.listener(known)
            except Exception as error:  # noqa: BLE001  a picker that cannot draw must not take the others with it
                _log.debug("a listener failed: %r", error)


def shared() -> Lookout:
    """Return the lookout of this process."""
    global _shared  # noqa: PLW0603  one thread for completion and all pickers is the point of it
    with _guard:
        if _shared is None:
            _shared = Lookout()
            atexit.register(_shared.close)  # no thread may run into the end of the interpreter
        return _shared


_shared: Lookout | None = None
_guard = threading.Lock()
