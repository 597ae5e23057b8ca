"""What is waited for, for how long, and what the user is told meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pollinator_magic.executors.slurm.states import Standing

_TOLD_AFTER_S = 3.0
_TOLD_AGAIN_S = 600.0


class Patience:
    """For how long each thing has been waited for."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def lost(self, what: str, after_s: float) -> bool:
        """Whether it has been waited for longer than this."""
        return time.monotonic() - self._since.setdefault(what, time.monotonic()) > after_s

    def renew(self) -> None:
        """Begin anew with everything."""
        self._since.clear()


class QueueNews:
    """What to tell the user of the queue, now and then."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._told_at = 0.0
        self._told = ""

    def words(self, standing: Standing, job: str) -> str:
        """Return a line if it is time for one."""
        now = time.monotonic()
        if not standing.waiting or now - self._since < _TOLD_AFTER_S or standing.reason in {"", "None"}:
            return ""
        if standing.reason == self._told and now - self._told_at < _TOLD_AGAIN_S:
            return ""
        self._told_at, self._told = now, standing.reason
        return f"Waiting in the queue of Slurm ({standing.reason.replace('_', ' ')}), job {job}."
