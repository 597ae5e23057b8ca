"""How a job ended, in the user's words: from what its script has left, what Slurm says, and the noise.

Pure functions.
"""

from __future__ import annotations

import math
import pwd
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.executors.exitstatus import memory_words, status_words

if TYPE_CHECKING:
    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.slurm.commands import SlurmTrouble
    from pollinator_magic.executors.slurm.states import Standing

_MEMORY = re.compile(r"exceeded (?:job |step )?memory limit|oom.?kill|out of memory", re.IGNORECASE)
_RANK = re.compile(r"^srun: error: \S+: tasks? (\d+)[^:]*: (?:Exited with exit code (\d+)|(.+))$", re.MULTILINE)
_OF_OTHERS = frozenset((128 + 9, 128 + 15))
"""What a program that Slurm has stopped ends with, if its script could still say so."""
_NODE = "A node of Slurm job {job} failed, and Slurm has not started the job again. Submit it again."
_STOPPED = {
    "TIMEOUT": "Stopped by Slurm: job {job} ran longer than its time limit of {minutes} min. "
    "Ask for more with --walltime.",
    "NODE_FAIL": _NODE,
    "BOOT_FAIL": _NODE,
    "PREEMPTED": "Slurm job {job} had to make room for a more urgent one, and was not started again. Submit it again.",
    "DEADLINE": "Slurm ended job {job} at its deadline.",
}
_SETTINGS = "Whoever runs this executor has to look at its settings for Slurm."
_ADVICE = (
    (re.compile("memory", re.IGNORECASE), "Ask for less with --mem."),
    (re.compile("time limit", re.IGNORECASE), "Ask for less with --walltime."),
    (re.compile(r"generic resource|gres|gpu", re.IGNORECASE), "Ask for other GPUs, or fewer, with --gpu."),
    (re.compile(r"node configuration", re.IGNORECASE), "Ask for less with --nodes, --cpu or --gpu."),
    (re.compile(r"node count|cpu count", re.IGNORECASE), "Ask for less with --nodes or --cpu."),
    (
        re.compile(r"partition|account|qos|association|reservation|feature|constraint", re.IGNORECASE),
        _SETTINGS,
    ),
)
_WHAT_TO_CHANGE = {
    "PartitionConfig": "Its partition has no such nodes: ask for less with --nodes, --cpu or --mem.",
    "PartitionNodeLimit": "Its partition does not give that many nodes: ask for less with --nodes.",
    "PartitionTimeLimit": "Its partition does not give that much time: ask for less with --walltime.",
    "BadConstraints": "No nodes are like that: ask for less with --nodes, --cpu, --mem or --gpu.",
}


@dataclass(frozen=True)
class End:
    """What the script of a job has left as its last word."""

    status: int
    of_init: bool
    """Whether it was the init-cmd that has ended with it."""
    stopped: bool
    """Whether Slurm had told the script to end."""

    @property
    def doubtful(self) -> bool:
        """Whether Slurm has to be asked why: it may have stopped the job, and may start it again."""
        return self.stopped or self.status in _OF_OTHERS


def read_end(text: str) -> End | None:
    """Read the file that the script writes; None if it is not (yet) one."""
    words = text.split()
    if not text.endswith("\n") or len(words) != 3 or not words[0].isdigit() or words[1] not in {"init", "command"}:
        return None
    return End(int(words[0]), words[1] == "init", words[2] != "0")


def told_by(noise: str) -> bool:
    """Whether the noise tells how a job has ended, so that no other word has to be waited for."""
    return bool(_MEMORY.search(noise))


def end_error(task: Task, end: End, noise: str) -> str:
    """Say what went wrong with a job whose script has told its end; empty if nothing did."""
    if end.status == 0:
        return ""
    if _MEMORY.search(noise):
        return memory_error(task)
    words = status_words(end.status)
    if end.of_init:
        return f"The init-cmd failed: {task.init_command}: {words}"
    failed = _RANK.search(noise) if task.ranks > 1 else None
    if failed and failed[2]:
        return f"Rank {failed[1]}: {status_words(int(failed[2]))}"
    return f"Rank {failed[1]}: {words}" if failed else words[0].upper() + words[1:]


def stopped_error(task: Task, job: str, standing: Standing, end: End | None, noise: str, *, begun: bool = True) -> str:
    """Say why Slurm has ended a job, whose script has `begun` or has never said so."""
    if standing.state == "CANCELLED":
        by = _user(standing.by) if standing.by is not None else "somebody else"
        return f"Slurm job {job} was cancelled by {by}, not through the colony. Submit it again if that was not meant."
    if standing.state in _STOPPED:
        return _STOPPED[standing.state].format(job=job, minutes=math.ceil(task.walltime_s / 60))
    if standing.state == "OUT_OF_MEMORY" or _MEMORY.search(noise):
        return memory_error(task)
    if end is not None:
        return end_error(task, end, noise)
    how = [standing.reason] if standing.reason else []
    how += [status_words(-standing.signal)] if standing.signal else []
    how += [status_words(standing.status)] if standing.status else []
    words = f"Slurm job {job} ended before its script could say how ({', '.join([standing.state, *how])})."
    return words if begun else f"{words} Whoever runs this executor should see whether nodes have its directory."


def lost_error(job: str) -> str:
    """Say that nobody knows how a job has ended."""
    return (
        f"Slurm does not know job {job} any more, and its script has left no word of its end. What it has written may "
        "be incomplete; submit it again."
    )


def hopeless_error(job: str, reason: str) -> str:
    """Say that a job would wait for ever."""
    if reason.startswith("launch"):
        return f"Slurm could not start the script of job {job} on its node. Tell whoever runs this executor."
    return f"Slurm would never start job {job} ({reason}). {_WHAT_TO_CHANGE.get(reason, _SETTINGS)}"


def refused_error(trouble: SlurmTrouble) -> str:
    """Say that sbatch has not taken a job."""
    return f"Slurm did not take the job: {trouble}. {advice(str(trouble))}".strip()


def memory_error(task: Task) -> str:
    """Say that a job needed too much memory."""
    if not task.memory_bytes:
        return "Killed: used more memory than Slurm allows. Ask for more with --mem."
    return memory_words(task.memory_bytes)


def advice(text: str) -> str:
    """Return what to change, for what Slurm has said."""
    return next((words for pattern, words in _ADVICE if pattern.search(text)), "")


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
