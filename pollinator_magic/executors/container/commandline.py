"""What podman and docker are told, as words for no shell to see. Pure functions.

Both understand all of it. Paths go into `--mount`, whose fields can be quoted; names and values of variables go into
files, because a command line is readable by everybody on the host (`exports`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.executors.exports import not_exportable
from pollinator_magic.executors.hostcommand import STANDARD_MOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.executors.container.settings import ContainerSettings
    from pollinator_magic.executors.engine import Task

EXECUTOR_LABEL = "pollinator.executor"
JOB_LABEL = "pollinator.job"
INIT = -1
"""The number of a container that is for the init-cmd alone."""
WITHOUT_ADDRESSES = frozenset({"host", "none"})
"""Networks in which containers have no address of their own."""
_STATE_DIRECTORY = ".executor"
_SMALLEST_MEMORY = 6 * 1024 * 1024  # docker accepts no less
_SAFETY_S = 60
# Users and permissions decide who may do what: for SELinux, the files of all jobs would have to be relabelled each
# time, which takes long and shuts others out.
_SECURITY = ("--security-opt", "no-new-privileges", "--security-opt", "label=disable")


@dataclass(frozen=True)
class Names:
    """What things of one attempt at a process are called; `executor` is short, and no other's on this host."""

    executor: str
    process_id: str
    attempt: str

    def container(self, number: int) -> str:
        """Return the name of a container."""
        return f"pollinator-{self.executor}-{self.process_id}-{self.attempt}-{word_of(number)}"

    @property
    def network(self) -> str:
        """The name of the network of the job's own."""
        return f"pollinator-{self.executor}-{self.attempt}"

    @property
    def image(self) -> str:
        """The name of the image with what the init-cmd has done."""
        return f"localhost/pollinator-{self.executor}:{self.attempt}"

    def host(self, node: int) -> str:
        """Return what a node calls itself."""
        return f"node{node}-{self.attempt}"


def word_of(number: int) -> str:
    """Return how a container is called among those of its job."""
    return "init" if number == INIT else str(number)


def executor_name(fs_dir: Path) -> str:
    """Return a short name of the executor that uses this directory."""
    return hashlib.sha256(str(fs_dir).encode()).hexdigest()[:8]


def process_of(container: str, executor: str) -> str:
    """Return the process that a container of this executor belongs to, by its name; empty for somebody else's."""
    start = f"pollinator-{executor}-"
    return container[len(start) :].rsplit("-", 2)[0] if container.startswith(start) and container.count("-") > 3 else ""


@dataclass(frozen=True)
class Place:
    """Where things of the host are that containers see."""

    fs_dir: Path
    job: Path
    """What all containers of a job read."""
    exports: Path
    """The file that the init-cmd leaves what it has set in."""
    nothing: Path
    """An empty directory."""
    home: Path | None
    """The home directory, where it is not the image's."""


@dataclass(frozen=True)
class Rank:
    """One container of a job."""

    number: int
    """That of the rank, or `INIT`."""
    log: Path
    end: Path
    """The files that it writes."""
    node: int = 0


def create_words(
    task: Task,
    settings: ContainerSettings,
    names: Names,
    place: Place,
    rank: Rank,
    *,
    image: str,
    network: str = "",
    user: str = "",
    devices: Sequence[str] = (),
    cores: int,
) -> list[str]:
    """Return the words that make a container, without starting it. `cores` is what the host has."""
    words = ["create", "--name", names.container(rank.number)]
    words += ["--label", f"{EXECUTOR_LABEL}={names.executor}", "--label", job_label(names.executor, names.process_id)]
    words += ["--entrypoint", "/bin/sh", "--log-driver", "none", "--stop-timeout", "0", *_SECURITY]
    words += ["--hostname", names.host(rank.node)]
    words += ["--network", network] if network else []
    if network in WITHOUT_ADDRESSES:  # whose names nobody else would know
        words += [word for node in range(task.nodes) for word in ("--add-host", f"{names.host(node)}:127.0.0.1")]
    words += ["--user", user] if user else []
    words += ["--read-only", "--tmpfs", "/tmp"] if settings.read_only else []  # noqa: S108  in the container
    words += _limits(task, settings, cores)
    words += _gpus(settings, devices)
    words += _mounts(task, settings, place, rank)
    words += ["--env", "HOME=/.pollinator-home"] if place.home else []
    for name in _only_for_programs(task.env):
        words += ["--env", f"{name}={task.env[name]}"]
    limit_s = task.walltime_s + _SAFETY_S if task.walltime_s else 0
    return [*words, *settings.options, image, "/.pollinator/start.sh", word_of(rank.number), str(limit_s)]


def left_out(env: Mapping[str, str]) -> list[str]:
    """Return the names of variables that no process can have."""
    return [name for name, value in env.items() if not name or "=" in name or "\0" in name + value]


def job_label(executor: str, process_id: str) -> str:
    """Return the label that all containers of a process have."""
    return f"{JOB_LABEL}={executor}-{process_id}"


def list_words(label: str) -> list[str]:
    """Return the words that list the containers with this label, for `standings`."""
    return ["ps", "--all", "--no-trunc", "--filter", f"label={label}", "--format", "{{.Names}}\t{{.Status}}"]


def qualified(image: str) -> str:
    """Return the full name of an image: podman knows no registry by itself, and docker's is what everybody means."""
    host, slash, _ = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def _limits(task: Task, settings: ContainerSettings, cores: int) -> list[str]:
    """Each rank is a container, so a node's memory is divided among its ranks."""
    if not settings.limits:
        return []
    words = ["--cpus", f"{min(task.cpu_millis / 1000, cores):g}"]
    if task.memory_bytes:
        memory = str(max(task.memory_bytes // task.processes_per_node, _SMALLEST_MEMORY))
        words += ["--memory", memory, "--memory-swap", memory]
    return words


def _gpus(settings: ContainerSettings, devices: Sequence[str]) -> list[str]:
    if not devices:
        return []
    if settings.gpu_option == "--gpus":
        return ["--gpus", _fields(f"device={','.join(devices)}")]
    return [word for device in devices for word in ("--device", device)]


def _mounts(task: Task, settings: ContainerSettings, place: Place, rank: Rank) -> list[str]:
    """Return what a job sees of the host: the files of jobs, but not what the executor keeps beside them."""
    words = []
    for target in sorted({task.mount, STANDARD_MOUNT}):
        words += _bind(str(place.fs_dir), target)
        words += _bind(str(place.nothing), f"{target.rstrip('/')}/{_STATE_DIRECTORY}", read_only=True)
    words += _bind(str(place.job), "/.pollinator", read_only=True)
    words += _bind(str(rank.log), "/.pollinator-log")
    words += _bind(str(rank.end), "/.pollinator-end")
    words += _bind(str(place.exports), "/.pollinator-exports")
    words += _bind(str(place.home), "/.pollinator-home") if place.home else []
    for volume in settings.volumes:
        source, _, rest = volume.partition(":")
        target, _, mode = rest.partition(":")
        words += _bind(source, target or source, read_only=mode == "ro")
    return words


def _bind(source: str, target: str, *, read_only: bool = False) -> list[str]:
    fields = ["type=bind", f"source={source}", f"target={target}"]
    return ["--mount", _fields(*fields, *(["readonly"] if read_only else []))]


def _fields(*fields: str) -> str:
    """Join fields with commas; those that hold one are quoted."""
    return ",".join(
        '"' + field.replace('"', '""') + '"' if any(char in field for char in ',"\r\n') else field for field in fields
    )


def _only_for_programs(env: Mapping[str, str]) -> Iterable[str]:
    """Return the names of variables that shells cannot set, but programs may have."""
    return [name for name in not_exportable(env) if name not in left_out(env)]
