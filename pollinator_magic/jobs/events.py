"""What happens to a job, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.colonies.models import Process, ProcessState

_LONGEST_SUMMARY = 200  # characters, without the line


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
class Displayed:
    """A rich output of the program, in its place among the log text (see `runner.wire`).

    `data` maps MIME types to what the program gave for them: it comes from elsewhere and is not to be trusted. A large
    output has no data but a `file`, its path below the result directory, which is there when the results are.
    """

    data: Mapping[str, Any]
    text: str
    """The short line that stands for it where nothing rich can be shown."""
    timestamp_ns: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    display_id: str = ""
    update: bool = False
    """Whether it replaces what was displayed under `display_id` before."""
    file: str = ""


@dataclass(frozen=True)
class Raised:
    """The program ended with an exception; `traceback` is its readable form, with the lines of the cell."""

    name: str
    value: str
    traceback: str
    line: int | None
    """Where in the cell, counted from 1, which is the line of the magic; None if it was elsewhere."""
    timestamp_ns: int

    @property
    def summary(self) -> str:
        """What was raised and where, in one line, e.g. "ValueError: no such case (line 5 of the cell)"."""
        value = (self.value.splitlines() or [""])[0]
        words = f"{self.name}: {value}" if value else self.name
        if len(words) > _LONGEST_SUMMARY:
            words = words[:_LONGEST_SUMMARY] + "…"
        place = f" (line {self.line} of the cell)" if self.line is not None else ""
        return words.removesuffix(".") + place


@dataclass(frozen=True)
class ConnectionLost:
    """The server does not answer; it is asked again in `retry_in_s` seconds. Said once an outage.

    Of a job that is watched in the background it is also the last word if nothing more can be learnt of it, for example
    because its process was removed: then `retry_in_s` is infinite.
    """

    reason: str
    retry_in_s: float


@dataclass(frozen=True)
class ConnectionBack:
    """The server answers again; the log goes on where it stopped."""


Event = StateChanged | LogText | Displayed | Raised | ConnectionLost | ConnectionBack
