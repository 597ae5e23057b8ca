"""What a site sets for Kubernetes: the table `[kubernetes]` of the executor's TOML file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from pollinator_magic.executors import amounts
from pollinator_magic.executors.kinds import FilePath, Settings

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_NAME = re.compile(r"(?:[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class Toleration(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab", omit_defaults=True):
    """A taint of nodes that jobs may run on all the same."""

    key: Annotated[str, Meta(description="The key of the taint; empty for all, with the operator Exists.")] = ""
    operator: Annotated[Literal["", "Exists", "Equal"], Meta(description="Equal, unless it says Exists.")] = ""
    value: Annotated[str, Meta(description="The value that the taint must have.")] = ""
    effect: Annotated[
        Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"], Meta(description="The effect; empty for all.")
    ] = ""
    toleration_seconds: Annotated[
        int | None, Meta(description="For how long a taint of effect NoExecute is tolerated; for ever if not set.")
    ] = None

    def __post_init__(self) -> None:
        """Refuse what Kubernetes would refuse."""
        exists = self.operator == "Exists"
        if not self.key and not exists:
            raise ValueError('tolerations: one without a key is for all taints, and needs operator = "Exists"')
        if self.key:
            _check_labels("tolerations", {self.key: self.value})
        if exists and self.value:
            raise ValueError(f'tolerations: {self.value!r} is not looked at, because operator = "Exists"')
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError('tolerations: toleration-seconds needs effect = "NoExecute"')

    def tolerates(self, key: str, value: str, effect: str) -> bool:
        """Whether pods with it may run on a node with this taint."""
        if self.effect not in {"", effect} or self.key not in {"", key}:
            return False
        return self.operator == "Exists" or self.value == value

    def manifest(self) -> dict[str, object]:
        """Return it as Kubernetes writes it."""
        words: dict[str, object] = {"key": self.key, "operator": self.operator, "value": self.value}
        words |= {"effect": self.effect, "tolerationSeconds": self.toleration_seconds}
        return {name: value for name, value in words.items() if value not in {"", None}}


class Gpu(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A kind of accelerator that jobs can name."""

    resource: Annotated[str, Meta(description="The resource of nodes that have it.")] = "nvidia.com/gpu"
    node_selector: Annotated[dict[str, str], Meta(description="Labels of nodes that have this kind.")] = field(
        default_factory=dict
    )


class KubernetesSettings(Settings, frozen=True):
    """What a site sets for a cluster."""

    kubeconfig: Annotated[
        FilePath, Meta(description="The kubeconfig file; empty for the pod's own account, or else the usual file.")
    ] = ""
    context: Annotated[str, Meta(description="The context of the kubeconfig; empty for its current one.")] = ""
    namespace: Annotated[
        str, Meta(description="The namespace of the jobs; empty for the pod's own, or that of the context.")
    ] = ""
    claim: Annotated[
        str,
        Meta(
            description="The PersistentVolumeClaim that fs-dir of the executor lies on, which jobs see as /cfs; "
            "empty for jobs without files."
        ),
    ] = ""
    sub_path: Annotated[
        str, Meta(description="The directory of the claim that is fs-dir; empty if it is the claim's root.")
    ] = ""
    image: Annotated[str, Meta(description="The image of jobs that name none; empty to refuse them.")] = ""
    image_pull_secrets: Annotated[list[str], Meta(description="Secrets with which private images are fetched.")] = (
        field(default_factory=list)
    )
    user: Annotated[
        int, Meta(ge=0, description="The user id that jobs run as; 0 for the executor's own, or 1000 if that is root.")
    ] = 0
    group: Annotated[
        int, Meta(ge=0, description="The group id that jobs run as; 0 for the executor's own, or 1000 if that is root.")
    ] = 0
    fs_group: Annotated[
        int, Meta(ge=0, description="The group that Kubernetes shall make the claim's files belong to; 0 for none.")
    ] = 0
    node_selector: Annotated[dict[str, str], Meta(description="Labels that nodes of jobs must have.")] = field(
        default_factory=dict
    )
    tolerations: Annotated[
        list[Toleration],
        Meta(description='Taints of nodes that jobs may run on: [{key = "gpu", operator = "Exists"}].'),
    ] = field(default_factory=list)
    priority_class: Annotated[str, Meta(description="The priority class of the jobs' pods.")] = ""
    runtime_class: Annotated[str, Meta(description="The runtime class of the jobs' pods, such as nvidia.")] = ""
    service_account: Annotated[
        str, Meta(description="The account of the jobs' pods. They get no token of it whichever it is.")
    ] = ""
    labels: Annotated[dict[str, str], Meta(description="More labels of jobs and their pods.")] = field(
        default_factory=dict
    )
    annotations: Annotated[dict[str, str], Meta(description="More annotations of jobs and their pods.")] = field(
        default_factory=dict
    )
    gpu_resource: Annotated[
        str, Meta(description="What this cluster calls an accelerator, for jobs that name no kind of it.")
    ] = "nvidia.com/gpu"
    gpus: Annotated[
        dict[str, Gpu],
        Meta(description="The kinds of accelerators that jobs can name, each with its resource and node-selector."),
    ] = field(default_factory=dict)
    cpu: amounts.Processors = ""
    memory: amounts.Memory = ""
    start_patience_s: Annotated[
        int,
        Meta(
            ge=0,
            description="Seconds that a job may be unable to start (no node has room, its image cannot be fetched) "
            "before it fails; 0 to wait until its walltime is over.",
        ),
    ] = 45
    grace_s: Annotated[int, Meta(ge=1, description="Seconds that a job has to end when it is cancelled.")] = 5
    keep_s: Annotated[
        int,
        Meta(ge=600, description="Seconds after which Kubernetes removes an ended job that no executor has removed."),
    ] = 7 * 86_400
    query_s: amounts.ShortestQuery = 1.0
    longest_query_s: amounts.LongestQuery = 5.0

    def __post_init__(self) -> None:
        """Refuse names and amounts that Kubernetes would refuse."""
        for name, word, form in (
            ("namespace", self.namespace, _DNS_LABEL),
            ("claim", self.claim, _DNS_NAME),
            ("priority-class", self.priority_class, _DNS_NAME),
            ("runtime-class", self.runtime_class, _DNS_NAME),
            ("service-account", self.service_account, _DNS_NAME),
            *(("image-pull-secrets", secret, _DNS_NAME) for secret in self.image_pull_secrets),
        ):
            if word and not form.fullmatch(word):
                raise ValueError(f"{name}: {word!r} is no name in Kubernetes, which has small letters, digits, - and .")
        for name, table in (("labels", self.labels), ("node-selector", self.node_selector)):
            _check_labels(name, table)
        _check_labels("annotations", dict.fromkeys(self.annotations, ""))
        for kind, gpu in self.gpus.items():
            _check_labels(f"gpus.{kind}.node-selector", gpu.node_selector)
        resources = {
            "gpu-resource": self.gpu_resource,
            **{f"gpus.{kind}": one.resource for kind, one in self.gpus.items()},
        }
        for name, resource in resources.items():
            if "/" not in resource or not _LABEL_NAME.fullmatch(resource):
                raise ValueError(f"{name}: {resource!r} is not the name of a resource, such as nvidia.com/gpu")
        if self.sub_path.startswith("/") or ".." in self.sub_path.split("/"):
            raise ValueError(f"sub-path: {self.sub_path!r} must be a path below the claim's root, such as colony/files")
        amounts.check_queries(shortest_s=self.query_s, longest_s=self.longest_query_s)
        if self.sub_path and not self.claim:
            raise ValueError("sub-path: there is no claim that it could be in")
        amounts.check_amounts(cpu=self.cpu, memory=self.memory)

    @property
    def cpu_millis(self) -> int | None:
        """Thousandths of a processor for all jobs; None for those of the nodes."""
        return amounts.millis(self.cpu)

    @property
    def memory_bytes(self) -> int | None:
        """The memory for all jobs; None for that of the nodes."""
        return amounts.in_bytes(self.memory)


def _check_labels(name: str, table: dict[str, str]) -> None:
    for key, value in table.items():
        if not _LABEL_NAME.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise ValueError(f"{name}: {key!r} = {value!r} cannot be a label of Kubernetes")
