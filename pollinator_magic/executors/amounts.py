"""Settings that several kinds of engines have: amounts for all jobs together, and how often somebody is asked."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from pollinator_magic.project.units import parse_cpu, parse_mem

MEBIBYTE = 1024 * 1024

Processors = Annotated[
    str, Meta(description="Processors for all jobs together: cores, or thousandths as in 4000m; empty for all.")
]
Memory = Annotated[str, Meta(description="Memory for all jobs together, such as 16Gi; empty for all of it.")]
GraceOfRanks = Annotated[
    float,
    Meta(ge=0, description="Seconds in which the other ranks of a job may end by themselves when one has failed."),
]
ShortestQuery = Annotated[
    float, Meta(gt=0, description="Seconds between two questions of how jobs stand while something changes.")
]
LongestQuery = Annotated[
    float, Meta(gt=0, description="Seconds between two questions of how jobs stand while nothing changes.")
]


def check_amounts(*, cpu: str, memory: str) -> None:
    """Raise ValueError, in the user's words, for what is neither empty nor an amount."""
    for name, amount, read in (("cpu", cpu, parse_cpu), ("memory", memory, parse_mem)):
        try:
            _ = amount and read(amount)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def check_queries(*, shortest_s: float, longest_s: float) -> None:
    """Raise ValueError where the longest interval is the shorter one."""
    if longest_s < shortest_s:
        raise ValueError("longest-query-s must not be less than query-s")


def millis(cpu: str) -> int | None:
    """Return thousandths of a processor; None for an empty text, which is all there are."""
    return int(parse_cpu(cpu)[:-1]) if cpu else None


def in_bytes(memory: str) -> int | None:
    """Return bytes; None for an empty text, which is all there is."""
    return int(parse_mem(memory)[:-2]) * MEBIBYTE if memory else None
