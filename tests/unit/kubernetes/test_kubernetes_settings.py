from __future__ import annotations

import msgspec
import pytest

from pollinator_magic.executors import kinds
from pollinator_magic.executors.kubernetes.settings import Gpu, KubernetesSettings, Toleration


def test_kubernetes_is_a_kind_of_engine():
    assert kinds.kind("kubernetes").settings is KubernetesSettings


def test_nothing_has_to_be_set():
    assert KubernetesSettings().start_patience_s < 60


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"namespace": "Jobs"}, "namespace: 'Jobs' is no name"),
        ({"claim": "a/b"}, "claim: 'a/b' is no name"),
        ({"image_pull_secrets": ["ok", "No"]}, "image-pull-secrets: 'No' is no name"),
        ({"labels": {"a b": "c"}}, "labels: 'a b' = 'c' cannot be a label"),
        ({"labels": {"a": "c d"}}, "labels: 'a' = 'c d' cannot be a label"),
        ({"annotations": {"a b": "c"}}, "annotations: 'a b'"),
        ({"node_selector": {"a": "-"}}, "node-selector"),
        ({"gpu_resource": "gpu"}, "gpu-resource: 'gpu' is not the name of a resource"),
        ({"gpus": {"x": Gpu(resource="gpu")}}, "gpus.x: 'gpu' is not"),
        ({"gpus": {"x": Gpu(node_selector={"a b": ""})}}, "gpus.x.node-selector"),
        ({"sub_path": "a"}, "there is no claim"),
        ({"sub_path": "../a", "claim": "c"}, "must be a path below"),
        ({"sub_path": "/a", "claim": "c"}, "must be a path below"),
        ({"cpu": "many"}, "cpu: 'many' is not an amount of CPU"),
        ({"memory": "4GB"}, "memory: '4GB' is not a memory size"),
        ({"query_s": 6.0}, "longest-query-s must not be less"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_before_anything_starts(words, problem):
    with pytest.raises(ValueError, match=problem.replace(".", r"\.")):
        KubernetesSettings(**words)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"value": "x"}, 'needs operator = "Exists"'),
        ({"key": "a b"}, "tolerations: 'a b' = '' cannot be a label"),
        ({"key": "a", "operator": "Exists", "value": "x"}, "'x' is not looked at"),
        ({"key": "a", "toleration_seconds": 5}, 'needs effect = "NoExecute"'),
    ],
)
def test_a_toleration_that_kubernetes_would_refuse_is_refused_too(words, problem):
    with pytest.raises(ValueError, match=problem):
        Toleration(**words)


def test_settings_are_written_as_in_a_toml_file():
    toleration = {"key": "a", "toleration-seconds": 5, "operator": "Exists", "effect": "NoExecute"}
    settings = msgspec.convert({"start-patience-s": 7, "tolerations": [toleration]}, KubernetesSettings)
    assert settings.start_patience_s == 7
    written = {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    assert settings.tolerations[0].manifest() == written
    assert Toleration(operator="Exists").manifest() == {"operator": "Exists"}


def test_amounts_are_read_once_for_all():
    settings = KubernetesSettings(cpu="1.5", memory="2Gi")
    assert (settings.cpu_millis, settings.memory_bytes) == (1500, 2 << 30)
    assert (KubernetesSettings().cpu_millis, KubernetesSettings().memory_bytes) == (None, None)
