"""How a job stands, from what Kubernetes says of it and its pods. Pure functions.

The pods decide: their containers are known to have ended a second or two before the job counts them, and only they know
why. What the job itself says is used where no pod tells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import parse_time
from pollinator_magic.executors.exitstatus import memory_words, status_words
from pollinator_magic.executors.kubernetes.manifest import CONTAINER
from pollinator_magic.executors.kubernetes.texts import one_line, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.kubernetes.models import Condition, ContainerState, Job, Pod, Terminated

DELETED = "The Kubernetes job was deleted by somebody else."
_POD_DELETED = "A pod of the Kubernetes job was deleted by somebody else."
_NOT_STARTED = "Its node could not start the container"
_INDEX = "batch.kubernetes.io/job-completion-index"
_NOTE = re.compile(r"(?:rank (\d{1,6})|(init)) (\d{1,3})\s*")
_NOT_BEGUN = {"StartError", "ContainerCannotRun"}
_DISRUPTIONS = {
    "PreemptionByScheduler": "Stopped for a job of higher priority",
    "PreemptionByKubeScheduler": "Stopped for a job of higher priority",
    "DeletionByTaintManager": "Its node was lost",
    "DeletionByPodGC": "Its node was lost",
    "EvictionByEvictionAPI": "Its node was emptied by an administrator",
    "TerminationByKubelet": "Its node has stopped it",
}
_REASONS = {
    "Evicted": "Its node has stopped it",
    "NodeLost": "Its node was lost",
    "NodeShutdown": "Its node was shut down",
    "Shutdown": "Its node was shut down",
    "Terminated": "Its node was shut down",
    "Preempting": "Stopped for a job of higher priority",
}
_OVERDUE = timedelta(seconds=60)


@dataclass(frozen=True)
class Standing:
    """How a job stands."""

    ended: bool = False
    """Whether nothing of it runs, and nothing will."""
    error: str = ""
    """What went wrong first; empty if nothing did. It may be known while others of its pods still run."""


def standing(task: Task, job: Job | None, pods: Sequence[Pod], now: datetime | None = None) -> Standing:
    """Judge. `job` is None if it is not there; `pods` are those of this job and no other."""
    running = [pod for pod in pods if not has_ended(pod) and not _is_lost(pod, now)]
    error = _first_error(task, job, pods)
    if job is None:
        return Standing(ended=not running, error=error or DELETED)
    if not running and len({index_of(pod) for pod in pods}) == task.nodes:
        return Standing(ended=True, error=error)
    for condition in job.status.conditions or ():
        if condition.holds and condition.type in {"Complete", "Failed"}:
            return Standing(ended=not running, error=error or _verdict(task, condition))
    return Standing(error=error)


def index_of(pod: Pod) -> int:
    """Return which of a job's pods this is: the number of its node in the job."""
    text = (pod.metadata.labels or {}).get(_INDEX) or (pod.metadata.annotations or {}).get(_INDEX) or "0"
    return int(text) if text.isdecimal() and len(text) < 7 else 0


def has_begun(pod: Pod) -> bool:
    """Whether the container has run, so that there is a log."""
    state = container(pod)
    return bool(state and (state.running or state.terminated))


def has_ended(pod: Pod) -> bool:
    """Whether the container runs no more. What a site has put beside it may."""
    state = container(pod)
    return pod.status.phase in {"Succeeded", "Failed"} or bool(state and state.terminated)


def container(pod: Pod) -> ContainerState | None:
    """Return the state of the one container that is the job's, if it has one yet."""
    return next((one.state for one in pod.status.container_statuses or () if one.name == CONTAINER), None)


def _is_lost(pod: Pod, now: datetime | None) -> bool:
    """Whether it should have been gone for long: its node does not answer, and nobody will say more."""
    gone_by = parse_time(pod.metadata.deletion_timestamp or "")
    return gone_by is not None and (now or datetime.now(timezone.utc)) > gone_by + _OVERDUE


def _first_error(task: Task, job: Job | None, pods: Sequence[Pod]) -> str:
    """Return why the first pod has failed. The others are deleted then, so that one which was not tells more."""
    failed = [(pod, error) for pod in pods if (error := _error(task, pod))]
    own = [(_ended_at(pod), index_of(pod), error) for pod, error in failed if not pod.metadata.deletion_timestamp]
    if own:
        return min(own)[2]
    disrupted = [error for pod, error in failed if _disruption(pod)]
    if disrupted:
        return disrupted[0]
    if not any(pod.metadata.deletion_timestamp for pod, _ in failed):
        return ""
    if job is None or job.metadata.deletion_timestamp:
        return DELETED
    causes = [one for one in job.status.conditions or () if one.holds and one.type in {"Failed", "FailureTarget"}]
    return _verdict(task, causes[0]) if causes else _POD_DELETED


def _error(task: Task, pod: Pod) -> str:
    """Return why a pod has failed; nothing for one that has not."""
    status, state = pod.status, container(pod)
    ended = state.terminated if state else None
    if status.phase == "Succeeded":
        return ""
    if disruption := _disruption(pod):
        return disruption
    if status.reason == "DeadlineExceeded":
        return _overdue(task)
    if ended is not None:
        return _ending(task, pod, ended)
    if pod.metadata.deletion_timestamp:
        return _POD_DELETED
    if status.phase == "Failed":  # its node has not even begun it
        return sentence(f"Its node has refused it ({status.reason or 'without a reason'})", status.message)
    return ""


def _disruption(pod: Pod) -> str:
    """Return what the cluster has done to a pod."""
    status = pod.status
    for condition in status.conditions or ():
        if condition.type == "DisruptionTarget" and condition.holds:
            words = _DISRUPTIONS.get(condition.reason or "", "Kubernetes has stopped it")
            return sentence(words, condition.message or status.message)
    if status.reason in _REASONS:
        return sentence(_REASONS[status.reason], status.message)
    return ""


def _ending(task: Task, pod: Pod, ended: Terminated) -> str:
    """Say how the container has ended, in the words for a program on any other engine; nothing if it ended well."""
    if ended.exit_code == 0:
        return ""
    if ended.reason == "OOMKilled":
        where = f" on node {index_of(pod)}" if task.nodes > 1 else ""
        if not task.memory_bytes:
            return f"Killed: there was no memory left{where}"
        return memory_words(task.memory_bytes, where)
    if ended.reason in _NOT_BEGUN:
        without_shell = '"/bin/sh"' in (ended.message or "")
        words = "The image cannot run a job, which begins with its /bin/sh" if without_shell else _NOT_STARTED
        return sentence(words, ended.message)
    note = _NOTE.fullmatch(ended.message or "")
    if note and note[2]:
        return f"The init-cmd failed: {task.init_command}: {status_words(int(note[3]))}"
    rank = int(note[1]) if note else index_of(pod) * task.processes_per_node
    words = status_words(int(note[3]) if note else ended.exit_code)
    return f"Rank {rank}: {words}" if task.ranks > 1 else words[0].upper() + words[1:]


def _verdict(task: Task, condition: Condition) -> str:
    """Say why the job counts as ended, where no pod is left that tells; nothing if it ended well."""
    if condition.type == "Complete":
        return ""
    if condition.reason == "DeadlineExceeded":
        return _overdue(task)
    if condition.reason == "BackoffLimitExceeded":
        return _POD_DELETED
    return sentence("Kubernetes has ended the job", condition.message or one_line(condition.reason or ""))


def _overdue(task: Task) -> str:
    return f"Stopped: ran longer than its walltime of {task.walltime_s} s"


def _ended_at(pod: Pod) -> str:
    state = container(pod)
    return (state.terminated.finished_at or "") if state and state.terminated else ""
