"""The one that asks the runtime how all containers of this executor stand: one question for all of them.

It asks while there is something to ask about, seldom while nothing changes, and is a thread with a beginning and an end
of its own. Most jobs never need its answer: they say themselves how they have ended.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import TYPE_CHECKING

from pollinator_magic.executors.container.commandline import EXECUTOR_LABEL, list_words
from pollinator_magic.executors.container.runtime import RuntimeTrouble

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pollinator_magic.executors.container.runtime import Runtime

_log = logging.getLogger(__name__)
_GROWTH = 1.5
_LONGEST_JOIN_S = 2.0
_EXITED = re.compile(r"Exited \((-?\d+)\)")
GONE = "gone"
"""The status of a container that is not there."""


class Roster:
    """Knows how containers stand. `shortest_s` and `longest_s` lie between two questions."""

    def __init__(self, runtime: Runtime, executor: str, *, shortest_s: float, longest_s: float) -> None:
        self._runtime = runtime
        self._executor = executor
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self._changed = threading.Condition()
        self._watched: dict[str, str] = {}
        self._missed: set[str] = set()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._silent = False
        self.queries = 0
        """How often the runtime was asked how containers stand."""

    def watch(self, containers: Iterable[str]) -> None:
        """Ask about these from now on."""
        with self._changed:
            if self._closed:
                return
            for container in containers:
                self._watched.setdefault(container, "")
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._ask_on, name="containers", daemon=True)
                self._thread.start()

    def forget(self, containers: Iterable[str]) -> None:
        """Ask about these no more."""
        with self._changed:
            for container in containers:
                self._watched.pop(container, None)
                self._missed.discard(container)
            self._changed.notify_all()

    def status(self, container: str) -> str:
        """Return the runtime's words for how it stood last, or `GONE`; empty if that is not known yet."""
        with self._changed:
            return self._watched.get(container, "")

    def close(self) -> None:
        """Ask no more."""
        with self._changed:
            self._closed = True
            self._watched.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread:
            thread.join(_LONGEST_JOIN_S)  # it may be in a question that nobody answers, and has nothing to lose

    def _ask_on(self) -> None:
        interval_s = self._shortest_s
        self._wait(time.monotonic(), interval_s)  # short jobs end before
        while watched := self._names():
            began = time.monotonic()
            changed = self._ask(watched)
            interval_s = self._shortest_s if changed else min(interval_s * _GROWTH, self._longest_s)
            self._wait(began, interval_s)

    def _names(self) -> list[str]:
        """Return what to ask about; nothing ends the thread."""
        with self._changed:
            if not self._watched:
                self._thread = None
            return list(self._watched)

    def _wait(self, began: float, interval_s: float) -> None:
        with self._changed:
            while not self._closed and self._watched:
                soon = not self._silent and "" in self._watched.values()
                left_s = began + (self._shortest_s if soon else interval_s) - time.monotonic()
                if left_s <= 0:
                    return
                self._changed.wait(left_s)

    def _ask(self, watched: Collection[str]) -> bool:
        """Ask once; return whether anything has changed."""
        self.queries += 1
        try:
            found = standings(self._runtime.ask(*list_words(f"{EXECUTOR_LABEL}={self._executor}")))
        except RuntimeTrouble as trouble:
            if not self._silent:
                _log.warning("%s does not say how containers stand: %s", self._runtime.program, trouble)
            self._silent = True
            return False
        if self._silent:
            _log.info("%s answers again.", self._runtime.program)
        self._silent = False
        missing = {container for container in watched if container not in found}
        now = {container: found[container] for container in watched if container in found}
        now.update(dict.fromkeys(missing & self._missed, GONE))  # that counts when it was so twice
        self._missed = missing
        with self._changed:
            changed = any(
                _kind(self._watched[container]) != _kind(status)
                for container, status in now.items()
                if container in self._watched
            )
            self._watched.update({container: now[container] for container in now if container in self._watched})
            return changed or bool(missing)


def standings(text: str) -> dict[str, str]:
    """Read the answer to `list_words`: the runtime's words for how each container stands, by its name."""
    lines = (line.partition("\t") for line in text.splitlines())
    return {name.lstrip("/"): status for name, _, status in lines if name}


def exit_status(status: str) -> int | None:
    """Return what a container has ended with, by the runtime's words; None if it has not ended."""
    match = _EXITED.match(status)
    return int(match[1]) if match else None


def is_lost(status: str) -> bool:
    """Whether a container that was started neither runs nor has ended: the host or the runtime was started anew."""
    return status.startswith(("Created", "Dead", "Initialized", "Configured"))


def _kind(status: str) -> str:
    """Return a status without the time in it, which always changes."""
    return status.partition(" ")[0]
