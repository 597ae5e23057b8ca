"""The kind of engine that is called `process`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.executors.kinds import EngineKind
from pollinator_magic.executors.process.check import check
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.process.settings import ProcessSettings

if TYPE_CHECKING:
    from pathlib import Path


def _make(settings: ProcessSettings, fs_dir: Path) -> ProcessEngine:
    return ProcessEngine(
        fs_dir, cpu_millis=settings.cpu_millis, memory_bytes=settings.memory_bytes, grace_s=settings.grace_s
    )


KIND = EngineKind(
    name="process",
    summary="Jobs run directly on this host, as the executor's user, without isolation.",
    settings=ProcessSettings,
    make=_make,
    check=check,
)
