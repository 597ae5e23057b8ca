"""Many jobs in the cell that follows them: what the views of a sweep and of a graph have in common."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pollinator_magic.notebook.following import Reader
    from pollinator_magic.screen import Ending

_TELL_EVERY_S = 5.0


class _Many(Protocol):
    @property
    def summary(self) -> str: ...


class _Card(Protocol):
    @property
    def live(self) -> bool: ...

    @property
    def left(self) -> bool: ...

    def give_up(self) -> None: ...


class ManyView:
    """A card for `many` jobs; `all_of_them` is what a second interrupt cancels, in words."""

    def __init__(self, many: _Many, card: _Card, all_of_them: str) -> None:
        self._many, self._shown, self._all_of_them = many, card, all_of_them
        self._told, self._told_s = "", time.monotonic()

    @property
    def left(self) -> bool:
        """Whether the user has asked to go on without following."""
        return self._shown.left

    def begin(self, reader: Reader[Any]) -> None:
        """Take note that they are followed from now on."""

    def tick(self) -> None:
        """In a terminal, say now and then how far they are; a live card does so by itself."""
        if self._shown.live or time.monotonic() - self._told_s < _TELL_EVERY_S:
            return
        now, self._told_s = self._many.summary, time.monotonic()
        if now != self._told:
            self._told = now
            print(now, flush=True)  # noqa: T201  ordinary cell output is what is meant

    def interrupted(self, window_s: float) -> None:
        """Say that following ends, and that a second interrupt cancels."""
        again = f"Interrupt once more within {window_s:g} s to cancel {self._all_of_them}."
        print(f"Interrupted. {again}", flush=True)  # noqa: T201  ordinary cell output is what is meant

    def end(self, ending: Ending | None) -> None:
        """Take note that they are not followed any more; None if they cannot be."""
        if ending is None:
            self._shown.give_up()
