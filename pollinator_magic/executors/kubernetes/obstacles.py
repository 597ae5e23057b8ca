"""What keeps a job from starting, from what Kubernetes says of its pods. Pure functions.

None of this ever fails by itself: a job whose image does not exist waits for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.executors.kubernetes.states import container, has_begun, index_of
from pollinator_magic.executors.kubernetes.texts import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.executors.kubernetes.models import Event, Job, Pod, Waiting

_NEVER_FETCHED = {"InvalidImageName", "ErrImageNeverPull"}
_NOT_FETCHED = {
    *("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"),
    *_NEVER_FETCHED,
}
_NOT_MADE = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"}
_BEFORE_CONTAINERS = {
    "FailedMount": "The job's files cannot be mounted",
    "FailedAttachVolume": "The job's files cannot be mounted",
    "FailedMapVolume": "The job's files cannot be mounted",
    "FailedCreatePodSandBox": "Its node cannot begin the job",
}


@dataclass(frozen=True)
class Obstacle:
    """Something that keeps a job from starting."""

    kind: str
    """The same for as long as it is the same obstacle, whatever Kubernetes says of it meanwhile."""
    sentence: str
    """What it is, for the user."""
    lasting: bool = False
    """Whether it can never pass."""


def obstacle(nodes: int, job: Job, pods: Sequence[Pod], events: Sequence[Event]) -> Obstacle | None:
    """Return what keeps a job over so many nodes, or one of its pods, from starting; None if nothing is known to."""
    found = (_of_pod(pod, events) for pod in sorted(pods, key=index_of) if not has_begun(pod))
    known = next((one for one in found if one), None)
    if known or len(pods) >= nodes or job.spec.suspend:
        return known
    said = [event.message for event in events if event.reason == "FailedCreate"]
    what = "Kubernetes makes no pod for this job" if nodes == 1 else "Kubernetes does not make all pods of this job"
    return Obstacle("pod", sentence(what, said[-1])) if said else None


def _of_pod(pod: Pod, events: Sequence[Event]) -> Obstacle | None:
    state = container(pod)
    if state is not None and state.waiting is not None:
        blocked = _of_container(state.waiting)
        if blocked:
            return blocked
    conditions = {condition.type: condition for condition in pod.status.conditions or ()}
    scheduled = conditions.get("PodScheduled")
    if scheduled and not scheduled.holds:
        if scheduled.reason != "Unschedulable":
            return None
        return Obstacle("node", sentence("Kubernetes finds no node for this job", scheduled.message))
    ready = conditions.get("PodReadyToStartContainers")
    if ready and ready.holds:  # what went wrong before is over
        return None
    for event in reversed(events):
        if event.involved_object.uid == pod.metadata.uid and event.reason in _BEFORE_CONTAINERS:
            return Obstacle(event.reason or "", sentence(_BEFORE_CONTAINERS[event.reason or ""], event.message))
    return None


def _of_container(waiting: Waiting) -> Obstacle | None:
    reason = waiting.reason or ""
    if reason in _NOT_FETCHED:
        words = sentence("The image of this job cannot be fetched", waiting.message or reason)
        return Obstacle("image", words, lasting=reason in _NEVER_FETCHED)
    if reason in _NOT_MADE:
        return Obstacle("container", sentence("The container of this job cannot be made", waiting.message or reason))
    return None
