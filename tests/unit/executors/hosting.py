from __future__ import annotations

import secrets
from dataclasses import replace

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.process.engine import ProcessEngine
from tests.waiting import read_to_the_end


class Host:
    """An engine on this host, and what tests do with it."""

    def __init__(self, directory, **options) -> None:
        self.engine = ProcessEngine(directory, **{"grace_s": 0.5, **options})
        self.engine.fs_dir.mkdir(parents=True, exist_ok=True)
        self.engine.open()

    def task(self, command, *args, **fields) -> Task:
        # no other test's: all that belongs to a process is found on this host by its id, and killed when it is closed
        return replace(Task(secrets.token_hex(32), command, args), **fields)

    def start(self, command, *args, **fields):
        return self.engine.start(self.task(command, *args, **fields))

    def run(self, command, *args, **fields):
        """Run to the end; return the log and the outcome."""
        job = self.start(command, *args, **fields)
        try:
            return read_to_the_end(job)
        finally:
            job.close()
