"""Faults inside of a process that a test starts: Python runs this first where the test puts it on PYTHONPATH.

Nothing happens but in the process whose command line holds POLLINATOR_FAULT_IN, so that the jobs and helpers that it
starts are as they always are.

POLLINATOR_FAULT_COMMIT   `12 before` or `12 after`: die by SIGKILL at the twelfth commit of something that has changed,
                          just before it, or just after it, before anybody is told
POLLINATOR_FAULT_CLOCK    a file of eight bytes: by how many nanoseconds the process's clock is wrong, at any moment
"""

from __future__ import annotations

import os
import sys


def _die_at_commit(number: int, moment: str) -> None:
    import signal

    from pollinator_magic.local.database import Database

    commit, tell = Database.commit, Database._end
    seen = changes = 0

    def die(database: Database, now: str) -> None:
        nonlocal seen, changes
        if database.changes != changes:
            if (seen + 1, now) == (number, moment):
                os.kill(os.getpid(), signal.SIGKILL)
            if now == "after":
                seen, changes = seen + 1, database.changes

    def dying_commit(database: Database) -> None:
        if database.uncommitted:
            die(database, "before")
        commit(database)

    def dying_tell(database: Database, failure: Exception | None) -> None:
        if failure is None:
            die(database, "after")
        tell(database, failure)

    Database.commit, Database._end = dying_commit, dying_tell


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
