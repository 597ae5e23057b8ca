"""What the card of many jobs says at one moment: what the faces of a sweep and of a graph have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.outcomes import Row
from pollinator_magic.notebook.livecard import LiveFace
from pollinator_magic.notebook.markup import coloured, escaped, linked, prose
from pollinator_magic.screen import describe_transfer, human_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class ManyFace(LiveFace, Generic[R]):
    """Many jobs as their card shows them; `since` says for how long they go on, or how long they took."""

    rows: tuple[R, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses of the jobs' pages, by process id."""

    def head_html(self) -> str:
        """Return what stands above the jobs."""
        lines = [self._headline_html(), *map(prose, self._below()), self._progress_html()]
        return f"<div>{'<br>'.join(line for line in lines if line)}</div>"

    def plain(self) -> str:
        """Return the card as text."""
        moving = describe_transfer(self.moving) if self.moving is not None else ""
        lines = [self._headline(), *self._below(), moving, *self._listed()]
        return printable("\n".join(line for line in lines if line))

    # --- what differs ------------------------------------------------------------------------------------------------

    @abstractmethod
    def _where(self) -> str:
        """Return the executors that may run them."""

    @abstractmethod
    def _count(self) -> str:
        """Return how many they are."""

    def _word(self, row: R) -> str:
        """Return the state of a job, as it is counted."""
        return row.state

    @abstractmethod
    def _colour(self, row: R) -> str:
        """Return the colour of a job's state."""

    @abstractmethod
    def _urgency(self, row: R) -> int:
        """Return a number for a job's state, the smaller the more attention it needs."""

    @abstractmethod
    def _listed(self) -> list[str]:
        """Return what the text has below all else."""

    # --- the lines ---------------------------------------------------------------------------------------------------

    def _headline(self) -> str:
        if not self.rows:
            return ""
        states = ", ".join(state for state, _ in self._states())
        return " · ".join(part for part in (self._where(), f"{self._count()}: {states}", self.since) if part)

    def _headline_html(self) -> str:
        if not self.rows:
            return ""
        states = self._states()
        parts = [
            f"{coloured('●', states[0][1])} <b>{escaped(self._where())}</b>",
            f"{self._count()}: {', '.join(coloured(*state) for state in states)}",
            escaped(self.since),
        ]
        return " · ".join(part for part in parts if part)

    def _states(self) -> list[tuple[str, str]]:
        """Return how many are in each state, and its colour; the state that decides what they look like first."""
        numbers = Counter(self._word(row) for row in self.rows)
        examples = {self._word(row): row for row in self.rows}
        words = sorted(numbers, key=lambda word: self._urgency(examples[word]))
        return [(f"{numbers[word]} {word}", self._colour(examples[word])) for word in words]

    def _below(self) -> list[str]:
        if self.closed:
            return list(self.notes)
        waiting = f"waiting: {self.waiting}" if self.waiting else ""
        return [line for line in (waiting, *self.notes, self.hint) if line]

    def _job_cells(self, row: R) -> list[str]:
        """Return state, time, process and value of a job."""
        took_s = row.duration_s
        return [
            coloured(row.state, self._colour(row)),
            human_duration(took_s) if took_s is not None else "",
            self._link(row),
            escaped(row.says),
        ]

    def _link(self, row: R) -> str:
        if row.job is None:
            return ""
        return linked(f"<code>{escaped(row.job.short_id)}</code>", self.links.get(row.job.id, ""))


def took(rows: Sequence[Row]) -> str:
    """Say how long all jobs together took, by the clock of the server."""
    processes = [row.job.process for row in rows if row.job is not None]
    begun = [process.submitted_at for process in processes if process.submitted_at]
    ended = [process.ended_at for process in processes if process.ended_at]
    return f"after {human_duration((max(ended) - min(begun)).total_seconds())}" if begun and ended else ""
