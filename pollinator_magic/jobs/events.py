"""What happens to a job, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process, ProcessState


@dataclass(frozen=True)
class StateChanged:
    """The process is now in the state of `process`; a final state comes after the last log text."""

    process: Process

    @property
    def state(self) -> ProcessState:
        """The new state."""
        return self.process.status


@dataclass(frozen=True)
class LogText:
    """A piece of log as the executor sent it: many lines or part of one. `timestamp_ns` is the server's clock."""

    text: str
    timestamp_ns: int


@dataclass(frozen=True)
class ConnectionLost:
    """The server does not answer; it is asked again in `retry_in_s` seconds. Said once an outage."""

    reason: str
    retry_in_s: float


@dataclass(frozen=True)
class ConnectionBack:
    """The server answers again; the log goes on where it stopped."""


Event = StateChanged | LogText | ConnectionLost | ConnectionBack
