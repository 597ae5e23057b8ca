"""Asks the server for work while there is room for some, and is heard by it while there is none."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from pollinator_magic.executors.environment import wait_for_environment

if TYPE_CHECKING:
    from threading import Event

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.budget import Budget
    from pollinator_magic.executors.counts import Counts

HEARTBEAT_S = 60.0
"""So often the server hears of an executor that takes nothing; after ten minutes of silence it drops one."""
_BUSY_S = 1
_SHORTEST_S = 0.2
_UNWOKEN_S = 1
_UNWOKEN_FOR_S = 60.0
_LATE_S = 0.3


def came_late(process: Process, *, asked_s: float) -> bool:
    """Whether it was submitted while we were asking, which we have done for so long, and was not given out at once.

    A Colonies server wakes one of all executors of a type that wait, whichever was meant.
    """
    if process.submitted_at is None or process.started_at is None:
        return False
    return _LATE_S < (process.started_at - process.submitted_at).total_seconds() < asked_s


class Poll:
    """One question after the other, each for up to `poll_s` seconds. `whole`: what is given out needs no completion.

    Where the server does not wake it, it asks every second, until it has not been late for a minute.
    """

    def __init__(
        self, client: Colonies, budget: Budget, counts: Counts, stopping: Event, *, poll_s: int, whole: bool
    ) -> None:
        self.poll_s = poll_s
        self._client = client
        self._budget = budget
        self._counts = counts
        self._stopping = stopping
        self._whole = whole
        self.given_at = 0.0
        """When the last process was given out (monotonic)."""
        self._unwoken_until = -math.inf
        self._asking_since = math.inf  # when the last question was begun, if it was in vain and there was room for all

    def ask(self, until: float) -> Process | None:
        """Wait for work, or until `until` (monotonic) for room if there is none."""
        room = self._budget.room()
        if room is None:
            self._asking_since = math.inf
            if self._budget.wait(max(0.0, min(HEARTBEAT_S, until - time.monotonic()))):
                return None
            return self.be_heard()
        waits_for_room = room.changes and not self._budget.idle
        began = time.monotonic()
        process = self._assign(self._patience_s(_BUSY_S if waits_for_room else self.poll_s), room.cpu, room.mem)
        if process is not None and came_late(process, asked_s=self.given_at - min(began, self._asking_since)):
            self._unwoken_until = self.given_at + _UNWOKEN_FOR_S
        self._asking_since = began if process is None and not waits_for_room else math.inf
        if process is not None and not self._whole:
            wait_for_environment(self._client, process)
        if process is None:  # a server that does not wait shall not be asked a hundred times a second
            self._stopping.wait(max(0.0, began + _SHORTEST_S - time.monotonic()))
        return process

    def be_heard(self) -> Process | None:
        """Ask for what nobody can want: a process that needs no processor. If there is one, it will be refused."""
        return self._assign(-1, "0m", "0Mi")

    def _patience_s(self, wanted_s: int) -> int:
        return min(self.poll_s, wanted_s, _UNWOKEN_S if time.monotonic() < self._unwoken_until else wanted_s)

    def _assign(self, timeout_s: int, cpu: str, mem: str) -> Process | None:
        process = self._client.assign(timeout_s, cpu=cpu, mem=mem)
        self._counts.heard()
        self.given_at = time.monotonic()
        return process
