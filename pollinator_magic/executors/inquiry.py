"""The one that asks an engine's outside how all jobs stand: one question for all of them, seldom while nothing changes.

It asks while there is something to ask about, and is a thread with a beginning and an end of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from pollinator_magic.errors import PollinatorError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

T = TypeVar("T")

_log = logging.getLogger(__name__)
_GROWTH = 1.5
_LONGEST_JOIN_S = 2.0


class Inquiry(ABC, Generic[T]):
    """Knows how things stand that have a name each.

    `asked` is who is asked, for the log. `shortest_s` and `longest_s` lie between two questions, and `first_s` before
    the first. What the answer does not name is `gone` when that was so twice: it may have been too new the first time.
    """

    def __init__(self, asked: str, *, gone: T, shortest_s: float, longest_s: float, first_s: float = 0.0) -> None:
        self.queries = 0
        """How often it was asked."""
        self._asked = asked
        self._gone = gone
        self._shortest_s, self._longest_s, self._first_s = shortest_s, longest_s, first_s
        self._changed = threading.Condition()
        self._standings: dict[str, T | None] = {}
        self._missed: set[str] = set()
        self._hurried = self._closed = self._silent = False
        self._thread: threading.Thread | None = None

    @abstractmethod
    def ask(self, names: Collection[str]) -> Mapping[str, T]:
        """Ask how these stand; raise PollinatorError if there is no answer, which is nobody's end."""

    def is_same(self, before: T | None, now: T | None) -> bool:
        """Whether nothing has happened between two answers."""
        return before == now

    def watch(self, *names: str) -> None:
        """Ask about these from now on."""
        with self._changed:
            if self._closed:
                return
            for name in names:
                self._standings.setdefault(name, None)
            self._changed.notify_all()
            if self._thread is None and self._standings:
                self._thread = threading.Thread(target=self._ask_on, name=f"ask-{self._asked}", daemon=True)
                self._thread.start()

    def forget(self, *names: str) -> None:
        """Ask about these no more."""
        with self._changed:
            for name in names:
                self._standings.pop(name, None)
                self._missed.discard(name)
            self._changed.notify_all()

    def standing(self, name: str) -> T | None:
        """Return how something stood by the last answer; None before the first."""
        with self._changed:
            return self._standings.get(name)

    def hurry(self) -> None:
        """Say that something has changed, so that the next question comes soon."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def close(self) -> None:
        """Ask no more."""
        with self._changed:
            self._closed = True
            self._standings.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread:
            thread.join(_LONGEST_JOIN_S)  # it may be in a question that nobody answers, and has nothing to lose

    def _ask_on(self) -> None:
        """Ask until there is nothing to ask about."""
        interval_s = self._shortest_s
        self._wait(time.monotonic(), self._first_s, patiently=True)
        while names := self._names():
            began = time.monotonic()
            changed = self._learn(names)
            interval_s = self._shortest_s if changed else min(interval_s * _GROWTH, self._longest_s)
            if self._wait(began, interval_s):
                interval_s = self._shortest_s

    def _names(self) -> list[str]:
        """Return what to ask about; nothing ends the thread."""
        with self._changed:
            if not self._standings:
                self._thread = None
            return list(self._standings)

    def _wait(self, began: float, interval_s: float, *, patiently: bool = False) -> bool:
        """Wait for the next question, less long for what is new; return whether somebody is in a hurry."""
        with self._changed:
            while not self._closed and self._standings:
                soon = not (self._silent or patiently) and (self._hurried or None in self._standings.values())
                left_s = began + (self._shortest_s if soon else interval_s) - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            hurried, self._hurried = self._hurried, False
            return hurried

    def _learn(self, names: Collection[str]) -> bool:
        """Ask once; return whether anything has changed."""
        self.queries += 1
        try:
            found = self.ask(names)
        except PollinatorError as trouble:
            if not self._silent:
                _log.warning("%s does not say how jobs stand: %s", self._asked, trouble)
            self._silent = True
            return False
        if self._silent:
            _log.info("%s answers again.", self._asked)
        self._silent = False
        missing = {name for name in names if name not in found}
        with self._changed:
            before = dict(self._standings)
            for name in self._standings:
                if name in found:
                    self._standings[name] = found[name]
                elif name in missing & self._missed:
                    self._standings[name] = self._gone
            self._missed = missing
            return not all(self.is_same(before[name], now) for name, now in self._standings.items())
