"""The jobs that an engine has in its hands: started or taken up, and not left or closed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Job(Protocol):
    @property
    def process_id(self) -> str: ...

    def leave(self) -> None: ...


J = TypeVar("J", bound=_Job)


class Held(Generic[J]):
    """A set of jobs that any thread may use."""

    def __init__(self) -> None:
        self._jobs: set[J] = set()
        self._lock = threading.Lock()

    def take(self, job: J) -> J:
        """Add a job, and return it."""
        with self._lock:
            self._jobs.add(job)
        return job

    def forget(self, job: J) -> None:
        """Take a job out, if it is there."""
        with self._lock:
            self._jobs.discard(job)

    def __iter__(self) -> Iterator[J]:
        """Iterate over those that are there now, whatever happens to them meanwhile."""
        with self._lock:
            return iter(list(self._jobs))

    @property
    def process_ids(self) -> set[str]:
        """The processes whose jobs they are."""
        return {job.process_id for job in self}

    def leave(self) -> None:
        """Leave all of them."""
        for job in self:
            job.leave()
