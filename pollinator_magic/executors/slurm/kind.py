"""The kind of engine that is called `slurm`."""

from __future__ import annotations

from pollinator_magic.executors.kinds import EngineKind
from pollinator_magic.executors.slurm.check import check
from pollinator_magic.executors.slurm.engine import SlurmEngine
from pollinator_magic.executors.slurm.settings import SlurmSettings

KIND = EngineKind(
    name="slurm",
    summary="Jobs run through Slurm, in containers of Apptainer or directly on the nodes.",
    settings=SlurmSettings,
    make=SlurmEngine,
    check=check,
)
