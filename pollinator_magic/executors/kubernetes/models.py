"""What is read of the objects that Kubernetes gives: everything may be absent, and what is not named is passed over.

Written by hand, because the official client's classes differ between its versions: some are filled from dictionaries,
others check every field of every reply against one version of the API.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from pollinator_magic.colonies.models import prepare_reading


class _Read(msgspec.Struct, rename="camel", frozen=True):
    """Something that is only read."""


class Owner(_Read, frozen=True):
    """To whom an object belongs."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class Metadata(_Read, frozen=True):
    """What every object has."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None


class Condition(_Read, frozen=True):
    """One thing that holds of an object, or does not."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.status == "True"


class Waiting(_Read, frozen=True):
    """Why a container does not run yet."""

    reason: str | None = None
    message: str | None = None


class Begun(_Read, frozen=True):
    """Since when a container runs."""

    started_at: str | None = None


class Terminated(_Read, frozen=True):
    """How a container has ended."""

    exit_code: int = 0
    signal: int | None = None
    reason: str | None = None
    message: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(_Read, frozen=True):
    """One of the three."""

    waiting: Waiting | None = None
    running: Begun | None = None
    terminated: Terminated | None = None


class ContainerStatus(_Read, frozen=True):
    """How a container of a pod stands."""

    name: str = ""
    state: ContainerState = ContainerState()


class PodSpec(_Read, frozen=True):
    """What is read of what a pod was asked to be."""

    node_name: str | None = None


class PodStatus(_Read, frozen=True):
    """How a pod stands."""

    phase: str = ""
    reason: str | None = None
    message: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(_Read, frozen=True):
    """A pod."""

    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class JobStatus(_Read, frozen=True):
    """How a job stands."""

    conditions: list[Condition] | None = None


class JobSpec(_Read, frozen=True):
    """What is read of what a job was asked to be."""

    suspend: bool | None = None


class Job(_Read, frozen=True):
    """A job."""

    metadata: Metadata = Metadata()
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class About(_Read, frozen=True):
    """The object that an event is about."""

    uid: str = ""


class Event(_Read, frozen=True):
    """Something that has happened to an object."""

    involved_object: About = About()
    type: str | None = None
    reason: str | None = None
    message: str | None = None


class Taint(_Read, frozen=True):
    """What keeps pods from a node that do not tolerate it."""

    key: str = ""
    value: str | None = None
    effect: str = ""


class NodeSpec(_Read, frozen=True):
    """What is read of what a node shall be."""

    unschedulable: bool | None = None
    taints: list[Taint] | None = None


class NodeInfo(_Read, frozen=True):
    """What a node says of itself."""

    architecture: str = ""
    operating_system: str = ""
    kubelet_version: str = ""


class NodeStatus(_Read, frozen=True):
    """What a node has."""

    allocatable: dict[str, str] | None = None
    conditions: list[Condition] | None = None
    node_info: NodeInfo = NodeInfo()


class Node(_Read, frozen=True):
    """A node of the cluster."""

    metadata: Metadata = Metadata()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ClaimSpec(_Read, frozen=True):
    """What a claim was asked to be."""

    access_modes: list[str] | None = None


class ClaimStatus(_Read, frozen=True):
    """How a claim stands."""

    phase: str = ""


class Claim(_Read, frozen=True):
    """A claim of a volume."""

    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()


class Verdict(_Read, frozen=True):
    """Whether an access is allowed."""

    allowed: bool = False


class Review(_Read, frozen=True):
    """An access that was asked about."""

    status: Verdict = Verdict()


class Version(_Read, frozen=True):
    """What the API server says of itself."""

    git_version: str = ""


class Refusal(_Read, frozen=True):
    """What Kubernetes answers where it does not do what it was asked for."""

    message: str | None = None
    reason: str | None = None


class _Page(_Read, frozen=True):
    """Where a list goes on."""

    continue_: str | None = msgspec.field(name="continue", default=None)


class JobList(_Read, frozen=True):
    """Some jobs."""

    items: list[Job] | None = None
    metadata: _Page = _Page()


class PodList(_Read, frozen=True):
    """Some pods."""

    items: list[Pod] | None = None
    metadata: _Page = _Page()


class EventList(_Read, frozen=True):
    """Some events."""

    items: list[Event] | None = None
    metadata: _Page = _Page()


class NodeList(_Read, frozen=True):
    """Some nodes."""

    items: list[Node] | None = None
    metadata: _Page = _Page()


T = TypeVar("T", bound=_Read)

prepare_reading(*_Read.__subclasses__())
