from __future__ import annotations

import time
from dataclasses import replace

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.process import ProcessEngine


class Host:
    """An engine on this host, and what tests do with it."""

    def __init__(self, directory, **options) -> None:
        self.engine = ProcessEngine(directory, **{"grace_s": 0.5, **options})
        self.engine.fs_dir.mkdir(parents=True, exist_ok=True)
        self.engine.open()
        self.number = 0

    def task(self, command, *args, **fields) -> Task:
        self.number += 1
        return replace(Task(f"{self.number:064x}", command, args), **fields)

    def start(self, command, *args, **fields):
        return self.engine.start(self.task(command, *args, **fields))

    def run(self, command, *args, **fields):
        """Run to the end; return the log and the outcome."""
        job = self.start(command, *args, **fields)
        try:
            return finish(job)
        finally:
            job.close()


def finish(job, *, within_s=60.0):
    """Read a job to its end; return the log and the outcome."""
    pieces, deadline = [], time.monotonic() + within_s
    while job.poll() is None:
        assert time.monotonic() < deadline, b"".join(pieces)
        pieces.append(job.read(0.1))
    while data := job.read(0):
        pieces.append(data)
    return b"".join(pieces).decode(), job.poll()


def read_until(job, text, *, within_s=20.0):
    """Read until `text` was written; return everything read."""
    found, deadline = "", time.monotonic() + within_s
    while text not in found:
        assert time.monotonic() < deadline, found
        assert job.poll() is None, found
        found += job.read(0.1).decode()
    return found


def eventually(condition, *, within_s=20.0):
    deadline = time.monotonic() + within_s
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return result
