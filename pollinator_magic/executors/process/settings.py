"""What a site sets for this host: the table `[process]` of the executor's TOML file."""

from __future__ import annotations

from pollinator_magic.executors import amounts
from pollinator_magic.executors.kinds import Settings


class ProcessSettings(Settings, frozen=True):
    """What a site sets for this host."""

    cpu: amounts.Processors = ""
    memory: amounts.Memory = ""
    grace_s: amounts.GraceOfRanks = 5.0

    def __post_init__(self) -> None:
        """Refuse amounts that are none."""
        amounts.check_amounts(cpu=self.cpu, memory=self.memory)

    @property
    def cpu_millis(self) -> int | None:
        """Thousandths of a processor for all jobs; None for all there are."""
        return amounts.millis(self.cpu)

    @property
    def memory_bytes(self) -> int | None:
        """The memory for all jobs; None for all there is."""
        return amounts.in_bytes(self.memory)
