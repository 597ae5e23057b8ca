"""Asks the runtime how all containers of this executor stand.

Most jobs never need its answer: they say themselves how they have ended.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pollinator_magic.executors.container.commandline import EXECUTOR_LABEL, list_words
from pollinator_magic.executors.inquiry import Inquiry

if TYPE_CHECKING:
    from collections.abc import Collection

    from pollinator_magic.executors.container.runtime import Runtime

_EXITED = re.compile(r"Exited \((-?\d+)\)")
GONE = "gone"
"""The status of a container that is not there."""


class Roster(Inquiry[str]):
    """Knows how containers stand, by their names, in the runtime's words. `GONE` is one that is not there."""

    def __init__(self, runtime: Runtime, executor: str, *, shortest_s: float, longest_s: float) -> None:
        first_s = shortest_s  # short jobs end before
        super().__init__(runtime.program, gone=GONE, shortest_s=shortest_s, longest_s=longest_s, first_s=first_s)
        self._runtime = runtime
        self._executor = executor

    def status(self, container: str) -> str:
        """Return the runtime's words for how a container stood last, or `GONE`; empty if that is not known yet."""
        return self.standing(container) or ""

    def ask(self, names: Collection[str]) -> dict[str, str]:
        """Return how all containers of this executor stand."""
        found = standings(self._runtime.ask(*list_words(f"{EXECUTOR_LABEL}={self._executor}")))
        return {name: found[name] for name in names if name in found}

    def is_same(self, before: str | None, now: str | None) -> bool:
        """Whether nothing has happened but that time has passed, which the runtime's words tell too."""
        return _kind(before or "") == _kind(now or "")


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
