"""A job as a life: a generator that yields wherever it would have to wait, and returns how the job ended.

So one thread can read the output of a job, watch its limits and move it on, in turns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from pollinator_magic.executors.engine import Outcome, Task


class LivingJob(ABC):
    """The part of a `Running` that is the same for all engines: it lives while it is polled, and may say something."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._said: list[str] = []
        self._outcome: Outcome | None = None
        self._life = self._live()

    @property
    def process_id(self) -> str:
        """Of which process this is the job."""
        return self._task.process_id

    @abstractmethod
    def _live(self) -> Generator[None, None, Outcome]:
        """Begin to end; returns the outcome. It begins with the first poll."""

    @abstractmethod
    def _written(self, timeout_s: float) -> bytes:
        """Return what the job's programs wrote since the last call, at the latest after `timeout_s`."""

    def read(self, timeout_s: float) -> bytes:
        """Return what the job wrote since the last call, at the latest after `timeout_s`."""
        self.poll()
        if self._said:
            said, self._said = "".join(self._said), []
            return said.encode()
        return self._written(timeout_s)

    def poll(self) -> Outcome | None:
        """Return how the job ended, or None while any of it is running."""
        if self._outcome is None:
            try:
                next(self._life)
            except StopIteration as end:
                self._outcome = end.value
        return self._outcome

    def _say(self, line: str) -> None:
        """Put a line of the executor's own into the job's log."""
        self._said.append(f"{line}\n")
