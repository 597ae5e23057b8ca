"""What a benchmark has found: a short table, and the targets that are stated for it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Options:
    """What the command line may change."""

    big_file_mib: int = 1024


@dataclass(frozen=True)
class Target:
    """A figure that must not be larger than its limit, or not smaller."""

    what: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is so."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        verdict = "met" if self.met else "MISSED"
        return f"target: {self.what} {bound} {self.limit:,g} {self.unit}: {_short(self.value)} {self.unit}, {verdict}"


@dataclass(frozen=True)
class Bars:
    """A plot: what was measured, as bars beside each other."""

    title: str
    unit: str
    values: dict[str, float]


@dataclass
class Report:
    """A table with a title, its targets, and its plots. All of it can be kept as JSON."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    plots: list[Bars] = field(default_factory=list)

    def row(self, *cells: str) -> None:
        """Add a row: what was measured, then a cell for each column."""
        self.rows.append(cells)

    def target(self, what: str, value: float, limit: float, unit: str, *, at_least: bool = False) -> None:
        """State that `value` should be at most `limit`, or at least."""
        self.targets.append(Target(what, value, limit, unit, at_least))

    def bars(self, title: str, unit: str, values: dict[str, float]) -> None:
        """Add a plot."""
        self.plots.append(Bars(title, unit, values))

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

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Report:
        """Read what `dataclasses.asdict` gave."""
        return cls(
            kept["title"],
            tuple(kept["columns"]),
            [tuple(row) for row in kept["rows"]],
            [Target(**target) for target in kept["targets"]],
            [Bars(**bars) for bars in kept["plots"]],
        )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


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
