"""What a benchmark has found: a short table, and the targets that are stated for it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Options:
    """What the command line may change."""

    big_file_mib: int = 2048


@dataclass(frozen=True)
class Target:
    """A figure that must not be larger than its limit."""

    what: str
    value: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether it is not."""
        return self.value <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.met else "MISSED"
        return f"target: {self.what} at most {self.limit:g} {self.unit}: {self.value:.3g} {self.unit}, {verdict}"


@dataclass
class Report:
    """A table with a title, and its targets."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def row(self, *cells: str) -> None:
        """Add a row: what was measured, then a cell for each column."""
        self.rows.append(cells)

    def target(self, what: str, value: float, limit: float, unit: str) -> None:
        """State that `value` should be at most `limit`."""
        self.targets.append(Target(what, value, limit, unit))

    @property
    def met(self) -> bool:
        """Whether all targets are."""
        return all(target.met for target in self.targets)

    def __str__(self) -> str:
        table = [("", *self.columns), *self.rows]
        widths = [max(len(row[column]) for row in table if column < len(row)) for column in range(len(table[0]))]
        lines = [self.title]
        for row in table:
            first, *others = (
                cell.rjust(width) if number else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=False))
            )
            lines.append("  ".join(["", first, *others]).rstrip())
        return "\n".join([*lines, *(f"  {target}" for target in self.targets)])


def median(values: Sequence[float]) -> float:
    """Return the middle one."""
    return statistics.median(values)


def p90(values: Sequence[float]) -> float:
    """Return what nine in ten are below."""
    return statistics.quantiles(values, n=10, method="inclusive")[-1] if len(values) > 1 else values[0]


def ms(seconds: float) -> str:
    """Write a time."""
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"


def ratio(value: float, beside: float) -> str:
    """Write how many times `beside` a value is."""
    return f"{value / beside:.2f} x"
