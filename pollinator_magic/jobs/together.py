"""The progress of two transfers as one, told in one thread: a notebook must not be written to from another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.cfs.progress import TransferProgress

if TYPE_CHECKING:
    from pollinator_magic.cfs.progress import Progress


class Together:
    """Adds up what `here` (in the telling thread) and `beside` (in another) report."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._parts: dict[tuple[str, str], TransferProgress] = {}
        self._told: dict[str, TransferProgress] = {}

    def beside(self, now: TransferProgress) -> None:
        """Take down what the other thread reports; nothing is told yet."""
        self._parts["beside", now.direction.value] = now

    def here(self, now: TransferProgress) -> None:
        """Take down what this thread reports, and tell."""
        self._parts["here", now.direction.value] = now
        self.tell()

    def tell(self) -> None:
        """Tell how far both are, direction by direction, where that has changed."""
        if self._progress is None:
            return
        sums: dict[str, TransferProgress] = {}
        for (_, direction), part in list(self._parts.items()):
            sums[direction] = _add(sums[direction], part) if direction in sums else part
        for direction, now in sums.items():
            if self._told.get(direction) != now:
                self._told[direction] = now
                self._progress(now)


def _add(one: TransferProgress, other: TransferProgress) -> TransferProgress:
    return TransferProgress(
        direction=one.direction,
        files_done=one.files_done + other.files_done,
        files_total=one.files_total + other.files_total,
        bytes_done=one.bytes_done + other.bytes_done,
        bytes_total=one.bytes_total + other.bytes_total,
        name=other.name or one.name,
    )
