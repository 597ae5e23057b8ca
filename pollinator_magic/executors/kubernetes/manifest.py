"""From a task and a site's settings to what Kubernetes shall run, as dictionaries of its API. Pure functions.

Every rank of a node is a process of one container, which a small script starts, and not a container of its own: memory
and accelerators are asked for by the node and shared by its ranks, what the init-cmd has done is there for all of
them, one log has their lines in order, and the pod ends when its ranks do.

What a task says never becomes part of a text: commands are arguments, variables are values. In both Kubernetes
replaces `$(NAME)` and halves `$$`, so that every `$` is doubled.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.amounts import MEBIBYTE
from pollinator_magic.executors.hostcommand import STANDARD_MOUNT, rank_variables
from pollinator_magic.executors.imagenames import registry_name
from pollinator_magic.executors.sessions import MARK
from pollinator_magic.executors.specs import STATE_DIRECTORY
from pollinator_magic.project.naming import is_encodable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.kubernetes.settings import KubernetesSettings

INSTANCE_LABEL = "pollinator-magic/instance"
"""Whose jobs these are: an id of the executor's directory."""
JOB_LABEL = "pollinator-magic/job"
PROCESS_ANNOTATION = "pollinator-magic/process"
"""The id of the process, whole; a label has only 63 characters."""
ATTEMPT_LABEL = "pollinator-magic/attempt"
"""Random, so that a job whose creation was never answered can be told from one of an earlier attempt, and its pods from
those of that one, which may not be gone yet."""
CONTAINER = "job"
SHARED_DIRECTORY = ".init"
"""Below the jobs' files: what the init-cmd of a job with several pods leaves for all of them."""

_OWN = "/pollinator"
_LAST_NOTE = "/dev/termination-log"
_RENDEZVOUS_PORT = 29500
_NAMEABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_OURS = {"JOB_COMPLETION_INDEX"}  # Kubernetes sets it only where nobody else has
_BY_RANK = {"SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "PMI_RANK", "RANK", "LOCAL_RANK"} | {
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_LOCAL_RANK",
}
_LONG_AFTER_S = 3600


class TaskRefused(PollinatorError):
    """A task that cannot run on this cluster; the message says why."""


@dataclass(frozen=True)
class Identity:
    """Who a job runs as."""

    user: int
    group: int


@dataclass(frozen=True)
class Place:
    """Where and in whose name jobs are made."""

    namespace: str
    instance: str
    identity: Identity


def job_name(process_id: str) -> str:
    """Return the name of a process's job: a DNS label that leaves room for what Kubernetes appends for its pods."""
    return f"pollinator-{_short(process_id, 32)}"


def attempt_name(process_id: str, attempt: str) -> str:
    """Return the name of what belongs to one attempt of a process and may outlive its job for a while."""
    return f"{job_name(process_id)}-{attempt[:8]}"


def left_out(env: Mapping[str, str]) -> list[str]:
    """Return the names of variables that no container can have."""
    return [name for name in env if not _is_nameable(name)]


def job(task: Task, settings: KubernetesSettings, place: Place, attempt: str) -> dict[str, Any]:
    """Return the Job; raise TaskRefused for a task that can be none."""
    name = job_name(task.process_id)
    labels = {
        **settings.labels,
        "app.kubernetes.io/managed-by": "pollinator-magic",
        INSTANCE_LABEL: place.instance,
        JOB_LABEL: name,
        ATTEMPT_LABEL: attempt,
    }
    annotations = {**settings.annotations, PROCESS_ANNOTATION: task.process_id}
    spec: dict[str, Any] = {
        "completions": task.nodes,
        "parallelism": task.nodes,
        "completionMode": "Indexed" if task.nodes > 1 else "NonIndexed",
        "backoffLimit": 0,
        "ttlSecondsAfterFinished": settings.keep_s,
        "template": {
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": _pod(task, settings, place.identity, attempt),
        },
    }
    if task.walltime_s:  # this one deletes the pods with their log: it is for when nobody looks after the job
        spec["activeDeadlineSeconds"] = task.walltime_s + _LONG_AFTER_S
    metadata = {"name": name, "namespace": place.namespace, "labels": labels, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def service(task: Task, place: Place, job_uid: str, attempt: str) -> dict[str, Any]:
    """Return the headless Service by which the pods of a job find each other; it goes some time after the job goes."""
    job = job_name(task.process_id)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": job_uid}
    labels = {"app.kubernetes.io/managed-by": "pollinator-magic", INSTANCE_LABEL: place.instance, JOB_LABEL: job}
    name = attempt_name(task.process_id, attempt)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": place.namespace, "labels": labels, "ownerReferences": [owner]},
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {ATTEMPT_LABEL: attempt}},
    }


def shared_directory(task: Task, attempt: str) -> PurePosixPath | None:
    """Return where, below the jobs' files, the pods share what the init-cmd has done; None if there is no need."""
    if task.nodes == 1 or not task.init_command:
        return None
    return PurePosixPath(SHARED_DIRECTORY, attempt_name(task.process_id, attempt))


def _pod(task: Task, settings: KubernetesSettings, identity: Identity, attempt: str) -> dict[str, Any]:
    accelerator = _accelerator(task, settings)
    security: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": identity.user,
        "runAsGroup": identity.group,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if settings.fs_group:
        security |= {"fsGroup": settings.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": settings.grace_s,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security,
        "containers": [_container(task, settings, attempt)],
        "volumes": [
            {"name": "files", **_files(settings)},
            {"name": "own", "emptyDir": {}},
            {"name": "hidden", "emptyDir": {"sizeLimit": "1Mi"}},
            {"name": "memory", "emptyDir": {"medium": "Memory"}},
        ],
    }
    if task.walltime_s:
        pod["activeDeadlineSeconds"] = task.walltime_s
    if task.nodes > 1:
        pod |= _together(task, attempt)
    selector = {**settings.node_selector, **(accelerator[1] if accelerator else {})}
    optional: dict[str, Any] = {
        "nodeSelector": selector,
        "tolerations": [toleration.manifest() for toleration in settings.tolerations],
        "priorityClassName": settings.priority_class,
        "runtimeClassName": settings.runtime_class,
        "serviceAccountName": settings.service_account,
        "imagePullSecrets": [{"name": secret} for secret in settings.image_pull_secrets],
    }
    return {**pod, **{key: value for key, value in optional.items() if value}}


def _container(task: Task, settings: KubernetesSettings, attempt: str) -> dict[str, Any]:
    line = " ".join([task.command, *map(shlex.quote, task.args)])
    shared = shared_directory(task, attempt)
    if shared and not settings.claim:
        raise TaskRefused("Over several nodes an init-cmd needs files that they share, and this executor has no claim.")
    arguments = [
        *(line, task.init_command, str(task.nodes), str(task.processes_per_node), str(settings.grace_s), _OWN),
        str(PurePosixPath(STANDARD_MOUNT) / shared) if shared else f"{_OWN}/init",
        _LAST_NOTE,
    ]
    container = {
        "name": CONTAINER,
        "image": _image(task, settings),
        "command": ["/bin/sh", "-c", _literal(_script()), "start"],
        "args": list(map(_literal, arguments)),
        "env": [{"name": name, "value": _literal(value)} for name, value in _variables(task, attempt).items()],
        "resources": _resources(task, settings),
        "volumeMounts": list(_mounts(task, settings)),
        "terminationMessagePath": _LAST_NOTE,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if task.rebuild_image:
        container["imagePullPolicy"] = "Always"
    texts = [*arguments, *task.env.values()]
    if not all(map(is_encodable, texts)):
        raise TaskRefused("The command or a variable of this job holds a character that is none of Unicode.")
    return container


def _together(task: Task, attempt: str) -> dict[str, Any]:
    """Return what pods of one job need to find each other, on as many nodes as there are."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {ATTEMPT_LABEL: attempt}},
    }
    return {"subdomain": attempt_name(task.process_id, attempt), "topologySpreadConstraints": [spread]}


def _variables(task: Task, attempt: str) -> dict[str, str]:
    """Return the variables that all ranks share; the script adds those that tell them apart."""
    ranks = rank_variables(task, 0, _RENDEZVOUS_PORT)
    if task.nodes > 1:
        first_pod = f"{job_name(task.process_id)}-0"
        ranks["MASTER_ADDR"] = f"{first_pod}.{attempt_name(task.process_id, attempt)}"
    # Many images have no home directory that a user without a name may write to.
    common = {"HOME": f"{_OWN}/home", "PYTHONUNBUFFERED": "1"}
    own = {name: value for name, value in task.env.items() if _is_nameable(name)}
    shared = {name: value for name, value in ranks.items() if name not in _BY_RANK}
    return {**common, **own, **shared, MARK: task.process_id}


def _resources(task: Task, settings: KubernetesSettings) -> dict[str, dict[str, str]]:
    amounts = {"cpu": f"{task.cpu_millis * task.processes_per_node}m"}
    if task.memory_bytes:
        whole, rest = divmod(task.memory_bytes, MEBIBYTE)
        amounts["memory"] = str(task.memory_bytes) if rest else f"{whole}Mi"
    accelerator = _accelerator(task, settings)
    if accelerator:
        amounts[accelerator[0]] = str(task.gpus)
    return {"requests": dict(amounts), "limits": dict(amounts)}


def _accelerator(task: Task, settings: KubernetesSettings) -> tuple[str, dict[str, str]] | None:
    """Return the resource, and the labels of nodes that have it."""
    if not task.gpus:
        return None
    if not task.gpu_name or not settings.gpus:
        return settings.gpu_resource, {}
    kind = settings.gpus.get(task.gpu_name)
    if kind is None:
        known = ", ".join(sorted(settings.gpus))
        raise TaskRefused(f"There is no accelerator {task.gpu_name!r} here, only {known}. Ask for one of them.")
    return kind.resource, kind.node_selector


def _image(task: Task, settings: KubernetesSettings) -> str:
    image = task.image or settings.image
    if not image:
        raise TaskRefused("This executor runs jobs in images, and the job names none. Name one with --image.")
    return registry_name(image)


def _files(settings: KubernetesSettings) -> dict[str, Any]:
    if settings.claim:
        return {"persistentVolumeClaim": {"claimName": settings.claim}}
    return {"emptyDir": {}}


def _mounts(task: Task, settings: KubernetesSettings) -> Iterator[dict[str, Any]]:
    """Yield what is seen where: the files, without what the executor keeps beside them (its key, for one)."""
    below = {"subPath": settings.sub_path} if settings.sub_path else {}
    for place in dict.fromkeys((PurePosixPath(STANDARD_MOUNT), PurePosixPath(task.mount))):
        if ":" in str(place) or not is_encodable(str(place)):
            raise TaskRefused(f"Kubernetes mounts nothing at {str(place)!r}. Mount the job's files elsewhere.")
        yield {"name": "files", "mountPath": str(place), **below}
        yield {"name": "hidden", "mountPath": str(place / STATE_DIRECTORY), "readOnly": True}
    yield {"name": "own", "mountPath": _OWN}
    yield {"name": "memory", "mountPath": "/dev/shm"}  # noqa: S108  what ranks of one node share; 64 MiB else


def _literal(text: str) -> str:
    """Return what Kubernetes makes this text of."""
    return text.replace("$", "$$")


def _is_nameable(name: str) -> bool:
    return bool(_NAMEABLE.fullmatch(name)) and name not in {".", ".."} | _OURS and not name.startswith("..")


def _short(process_id: str, length: int) -> str:
    """Return the beginning of an id of 64 hexadecimal digits; of anything else something like it."""
    if not re.fullmatch(r"[0-9a-f]{64}", process_id):
        process_id = hashlib.sha256(process_id.encode()).hexdigest()
    return process_id[:length]


@cache
def _script() -> str:
    return files(__package__).joinpath("start.sh").read_text(encoding="utf-8")
