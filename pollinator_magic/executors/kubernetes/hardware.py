"""What the nodes of a cluster have, as a colony is told of it. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Capabilities, Gpu, Hardware, Software
from pollinator_magic.executors.amounts import MEBIBYTE
from pollinator_magic.executors.engine import Capacity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.executors.kubernetes.models import Node, Taint
    from pollinator_magic.executors.kubernetes.settings import KubernetesSettings

_QUANTITY = re.compile(r"(\d{1,30}(?:\.\d{1,30})?)(m|[kMGTPE]|[KMGTPE]i)?")
_UNITS = {"m": Decimal("0.001"), "": Decimal(1)} | {
    f"{letter}{suffix}": Decimal(base) ** power
    for suffix, base in (("", 1000), ("i", 1024))
    for power, letter in enumerate("KMGTPE", 1)
}
_UNITS["k"] = Decimal(1000)


def quantity(text: str) -> Decimal:
    """Return what an amount of Kubernetes is in whole units (cores, bytes, pieces); 0 for what is none."""
    match = _QUANTITY.fullmatch(text)
    return Decimal(match[1]) * _UNITS[match[2] or ""] if match else Decimal(0)


def usable(nodes: Sequence[Node], settings: KubernetesSettings) -> list[Node]:
    """Return the nodes that jobs of these settings may run on."""
    return [node for node in nodes if _is_ready(node) and _takes_jobs(node, settings)]


def capacity(nodes: Sequence[Node]) -> Capacity:
    """Return what (usable) nodes have together; no limit if none is known."""
    if not nodes:
        return Capacity()
    return Capacity(sum(map(_cpu_millis, nodes)), sum(map(_memory_bytes, nodes)))


def describe(nodes: Sequence[Node], settings: KubernetesSettings) -> Capabilities:
    """Return the hardware, an entry for each kind of (usable) node; what was set where no node is known."""
    kinds = Counter(_kind(node, settings) for node in nodes)
    hardware = [
        Hardware(
            model=architecture,
            nodes=count,
            cpu=f"{cpu_millis}m",
            cores=cpu_millis // 1000,
            mem=f"{memory_mebibytes}Mi",
            gpu=Gpu(name=gpu, count=gpus, nodecount=gpus, mem="0Mi"),
            platform="linux",
            architecture=architecture,
        )
        for (cpu_millis, memory_mebibytes, gpu, gpus, architecture), count in sorted(kinds.items())
    ]
    if not hardware:
        cpu, memory = settings.cpu_millis or 0, (settings.memory_bytes or 0) // MEBIBYTE
        hardware = [Hardware(nodes=1, cpu=f"{cpu}m", cores=cpu // 1000, mem=f"{memory}Mi", gpu=Gpu(mem="0Mi"))]
    versions = {node.status.node_info.kubelet_version for node in nodes} - {""}
    version = ", ".join(sorted(versions))
    return Capabilities(hardware=hardware, software=[Software(name="Kubernetes", type="kubernetes", version=version)])


def _kind(node: Node, settings: KubernetesSettings) -> tuple[int, int, str, int, str]:
    name, count = _accelerators(node, settings)
    architecture = node.status.node_info.architecture
    return _cpu_millis(node), _memory_bytes(node) // MEBIBYTE, name, count, architecture


def _accelerators(node: Node, settings: KubernetesSettings) -> tuple[str, int]:
    """Return what jobs call the accelerators of a node, and how many it has."""
    has, labels = node.status.allocatable or {}, node.metadata.labels or {}
    kinds = [(name, gpu.resource, gpu.node_selector) for name, gpu in settings.gpus.items()]
    for name, resource, selector in [*kinds, ("", settings.gpu_resource, {})]:
        count = int(quantity(has.get(resource, "")))
        if count and selector.items() <= labels.items():
            return name, count
    return "", 0


def _is_ready(node: Node) -> bool:
    ready = any(one.type == "Ready" and one.holds for one in node.status.conditions or ())
    return ready and not node.spec.unschedulable


def _takes_jobs(node: Node, settings: KubernetesSettings) -> bool:
    """Whether it has the labels that jobs ask for, runs what their images hold, and no taint keeps them away."""
    if not settings.node_selector.items() <= (node.metadata.labels or {}).items():
        return False
    if node.status.node_info.operating_system not in {"", "linux"}:
        return False
    return all(_is_tolerated(taint, settings) for taint in node.spec.taints or ())


def _is_tolerated(taint: Taint, settings: KubernetesSettings) -> bool:
    if taint.effect == "PreferNoSchedule":
        return True
    if taint.key in {settings.gpu_resource, *(gpu.resource for gpu in settings.gpus.values())}:
        return True  # many clusters let those in by themselves who ask for such an accelerator
    return any(one.tolerates(taint.key, taint.value or "", taint.effect) for one in settings.tolerations)


def _cpu_millis(node: Node) -> int:
    return int(quantity((node.status.allocatable or {}).get("cpu", "")) * 1000)


def _memory_bytes(node: Node) -> int:
    return int(quantity((node.status.allocatable or {}).get("memory", "")))
