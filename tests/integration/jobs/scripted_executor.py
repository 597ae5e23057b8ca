"""An executor that does as a test says, and what the tests of following ask of events."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Conditions, FunctionSpec, ProcessState
from pollinator_magic.jobs import LogText, StateChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.jobs import Event, Job

WAIT_S = 30


def asked_of(executor: str, colony: str, **spec: object) -> FunctionSpec:
    conditions = Conditions(colonyname=colony, executornames=[executor], executortype="container-executor")
    return FunctionSpec(funcname="execute", conditions=conditions, **{"maxexectime": 60, "maxretries": 1, **spec})


def text_of(events: list[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, LogText))


def states_of(events: list[object]) -> list[ProcessState]:
    return [event.state for event in events if isinstance(event, StateChanged)]


def collect(job: Job, into: list[object], **options: object) -> threading.Thread:
    thread = threading.Thread(target=lambda: into.extend(job.follow(**options)), name="follow")
    thread.start()
    return thread


class Heard:
    """A listener that keeps what it was told, and can be waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.threads: set[threading.Thread] = set()
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self.threads.add(threading.current_thread())
            self._changed.notify_all()

    def wait_for(self, wanted: Callable[[list[Event]], bool], seconds: float = WAIT_S) -> float:
        """Wait until what was heard is as wanted; return how long it took."""
        begun = time.monotonic()
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self.events), seconds), self.events
        return time.monotonic() - begun

    @property
    def is_over(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], StateChanged) and self.events[-1].state.closed

    def wait(self, seconds: float = WAIT_S) -> float:
        """Wait for the final state."""
        return self.wait_for(lambda _: self.is_over, seconds)
