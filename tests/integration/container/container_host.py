"""A host with a real podman or docker, an engine on it, and what tests ask them to do."""

from __future__ import annotations

import secrets
import time

from pollinator_magic.executors.container.engine import ContainerEngine
from pollinator_magic.executors.engine import Task

PATIENCE_S = 60.0


class Host:
    def __init__(self, runtime, directory) -> None:
        self.runtime = runtime
        self.fs_dir = directory / "fs"
        self.fs_dir.mkdir()
        self.engines = []

    def engine(self, **settings):
        """Return an engine that is open; another one on the same directory is its next life."""
        engine = ContainerEngine(self.runtime.settings(**settings), self.fs_dir)
        engine.open()
        self.engines.append(engine)
        return engine

    def close(self) -> None:
        for engine in self.engines:
            for job in engine.jobs:
                job.close()
            engine.close()

    def left(self):
        """Return what is left of jobs: containers, networks, images and files."""
        images = [name for name in self.runtime.images() if "pollinator" in name]
        state = self.fs_dir / ".executor" / "container"
        files = {path.name for path in state.iterdir()} if state.exists() else set()
        return {*self.runtime.containers(), *self.runtime.networks(), *images, *files}


def task(command, *args, **fields):
    return Task(**{"process_id": secrets.token_hex(32), "command": command, "args": args, "cpu_millis": 500, **fields})


def follow(job, *, until=None):
    """Read a job to its end, or until its log has this in it; return its error and its log."""
    deadline, log = time.monotonic() + PATIENCE_S, b""
    while (outcome := job.poll()) is None and not (until and until in log.decode(errors="replace")):
        assert time.monotonic() < deadline, log.decode(errors="replace")
        log += job.read(0.1)
    while outcome is not None and (data := job.read(0)):
        log += data
    return (outcome.error if outcome else None), log.decode(errors="replace")


def run(engine, command, *args, **fields):
    """Run a task from beginning to end; return its error and its log."""
    job = engine.start(task(command, *args, **fields))
    try:
        return follow(job)
    finally:
        job.close()
