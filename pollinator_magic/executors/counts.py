"""What an executor has done since it was started, in numbers: the worker counts, whoever shows metrics reads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Counts:
    """Numbers that every thread may add to (`add`, `heard`) and read."""

    taken: int = 0
    """Processes that the server has given to this executor, each attempt of one."""
    running: int = 0
    """Those of them that have not ended, now."""
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    lost: int = 0
    """Those that the server has taken away: overdue, or given to somebody else."""
    log_bytes: int = 0
    """How much the jobs have printed."""
    polls: int = 0
    """Questions for work that the server has answered, with work or without."""
    last_heard: float | None = None
    """When the server has last answered one (`time.monotonic`); None before the first time."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, **more: int) -> None:
        """Add to numbers by their names: `add(running=-1, succeeded=1)`."""
        with self._lock:
            for name, number in more.items():
                setattr(self, name, getattr(self, name) + number)

    def heard(self) -> None:
        """Note that the server has answered a question for work."""
        with self._lock:
            self.polls += 1
            self.last_heard = time.monotonic()
