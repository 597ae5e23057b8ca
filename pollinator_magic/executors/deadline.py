"""How long a process may run: it is ended and closed a moment before the server would start it again."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process

_GRACE_S = 5.0


class Deadline:
    """The end of the time of `process`, which was given to us at `began` (monotonic), or None: when the server says."""

    def __init__(self, process: Process, *, began: float | None) -> None:
        self._walltime_s = process.spec.conditions.walltime
        limit_s = process.spec.maxexectime
        self._margin_s = min(1.0, limit_s / 4)
        if began is None:  # only then, because it compares this clock with the server's
            began = time.monotonic() - _seconds_since_start(process)
        self._at = began + limit_s - self._margin_s

    @property
    def passed(self) -> bool:
        """Whether it has to end now."""
        return time.monotonic() >= self._at

    @property
    def error(self) -> str:
        """What is wrong with a job that was ended then."""
        return f"Stopped: ran longer than its walltime of {self._walltime_s} s"

    @property
    def close_at(self) -> float:
        """When the process has to be closed, whatever else there is to do (monotonic)."""
        return self._at + 0.75 * self._margin_s

    @property
    def grace_s(self) -> float:
        """How long the job may take to end: what is left until the process has to be closed, with time for results."""
        left_s = self._at + 0.4 * self._margin_s - time.monotonic()
        return max(0.0, min(_GRACE_S, left_s))


def _seconds_since_start(process: Process) -> float:
    if process.started_at is None:
        return 0.0
    return max(0.0, (datetime.now(timezone.utc) - process.started_at).total_seconds())
