"""How a job ended, in the user's words, from what its containers wrote and the runtime says. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.executors.container.roster import GONE, exit_status, is_lost
from pollinator_magic.executors.exitstatus import memory_words, status_words

if TYPE_CHECKING:
    from pollinator_magic.executors.engine import Task

_KILLED = 128 + 9
_END = re.compile(r"^(init|command) (\d+) (\d+)$", re.MULTILINE)
_OVERDUE = "overdue\n"
_START_ADVICE = (
    (
        re.compile(r"/bin/sh\W.*(?:no such file|not found)", re.IGNORECASE),
        "The image has no shell.",
    ),
    (
        re.compile("setrlimit|RLIMIT", re.IGNORECASE),
        "Whoever runs this executor has to lower the limits in containers.conf.",
    ),
    (
        re.compile("cgroup", re.IGNORECASE),
        "Whoever runs this executor has to look at its cgroups, or turn limits off.",
    ),
)


@dataclass(frozen=True)
class End:
    """What a container has said at its end."""

    status: int
    of_init: bool
    """Whether it was the init-cmd that has ended with it."""
    memory_kills: int
    """How many of its processes the system has killed for want of memory."""


def read_end(text: str) -> End | None:
    """Read the file that a container writes at its end; None if it has not."""
    match = _END.search(text)
    return End(int(match[2]), match[1] == "init", int(match[3])) if match else None


def was_overdue(text: str) -> bool:
    """Whether a container was ended by its own clock, by the same file."""
    return _OVERDUE in text


def end_error(task: Task, end: End, *, rank: int, node: int) -> str:
    """Say what went wrong with a rank that has told its end; empty if nothing did."""
    if end.status == 0:
        return ""
    if end.memory_kills:
        return memory_error(task, node=node)
    words = status_words(end.status)
    if end.of_init:
        return f"The init-cmd failed: {task.init_command}: {words}"
    return f"Rank {rank}: {words}" if task.ranks > 1 else words[0].upper() + words[1:]


def stopped_error(task: Task, status: str, *, rank: int, out_of_memory: bool, node: int) -> str:
    """Say why a container is no more that has not told its end; empty if it is, or nobody knows yet."""
    which = f"The container of rank {rank}" if task.ranks > 1 else "The container"
    if status == GONE:
        return f"{which} was removed, not through the colony. Submit the job again if that was not meant."
    if is_lost(status):
        return f"{which} did not survive a restart of the host. Submit the job again."
    code = exit_status(status)
    if code is None:
        return ""
    if out_of_memory:
        return memory_error(task, node=node)
    if code == _KILLED:
        memory = " or because it needed too much memory" if task.memory_bytes else ""
        return f"{which} was killed from outside{memory}, not through the colony. Submit the job again."
    return f"{which} ended before its program did ({status_words(code)}), perhaps with the host. Submit the job again."


def memory_error(task: Task, *, node: int) -> str:
    """Say that a job needed too much memory."""
    if not task.memory_bytes:
        return "Killed: used more memory than there is. Ask for more with --mem."
    where = f" on node {node}" if task.nodes > 1 else ""
    return memory_words(task.memory_bytes, where)


def overdue_error(task: Task) -> str:
    """Say that a job has taken too long."""
    return f"Stopped: ran longer than its walltime of {task.walltime_s} s"


def start_error(said: str) -> str:
    """Say that a container could not be made or started."""
    advice = next((words for pattern, words in _START_ADVICE if pattern.search(said)), "")
    return f"The container could not be started: {said} {advice}".strip()
