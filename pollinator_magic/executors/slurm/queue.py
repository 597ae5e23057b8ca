"""The one that asks Slurm how all jobs stand: one question for all of them, seldom while nothing changes.

It asks while there is something to ask about, and is a thread with a beginning and an end of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from pollinator_magic.executors.slurm.commands import SlurmTrouble
from pollinator_magic.executors.slurm.states import (
    SACCT_FIELDS,
    SQUEUE_FIELDS,
    UNKNOWN,
    Standing,
    from_sacct,
    from_squeue,
    has_accounting,
)

if TYPE_CHECKING:
    from pollinator_magic.executors.slurm.commands import Slurm

_log = logging.getLogger(__name__)
_GROWTH = 1.5
_LONGEST_JOIN_S = 2.0
_NOT_THERE = "Invalid job id"


class Queue:
    """Knows how jobs stand. `shortest_s` and `longest_s` lie between two questions."""

    def __init__(self, slurm: Slurm, *, shortest_s: float = 1.0, longest_s: float = 5.0) -> None:
        self._slurm = slurm
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self._changed = threading.Condition()
        self._standings: dict[str, Standing | None] = {}
        self._missed: set[str] = set()
        self._hurried = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._accounting: bool | None = None
        self.queries = 0
        """How often Slurm was asked how jobs stand."""
        self._silent = False

    def watch(self, job: str) -> None:
        """Ask about a job from now on."""
        with self._changed:
            if job in self._standings or self._closed:
                return
            self._standings[job] = None
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._ask_on, name="slurm-queue", daemon=True)
                self._thread.start()

    def forget(self, job: str) -> None:
        """Ask about it no more."""
        with self._changed:
            self._standings.pop(job, None)
            self._missed.discard(job)
            self._changed.notify_all()

    def standing(self, job: str) -> Standing | None:
        """Return how a job stood when Slurm was asked last; None if it has not answered yet."""
        with self._changed:
            return self._standings.get(job)

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
        while jobs := self._jobs():
            began = time.monotonic()
            changed = self._ask(jobs)
            interval_s = self._shortest_s if changed else min(interval_s * _GROWTH, self._longest_s)
            if self._wait(began, interval_s):
                interval_s = self._shortest_s

    def _jobs(self) -> list[str]:
        """Return what to ask about; nothing ends the thread."""
        with self._changed:
            if not self._standings:
                self._thread = None
            return list(self._standings)

    def _wait(self, began: float, interval_s: float) -> bool:
        """Wait for the next question; return whether somebody is in a hurry."""
        with self._changed:
            while not self._closed and self._standings:
                soon = not self._silent and (self._hurried or None in self._standings.values())
                left_s = began + (self._shortest_s if soon else interval_s) - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            hurried, self._hurried = self._hurried, False
            return hurried

    def _ask(self, jobs: list[str]) -> bool:
        """Ask once; return whether anything has changed."""
        self.queries += 1
        try:
            found = self._from_squeue(jobs)
            gone = [job for job in jobs if job not in found]
            found.update(self._of_the_gone(gone))
        except SlurmTrouble as trouble:
            if not self._silent:
                _log.warning("Slurm does not say how jobs stand: %s", trouble)
            self._silent = True
            return False
        if self._silent:
            _log.info("Slurm answers again.")
        self._silent = False
        with self._changed:
            before = dict(self._standings)
            self._standings.update({job: found[job] for job in found if job in self._standings})
            self._changed.notify_all()
            return self._standings != before

    def _from_squeue(self, jobs: list[str]) -> dict[str, Standing]:
        try:
            text = self._slurm.ask("squeue", "-h", "-t", "all", "-o", SQUEUE_FIELDS, "-j", ",".join(jobs))
        except SlurmTrouble as trouble:
            if _NOT_THERE not in str(trouble):
                raise
            return {}
        return {job: standing for job, standing in from_squeue(text).items() if job in jobs}

    def _of_the_gone(self, gone: list[str]) -> dict[str, Standing]:
        """Return how those stand that the controller does not know: it forgets them some minutes after their end.

        Nobody else may know either; that counts when it was so twice.
        """
        if not gone:
            self._missed.clear()
            return {}
        if self._accounting is None:
            self._accounting = has_accounting(self._slurm.ask("scontrol", "show", "config"))
        found: dict[str, Standing] = {}
        if self._accounting:
            text = self._slurm.ask("sacct", "-n", "-P", "-X", "-o", SACCT_FIELDS, "-j", ",".join(gone))
            found = {job: standing for job, standing in from_sacct(text).items() if job in gone}
        missing = set(gone) - found.keys()
        found.update(dict.fromkeys(missing & self._missed, UNKNOWN))
        self._missed = missing
        return found
