"""What the nodes of a partition have, as Slurm tells it."""

from __future__ import annotations

import platform
import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pollinator_magic.colonies.models import Capabilities, Gpu, Hardware, Software
from pollinator_magic.executors.amounts import MEBIBYTE

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.executors.slurm.commands import Slurm
    from pollinator_magic.executors.slurm.settings import SlurmSettings

SINFO_FIELDS = "%P|%N|%c|%m|%T|%G"
_GPU = re.compile(r"(?:^|,)gpu(?::([^:,(]+))?:(\d+)(?=[(,]|$)")  # a type may begin with a digit, or be one: gpu:4090:8
_AWAY = re.compile(r"down|drain|fail|maint|power|unk|reboot|future|no_respond|inval")


class NodeKind(NamedTuple):
    """What nodes that are the same have, each."""

    partition: str
    processors: int
    memory_mib: int
    gpu_name: str
    gpus: int


class Nodes(NamedTuple):
    """The nodes of some partitions."""

    default: str
    """The partition of jobs that name none; empty if there is none."""
    kinds: Counter[NodeKind]
    away: Counter[str]
    """How many nodes of each partition are out of service, and not among the others."""

    def of(self, partition: str) -> list[tuple[NodeKind, int]]:
        """Return the kinds of nodes of a partition, with how many there are; the default one's if it is empty."""
        name = partition or self.default
        return [(kind, count) for kind, count in self.kinds.items() if kind.partition == name]


def from_sinfo(text: str) -> Nodes:
    """Read the lines that sinfo prints for SINFO_FIELDS, one for each node and partition."""
    default, kinds, away = "", Counter[NodeKind](), Counter[str]()
    for line in text.splitlines():
        partition, _, processors, memory, state, gres = [*line.strip().split("|", 5), *[""] * 5][:6]
        if partition.endswith("*"):
            partition = default = partition[:-1]
        if not processors.rstrip("+").isdigit() or not memory.rstrip("+").isdigit():
            continue
        if _AWAY.search(state.lower()):
            away[partition] += 1
            continue
        match = _GPU.search(gres)
        name, count = (match[1] or "", int(match[2])) if match else ("", 0)
        kinds[NodeKind(partition, int(processors.rstrip("+")), int(memory.rstrip("+")), name, count)] += 1
    return Nodes(default, kinds, away)


def nodes(slurm: Slurm) -> Nodes:
    """Ask Slurm for all nodes; raise SlurmTrouble."""
    return from_sinfo(slurm.ask("sinfo", "-h", "-N", "-o", SINFO_FIELDS))


def capabilities(slurm: Slurm, settings: SlurmSettings, fs_dir: Path) -> Capabilities:
    """Return what a partition offers, one entry for each kind of node, with the most numerous first."""
    kinds = sorted(nodes(slurm).of(settings.partition), key=lambda item: -item[1])
    called = {known: given for given, known in settings.gpu_names.items() if known}
    storage = f"{shutil.disk_usage(existing(fs_dir)).total // MEBIBYTE}Mi"
    hardware = [
        Hardware(
            model=f"Slurm partition {kind.partition}",
            nodes=count,
            cpu=f"{kind.processors * 1000}m",
            cores=kind.processors,
            mem=f"{kind.memory_mib}Mi",
            storage=storage,
            gpu=Gpu(
                name=called.get(kind.gpu_name, kind.gpu_name),
                mem="0Mi",
                count=kind.gpus * count,
                nodecount=kind.gpus,
            )
            if settings.gpu_option != "none"
            else Gpu(mem="0Mi"),
            platform=platform.system().lower(),
            architecture=platform.machine(),
        )
        for kind, count in kinds
    ]
    version = slurm.ask("sinfo", "--version").strip().rpartition(" ")[2]
    return Capabilities(hardware=hardware, software=[Software(name="Slurm", type="slurm", version=version)])


def existing(directory: Path) -> Path:
    """Return the directory, or the nearest above it that is there."""
    return next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
