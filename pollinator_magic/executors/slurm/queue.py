"""Asks Slurm how jobs stand: the queue, and accounting, if there is any, about those that it has forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.executors.inquiry import Inquiry
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
    from collections.abc import Collection

    from pollinator_magic.executors.slurm.commands import Slurm

_NOT_THERE = "Invalid job id"


class Queue(Inquiry[Standing]):
    """Knows how jobs stand, by their numbers. `UNKNOWN` is one that nobody knows of any more."""

    def __init__(self, slurm: Slurm, *, shortest_s: float = 1.0, longest_s: float = 5.0) -> None:
        super().__init__("Slurm", gone=UNKNOWN, shortest_s=shortest_s, longest_s=longest_s)
        self._slurm = slurm
        self._accounting: bool | None = None

    def ask(self, names: Collection[str]) -> dict[str, Standing]:
        """Return how these jobs stand."""
        found = self._from_squeue(names)
        gone = [job for job in names if job not in found]
        return {**found, **self._of_the_gone(gone)}

    def _from_squeue(self, jobs: Collection[str]) -> dict[str, Standing]:
        try:
            text = self._slurm.ask("squeue", "-h", "-t", "all", "-o", SQUEUE_FIELDS, "-j", ",".join(jobs))
        except SlurmTrouble as trouble:
            if _NOT_THERE not in str(trouble):
                raise
            return {}
        return {job: standing for job, standing in from_squeue(text).items() if job in jobs}

    def _of_the_gone(self, gone: Collection[str]) -> dict[str, Standing]:
        """Return how those stand that the controller does not know: it forgets them some minutes after their end."""
        if not gone:
            return {}
        if self._accounting is None:
            self._accounting = has_accounting(self._slurm.ask("scontrol", "show", "config"))
        if not self._accounting:
            return {}
        text = self._slurm.ask("sacct", "-n", "-P", "-X", "-o", SACCT_FIELDS, "-j", ",".join(gone))
        # One that has not ended by its record has lost its end: nobody runs it, and nobody will write down more.
        return {job: standing for job, standing in from_sacct(text).items() if job in gone and standing.over}
