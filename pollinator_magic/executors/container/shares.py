"""What jobs of one executor share: its accelerators, and the fetching of images."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Devices:
    """The accelerators of this host by name; each belongs to one process at a time."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._taken: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def take(self, process_id: str, count: int) -> tuple[str, ...] | None:
        """Give a process so many of them; None if not as many are free now."""
        with self._lock:
            others = {name for owner, names in self._taken.items() if owner != process_id for name in names}
            free = [name for name in self._names if name not in others]
            if len(free) < count:
                return None
            return self._taken.setdefault(process_id, tuple(free[:count]))

    def claim(self, process_id: str, names: Sequence[str]) -> None:
        """Note that a process has these."""
        with self._lock:
            self._taken[process_id] = tuple(names)

    def give_back(self, process_id: str) -> None:
        """Note that a process needs them no more."""
        with self._lock:
            self._taken.pop(process_id, None)


class Fetching:
    """The images that are being fetched, so that one that many jobs ask for is fetched once."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._lock = threading.Lock()

    def add(self, name: str) -> bool:
        """Begin to fetch an image; False if somebody does already."""
        with self._lock:
            if name in self._names:
                return False
            self._names.add(name)
            return True

    def discard(self, name: str) -> None:
        """Be done with it."""
        with self._lock:
            self._names.discard(name)
