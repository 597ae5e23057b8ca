"""The server's clock: it never goes back, never stands still, and tells when the machine's clock was set forward.

Log entries are ordered by its times, and whoever reads a log goes on after the last time read, so that no time may come
twice. When the machine's clock is set back, this one goes on at half its speed until the other has caught up. When it
is set forward this one follows, but whoever keeps deadlines has to move them: nobody has waited for longer.
"""

from __future__ import annotations

import time

_LARGEST_NS = 2**63 - 1
_JUMP_NS = 10 * 10**9
"""Clocks are also adjusted bit by bit, and threads wait for their turn: less than this is nothing to speak of."""


class Clock:
    """A clock that begins later than `last_ns` (Unix nanoseconds). For one thread."""

    def __init__(self, last_ns: int) -> None:
        self._last_ns = max(time.time_ns(), last_ns)
        self._looked_at_ns = time.monotonic_ns()
        self._jumped_ns = 0

    def now_ns(self) -> int:
        """Return a time that is later than any given before."""
        looked_at_ns = time.monotonic_ns()
        passed_ns = looked_at_ns - self._looked_at_ns
        now_ns = min(max(time.time_ns(), self._last_ns + passed_ns // 2, self._last_ns + 1), _LARGEST_NS)
        ahead_ns = now_ns - self._last_ns - passed_ns
        if ahead_ns > _JUMP_NS:
            self._jumped_ns += ahead_ns
        self._last_ns, self._looked_at_ns = now_ns, looked_at_ns
        return now_ns

    def take_jump_ns(self) -> int:
        """Return by how much it has been set forward since this was asked last, 0 if it has not."""
        self.now_ns()
        jumped_ns, self._jumped_ns = self._jumped_ns, 0
        return jumped_ns
