"""Faults inside of a process that a test starts: Python runs this first where the test puts it on PYTHONPATH.

Nothing happens but in the process whose command line holds POLLINATOR_FAULT_IN, so that the jobs and helpers that it
starts are as they always are.

POLLINATOR_FAULT_COMMIT   `12 before` or `12 after`: die by SIGKILL at the twelfth transaction that changes something,
                          just before it is committed, or after that, before anybody is told
POLLINATOR_FAULT_CLOCK    a file of eight bytes: by how many nanoseconds the process's clock is wrong, at any moment
"""

from __future__ import annotations

import os
import sys


def _die_at_commit(number: int, moment: str) -> None:
    import contextlib
    import signal

    from pollinator_magic.local.database import Database

    original = Database.transaction
    seen = 0

    @contextlib.contextmanager
    def transaction(self):
        nonlocal seen
        before = self.changes
        with original(self):
            yield
            counts = self.changes != before
            seen += counts
            if counts and (seen, moment) == (number, "before"):
                os.kill(os.getpid(), signal.SIGKILL)
        if counts and (seen, moment) == (number, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    Database.transaction = transaction


def _set_clock(path: str) -> None:
    import mmap
    import struct
    import time
    from pathlib import Path

    with Path(path).open("rb") as file:
        shared = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
    real, real_ns = time.time, time.time_ns

    def wrong_ns() -> int:
        return struct.unpack("<q", shared[:8])[0]

    time.time = lambda: real() + wrong_ns() / 1e9
    time.time_ns = lambda: real_ns() + wrong_ns()


_where = os.environ.get("POLLINATOR_FAULT_IN")
if _where and any(_where in word for word in sys.orig_argv):
    if plan := os.environ.get("POLLINATOR_FAULT_COMMIT"):
        _number, _moment = plan.split()
        _die_at_commit(int(_number), _moment)
    if clock := os.environ.get("POLLINATOR_FAULT_CLOCK"):
        _set_clock(clock)
