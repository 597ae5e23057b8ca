"""What a site sets for containers: the table `[container]` of the executor's TOML file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, field

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors import amounts
from pollinator_magic.executors.imagenames import registry_name
from pollinator_magic.executors.kinds import Program, Settings

_OPTION = re.compile(r"(--[a-z][a-z0-9-]*)(=[^\n\r\0]*)?")
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
# What the engine says itself: another word for it would make jobs that are never found again, or that nobody can read.
_OURS = {
    *(
        "--name",
        "--label",
        "--label-file",
        "--entrypoint",
        "--detach",
        "--rm",
        "--restart",
        "--log-driver",
        "--log-opt",
    ),
    *("--hostname", "--stop-timeout", "--network", "--net", "--user", "--read-only", "--interactive", "--tty", "--pod"),
    *("--cidfile", "--detach-keys", "--replace", "--workdir", "--help", "--init", "--timeout", "--pull"),
}


class ContainerSettings(Settings, frozen=True):
    """What a site sets for containers."""

    runtime: Annotated[
        Program,
        Meta(description="What runs containers: podman, docker, the path of one, or auto for the one that is found."),
    ] = "auto"
    image: Annotated[str, Meta(description="The image of jobs that name none; empty to refuse them.")] = ""
    pull: Annotated[
        Literal["missing", "always", "never"],
        Meta(
            description="When images are fetched: if they are missing (or the job asks for it), for every job, never."
        ),
    ] = "missing"
    network: Annotated[
        str,
        Meta(
            description="The network of jobs: host, none, or the name of one; empty for the runtime's usual one, and "
            "for jobs of several ranks one of their own."
        ),
    ] = ""
    user: Annotated[
        str,
        Meta(
            description="The user that jobs run as, such as 1000:1000; image for the one that the image names; empty "
            "for the executor's own where containers could else write as root of this host."
        ),
    ] = ""
    read_only: Annotated[
        bool, Meta(description="Whether jobs see their image read-only, with /tmp and a home directory to write in.")
    ] = False
    limits: Annotated[
        bool, Meta(description="Whether processors and memory are limited. Not where containers cannot use cgroups.")
    ] = True
    volumes: Annotated[
        list[str], Meta(description='More directories that jobs see: ["/data", "/opt/models:/models:ro"].')
    ] = field(default_factory=list)
    options: Annotated[
        list[str],
        Meta(description='More options of podman create or docker create, each as one text: ["--shm-size=1g"].'),
    ] = field(default_factory=list)
    gpus: Annotated[
        list[str],
        Meta(
            description='This host\'s accelerators as gpu-option names them: ["nvidia.com/gpu=0", "nvidia.com/gpu=1"].'
        ),
    ] = field(default_factory=list)
    gpu_option: Annotated[
        Literal["--device", "--gpus"],
        Meta(description="How a container is given accelerators: --device for each, or docker's --gpus with all."),
    ] = "--device"
    gpu_name: Annotated[str, Meta(description="What kind of accelerators they are, as jobs name them.")] = ""
    cpu: amounts.Processors = ""
    memory: amounts.Memory = ""
    grace_s: amounts.GraceOfRanks = 5.0
    query_s: amounts.ShortestQuery = 1.0
    longest_query_s: amounts.LongestQuery = 5.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        amounts.check_amounts(cpu=self.cpu, memory=self.memory)
        amounts.check_queries(shortest_s=self.query_s, longest_s=self.longest_query_s)
        if self.image:
            try:
                registry_name(self.image)
            except PollinatorError as error:
                raise ValueError(f"image: {error}") from None
        for name, word, form in (("network", self.network, _NETWORK), ("user", self.user, _USER)):
            if word and not form.fullmatch(word):
                raise ValueError(f"{name}: {word!r} is none")
        for volume in self.volumes:
            _check_volume(volume)
        for option in self.options:
            _check_option(option)
        if any(not gpu or gpu.startswith("-") or any(char in gpu for char in "\0\n\r") for gpu in self.gpus):
            raise ValueError("gpus must be names of devices")

    @property
    def cpu_millis(self) -> int | None:
        """Thousandths of a processor for all jobs; None for all there are."""
        return amounts.millis(self.cpu)

    @property
    def memory_bytes(self) -> int | None:
        """The memory for all jobs; None for all there is."""
        return amounts.in_bytes(self.memory)


def _check_volume(volume: str) -> None:
    if not volume.startswith("/") or "\0" in volume or volume.split(":")[2:] not in ([], ["ro"]):
        raise ValueError(f"volumes: {volume!r} must look like /source, /source:/target or /source:/target:ro")


def _check_option(option: str) -> None:
    match = _OPTION.fullmatch(option)
    if match is None:
        raise ValueError(f'options: {option!r} is no option in one text, like "--shm-size=1g" or "--privileged"')
    if match[1] in _OURS:
        raise ValueError(f"options: {match[1]} is set by the executor itself")
