"""How much of an engine's capacity is in use, and what to tell the server that there is room for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.amounts import MEBIBYTE
from pollinator_magic.executors.specs import task_of

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.engine import Capacity


class Room(NamedTuple):
    """What is free, as the server wants to read it; an empty text is no limit."""

    cpu: str
    mem: str

    @property
    def changes(self) -> bool:
        """Whether it will be more when something has ended."""
        return bool(self.cpu or self.mem)


class Budget:
    """Counts what processes take: their processors for every rank, their memory for every node, and themselves.

    The server compares single ranks only. A process whose ranks need more than there is runs all the same, alone or
    beside what was there, and nothing is taken until there is room again. With `take_anything_when_idle` so does one
    whose single rank is larger than the machine: where no other executor could ever take it.
    """

    def __init__(self, capacity: Capacity, *, take_anything_when_idle: bool) -> None:
        self._capacity = capacity
        self._take_anything = take_anything_when_idle
        self._changed = threading.Condition()
        self._taken: dict[str, tuple[int, int]] = {}
        self._woken = False

    @property
    def idle(self) -> bool:
        """Whether nothing is running."""
        return not self._taken

    def room(self) -> Room | None:
        """Return what is free, None if no processor, no memory, or no job more is."""
        most = self._capacity
        with self._changed:
            if self._take_anything and not self._taken:
                return Room("", "")
            cpu = _left(most.cpu_millis, sum(cpu for cpu, _ in self._taken.values()))
            memory = _left(most.memory_bytes, sum(memory for _, memory in self._taken.values()))
            if 0 in (cpu, memory, _left(most.jobs, len(self._taken))):
                return None
            return Room("" if cpu is None else f"{cpu}m", "" if memory is None else f"{memory // MEBIBYTE}Mi")

    def take(self, process: Process) -> None:
        """Count what a process needs; nothing for one that cannot be run."""
        try:
            task = task_of(process)
        except PollinatorError:
            needs = (0, 0)
        else:
            needs = (task.cpu_millis * task.ranks, task.memory_bytes * task.nodes)
        with self._changed:
            self._taken[process.processid] = needs

    def give_back(self, process: Process) -> None:
        """Count it no more."""
        with self._changed:
            del self._taken[process.processid]
            self._woken = True
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until something is given back or `wake` is called; return whether it was."""
        with self._changed:
            woken = self._changed.wait_for(lambda: self._woken, timeout_s)
            self._woken = False
            return woken

    def wake(self) -> None:
        """End the wait."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()


def _left(most: int | None, taken: int) -> int | None:
    """Return how much of a limit is free; None where there is no limit."""
    return None if most is None else max(0, most - taken)
