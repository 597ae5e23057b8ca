from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from pollinator_magic.executors.engine import Capacity
from pollinator_magic.executors.kubernetes import models
from pollinator_magic.executors.kubernetes.hardware import capacity, describe, quantity, usable
from pollinator_magic.executors.kubernetes.settings import Gpu, KubernetesSettings, Toleration

ANY = KubernetesSettings()


def node(*, ready="True", unschedulable=None, labels=None, taints=(), system="linux", **allocatable):
    return msgspec.convert(
        {
            "metadata": {"labels": labels},
            "spec": {"unschedulable": unschedulable, "taints": list(taints)},
            "status": {
                "allocatable": {"cpu": "8", "memory": "16Gi", **allocatable},
                "conditions": [{"type": "Ready", "status": ready}],
                "nodeInfo": {"architecture": "amd64", "operatingSystem": system, "kubeletVersion": "v1.36.2"},
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
    assert capacity(usable(nodes, ANY)) == Capacity(11_920, 32 << 30)


def taint(key, effect="NoSchedule", **more):
    return {"key": key, "effect": effect, **more}


CONTROL_PLANE = taint("node-role.kubernetes.io/control-plane")
SPECIAL = taint("pool", value="special")


@pytest.mark.parametrize(
    ("one", "tolerations", "takes"),
    [
        (node(), [], True),
        (node(taints=[CONTROL_PLANE]), [], False),
        (node(taints=[taint("x", "PreferNoSchedule")]), [], True),
        (node(taints=[taint("x", "NoExecute")]), [], False),
        (node(taints=[SPECIAL]), [Toleration(key="pool", value="special")], True),
        (node(taints=[SPECIAL]), [Toleration(key="pool", value="other")], False),
        (node(taints=[SPECIAL]), [Toleration(key="pool", operator="Exists", effect="NoSchedule")], True),
        (node(taints=[SPECIAL]), [Toleration(key="pool", operator="Exists", effect="NoExecute")], False),
        (node(taints=[SPECIAL, CONTROL_PLANE]), [Toleration(key="pool", value="special")], False),
        (node(taints=[SPECIAL, CONTROL_PLANE]), [Toleration(operator="Exists")], True),
        (node(taints=[taint("nvidia.com/gpu", value="present")]), [], True),
        (node(system="windows"), [], False),
    ],
)
def test_a_node_that_takes_no_jobs_is_not_counted(one, tolerations, takes):
    assert usable([one], KubernetesSettings(tolerations=tolerations)) == [one][:takes]


def test_only_nodes_that_jobs_select_are_counted():
    mine = node(labels={"pool": "batch", "zone": "a"})
    nodes = [node(), node(labels={"pool": "web"}), mine]
    assert usable(nodes, KubernetesSettings(node_selector={"pool": "batch"})) == [mine]


def test_without_a_known_node_there_is_no_limit():
    assert capacity([]) == Capacity()
    assert capacity(usable([node(ready="False")], ANY)) == Capacity()


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
