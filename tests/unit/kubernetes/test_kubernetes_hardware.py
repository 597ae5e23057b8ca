from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from pollinator_magic.executors.engine import Capacity
from pollinator_magic.executors.kubernetes import models
from pollinator_magic.executors.kubernetes.hardware import capacity, describe, quantity
from pollinator_magic.executors.kubernetes.settings import Gpu, KubernetesSettings


def node(*, ready="True", unschedulable=None, labels=None, **allocatable):
    return msgspec.convert(
        {
            "metadata": {"labels": labels},
            "spec": {"unschedulable": unschedulable},
            "status": {
                "allocatable": {"cpu": "8", "memory": "16Gi", **allocatable},
                "conditions": [{"type": "Ready", "status": ready}],
                "nodeInfo": {"architecture": "amd64", "kubeletVersion": "v1.36.2"},
            },
        },
        models.Node,
    )


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("8", 8), ("7910m", "7.91"), ("1.5", "1.5"), ("16386092Ki", 16386092 * 1024), ("2Gi", 2 << 30)),
        *(("1k", 1000), ("1M", 10**6), ("1E", 10**18), ("1Ei", 1 << 60)),
        *(("", 0), ("many", 0), ("-1", 0), ("1e3", 0), ("1K", 0)),
    ],
)
def test_amounts_are_read_as_kubernetes_writes_them(text, amount):
    assert quantity(text) == Decimal(amount)


def test_the_capacity_is_that_of_all_nodes_that_take_pods():
    nodes = [node(), node(cpu="3920m"), node(ready="False"), node(ready="Unknown"), node(unschedulable=True)]
    assert capacity(nodes) == Capacity(11_920, 32 << 30)


def test_without_a_known_node_there_is_no_limit():
    assert capacity([]) == Capacity()
    assert capacity([node(ready="False")]) == Capacity()


def test_nodes_of_one_kind_are_one_entry():
    gpu = {"nvidia.com/gpu": "4"}
    nodes = [node(), node(), node(labels={"gpu": "a100"}, **gpu), node(labels={"gpu": "other"}, **gpu)]
    settings = KubernetesSettings(gpus={"a100": Gpu(node_selector={"gpu": "a100"})})
    told = describe(nodes, settings)
    kinds = {(one.nodes, one.cpu, one.mem, one.gpu.name, one.gpu.count) for one in told.hardware}
    assert kinds == {(2, "8000m", "16384Mi", "", 0), (1, "8000m", "16384Mi", "a100", 4), (1, "8000m", "16384Mi", "", 4)}
    assert (told.software[0].name, told.software[0].version) == ("Kubernetes", "v1.36.2")


def test_what_was_set_is_told_where_nodes_may_not_be_listed():
    told = describe([], KubernetesSettings(cpu="64", memory="256Gi"))
    assert (told.hardware[0].cpu, told.hardware[0].mem) == ("64000m", "262144Mi")
