"""Whose a process is: still this executor's, in this attempt, or no longer, and why."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process

_SAME_TIME = timedelta(milliseconds=1)  # replies carry nanoseconds, the database microseconds


class Loss(Enum):
    """Why a process is not ours any more."""

    CANCELLED = "cancelled"
    TAKEN = "taken"
    """It ran for too long, or is running elsewhere."""
    RELEASED = "released"
    """The server took this executor for dead, and has put it back as if it had not been started."""


def is_ours(now: Process, identity: str, attempt: Process) -> bool:
    """Whether `attempt`, which this identity was given, is what the server still has running."""
    started, same = attempt.started_at, now.started_at
    return is_given_to(now, identity) and not (started and same and abs(same - started) > _SAME_TIME)


def is_given_to(now: Process, identity: str) -> bool:
    """Whether a process runs, in whatever attempt, at the executor of this identity."""
    return now.status is ProcessState.RUNNING and now.assignedexecutorid == identity


def loss_of(now: Process, identity: str, attempt: Process) -> Loss:
    """Return why a process is not ours any more."""
    if now.status is ProcessState.CANCELLED:
        return Loss.CANCELLED
    given_up = now.retries != attempt.retries
    again = now.status is ProcessState.WAITING or is_given_to(now, identity)
    return Loss.RELEASED if again and not given_up else Loss.TAKEN
