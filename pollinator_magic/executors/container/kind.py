"""The kind of engine that is called `container`."""

from __future__ import annotations

from pollinator_magic.executors.container.check import check
from pollinator_magic.executors.container.engine import ContainerEngine
from pollinator_magic.executors.container.settings import ContainerSettings
from pollinator_magic.executors.kinds import EngineKind

KIND = EngineKind(
    name="container",
    summary="Jobs run in containers of this host, by podman or docker.",
    settings=ContainerSettings,
    make=ContainerEngine,
    check=check,
)
