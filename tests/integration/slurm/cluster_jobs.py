"""Jobs through the engine alone, as the worker runs them."""

from __future__ import annotations

import secrets
import time

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.slurm.engine import SlurmEngine

READ_S = 0.1


class Nodes:
    """An engine on the cluster of the tests."""

    def __init__(self, cluster, directory) -> None:
        self.cluster = cluster
        self.fs_dir = directory / "fs"
        self.engines = []

    def engine(self, **settings):
        engine = SlurmEngine(self.cluster.settings(**settings), self.fs_dir)
        engine.open()
        self.engines.append(engine)
        return engine

    def close(self):
        for engine in self.engines:
            engine.close()


def task(command, *args, **fields):
    defaults = {"process_id": secrets.token_hex(32), "walltime_s": 120, "memory_bytes": 200 * 1024**2}
    return Task(command=command, args=args, **{**defaults, **fields})


class Follower:
    """Reads a job to its end."""

    def __init__(self, job) -> None:
        self.job = job
        self.data = b""

    @property
    def text(self):
        return self.data.decode()

    def until(self, condition, *, within_s=60.0):
        """Read until something holds; return it."""
        deadline = time.monotonic() + within_s
        while not (result := condition()):
            assert self.job.poll() is None, f"ended with {self.job.poll()}: {self.text}"
            assert time.monotonic() < deadline, self.text
            self.read()
        return result

    def read(self, within_s=READ_S):
        """Read what comes within a time."""
        self.data += self.job.read(within_s)

    def step(self):
        """Read what there is; return the outcome if there is one."""
        self.read(0)
        return self.job.poll()

    def to_the_end(self, *, within_s=90.0):
        """Return the outcome's error."""
        deadline = time.monotonic() + within_s
        while (outcome := self.job.poll()) is None:
            assert time.monotonic() < deadline, self.text
            self.read()
        while data := self.job.read(0):
            self.data += data
        return outcome.error


def run(engine, *words, **fields):
    """Run one job to its end; return its error and its log."""
    job = engine.start(task(*words, **fields))
    follower = Follower(job)
    try:
        return follower.to_the_end(), follower.text
    finally:
        job.close()


def wanted_by_others(cluster, *, seconds, nodes="n[1-4]"):
    """Have somebody's more urgent job take nodes for a while; return its number."""
    words = ("--parsable", "--partition=urgent", f"--nodelist={nodes}", "--exclusive", "--output=/dev/null")
    return cluster.run("sbatch", *words, f"--wrap=sleep {seconds}").strip()


def without_news_of_the_queue(text):
    """The log, without what it says about waiting."""
    return [line for line in text.splitlines() if not line.startswith("Waiting in the queue of Slurm")]
