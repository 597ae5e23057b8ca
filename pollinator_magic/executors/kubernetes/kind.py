"""Kubernetes as a kind of engine."""

from __future__ import annotations

from pollinator_magic.executors.kinds import EngineKind
from pollinator_magic.executors.kubernetes.checks import check
from pollinator_magic.executors.kubernetes.engine import KubernetesEngine
from pollinator_magic.executors.kubernetes.settings import KubernetesSettings

KIND = EngineKind(
    name="kubernetes",
    summary="Jobs run as pods of a Kubernetes cluster, and outlive the executor.",
    settings=KubernetesSettings,
    make=KubernetesEngine,
    check=check,
)
