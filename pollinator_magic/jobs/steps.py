"""Steps that depend on each other: what they may be called, in which order they can run, and how each is. Pure values.

What has become of a step follows from the processes of all: a server that ends a graph because a step with followers
has failed says of every other one that it has failed too, whether it ran or not, and even if it had succeeded before.
"""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pollinator_magic.colonies.models import Process

MOST = 100
"""Steps of one graph: more the server does not list."""
LONGEST_NAME = 40
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{LONGEST_NAME - 1}}}")


class StepState(Enum):
    """How a step is, in the word that people read."""

    COLLECTED = "collected"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    STOPPED = "stopped"
    """It ran when another step failed."""
    NEVER_RAN = "never ran"
    """A step before it has failed, or one beside it before it began."""
    CANCELLED = "cancelled"

    def __str__(self) -> str:
        return self.value

    @property
    def closed(self) -> bool:
        """Whether it will not change any more."""
        return self not in {StepState.COLLECTED, StepState.WAITING, StepState.RUNNING}


_BY_PROCESS = {
    ProcessState.WAITING: StepState.WAITING,
    ProcessState.RUNNING: StepState.RUNNING,
    ProcessState.SUCCESS: StepState.SUCCESS,
    ProcessState.CANCELLED: StepState.CANCELLED,
}


def states_of(processes: Mapping[str, Process]) -> dict[str, StepState]:
    """Return how each step is, by its name, given the processes of all of them."""
    failed = [process for process in processes.values() if process.status not in _BY_PROCESS]
    began = [process for process in failed if process.started_at is not None]
    culprits = [process for process in failed if process.errors] or began  # an executor may give no reason
    first = min(map(_end, culprits), default=math.inf)

    def state(process: Process) -> StepState:
        if process.status in _BY_PROCESS:
            return _BY_PROCESS[process.status]
        if process in culprits:
            return StepState.FAILED
        if process.started_at is None:
            return StepState.NEVER_RAN
        return StepState.SUCCESS if _end(process) < first else StepState.STOPPED

    return {name: state(process) for name, process in processes.items()}


def check_name(name: str, taken: Iterable[str] = ()) -> None:
    """Raise UsageError for a name that a step cannot have beside those that are `taken`.

    It becomes the name of a directory, for which some systems do not tell capitals from small letters.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"--step {name!r} is not the name of a step: up to {LONGEST_NAME} letters without accents, digits, and "
            "the characters _ . - but not one of the last two at the beginning."
        )
    alike = next((one for one in taken if one != name and one.casefold() == name.casefold()), None)
    if alike is not None:
        raise UsageError(f"--step {name!r}: there is a step {alike!r} already, and only capitals tell the two apart.")


def check_after(name: str, after: Collection[str], known: Mapping[str, Collection[str]]) -> None:
    """Raise UsageError if step `name` cannot come after these; `known` says of each step after which it comes."""
    for earlier in after:
        if earlier == name:
            raise UsageError(f"--after {earlier!r}: a step cannot come after itself.")
        if earlier not in known:
            there = f"The steps so far: {', '.join(known)}." if known else "There are no steps yet."
            hint = did_you_mean(earlier, known)
            raise UsageError(
                f"--after {earlier!r}: no step of that name is collected.{hint} {there} Run its cell first."
            )
    loop = _way_back({**known, name: after}, name)
    if loop:
        raise UsageError(f"--after would make a circle, in which no step could be the first: {' → '.join(loop)}.")


def in_order(after: Mapping[str, Collection[str]]) -> list[str]:
    """Return the names in an order in which they can run, and else as they are given.

    Of what comes from elsewhere: names that are not there are passed over, and what is in a circle comes last.
    """
    order: list[str] = []
    left = dict.fromkeys(after)
    while left:
        free = next((name for name in left if not any(one in left for one in after[name] if one != name)), None)
        if free is None:
            return [*order, *left]
        order.append(free)
        del left[free]
    return order


def levels_of(after: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Return how many steps come before each at least, one after the other."""
    levels: dict[str, int] = {}
    for name in in_order(after):
        levels[name] = max((levels[one] + 1 for one in after[name] if one in levels), default=0)
    return levels


def _end(process: Process) -> float:
    return process.ended_at.timestamp() if process.ended_at else math.inf


def _way_back(after: Mapping[str, Collection[str]], start: str) -> list[str]:
    """Return the steps from `start` back to itself, in the order in which they would run; nothing if it is none."""
    ways = [[one, start] for one in after[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        if way[0] == start:
            return way
        if way[0] not in seen:
            seen.add(way[0])
            ways += [[one, *way] for one in after.get(way[0], ())]
    return []
