"""What became of each job of a group, as far as it is known: its state, how long it took, what it gave back."""

from __future__ import annotations

import reprlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pollinator_magic.colonies.envelope import printable as one_line
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import PollinatorError
from pollinator_magic.jobs.parameters import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.jobs.job import Job

_LONGEST = 200
_NOT_SUBMITTED = "not submitted"

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 80
_short.maxlist = _short.maxtuple = _short.maxdict = 8


@dataclass(frozen=True)
class Outcome:
    """What a closed job gave back."""

    value: object = None
    """What its last expression gave, None where there is none."""
    problem: str = ""
    """Why it failed, or why its value is not here, in one line."""


@dataclass(frozen=True)
class Row:
    """One job of a group; None for one that could not be submitted."""

    parameters: Mapping[str, object]
    job: Job | None
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def status(self) -> ProcessState | None:
        """The state, as far as it is known."""
        return None if self.job is None else self.job.process.status

    @property
    def state(self) -> str:
        """The state in words."""
        return _NOT_SUBMITTED if self.job is None else str(self.job.process.status)

    @property
    def duration_s(self) -> float | None:
        """How long it ran; None while it is open and if it never ran."""
        if self.job is None or not self.job.process.status.closed:
            return None
        start, end = self.job.process.started_at, self.job.process.ended_at
        return (end - start).total_seconds() if start and end else None

    @property
    def label(self) -> str:
        """The parameters in one line."""
        return one_line(describe(self.parameters))

    @property
    def says(self) -> str:
        """What it gave back, or what went wrong, in one short line."""
        if self.outcome.problem:
            return self.outcome.problem
        return "" if self.outcome.value is None else one_line(_short.repr(self.outcome.value))[:_LONGEST]


def bring(job: Job, *, read_log: bool) -> Outcome:
    """Return what a closed job gave back, and keep its log; with `read_log`, the end of a failed one's is asked why."""
    with suppress(PollinatorError):  # that it cannot be kept is no outcome of the job
        job.keep_log()
    if job.process.status is ProcessState.CANCELLED:
        return Outcome()
    try:
        if job.succeeded:
            return Outcome(value=job.value)
        raised = job.exception if read_log else None
    except PollinatorError as error:
        return Outcome(problem=_first_line(str(error) if job.succeeded else "; ".join(job.learn_errors())))
    return Outcome(problem=_first_line(raised.summary if raised else "; ".join(job.learn_errors())))


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return one_line(lines[0])[:_LONGEST] if lines else "the executor gave no reason"
