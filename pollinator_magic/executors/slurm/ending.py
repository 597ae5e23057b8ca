"""Ends jobs of Slurm: kindly first, and again until nothing of them runs.

The functions are generators that yield where they would wait.
"""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from pollinator_magic.executors.slurm.commands import SlurmTrouble
from pollinator_magic.executors.slurm.states import SQUEUE_PLACES, places_from_squeue

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pollinator_magic.executors.slurm.attempt import Attempt
    from pollinator_magic.executors.slurm.commands import Slurm
    from pollinator_magic.executors.slurm.queue import Queue

_AGAIN_S = 5.0
_RETRY_S = 2.0


class Cancelling:
    """What it takes to end one job. `tend` moves it on, and never waits."""

    def __init__(self, slurm: Slurm, queue: Queue, job: str, *, kindly_s: float) -> None:
        self._slurm = slurm
        self._queue = queue
        self._job = job
        self._due_at = time.monotonic()
        self._kill_at = self._due_at + kindly_s
        self._kind = kindly_s > 0
        self._commands: list[subprocess.Popen[bytes]] = []

    def sooner(self, kindly_s: float) -> None:
        """Kill after this time, if that is sooner than it was meant to be."""
        self._kill_at = min(self._kill_at, time.monotonic() + kindly_s)
        self._due_at = min(self._due_at, self._kill_at)

    def tend(self) -> None:
        """Do what is due."""
        if self._commands and all(command.poll() is not None for command in self._commands):
            self._commands.clear()
            self._queue.hurry()
        now = time.monotonic()
        if now < self._due_at or self._commands:
            return
        if self._kind and now < self._kill_at:
            # A program that runs is asked to end; the script goes on, tells its end, and is not thrown out at once.
            self._due_at = self._kill_at
            self._begin("--full", "--signal=TERM", self._job)
        else:
            self._due_at = now + _AGAIN_S
            self._begin("--full", "--signal=KILL", self._job)
            self._begin(self._job)

    def close(self) -> None:
        """Leave no command behind unwaited for."""
        for command in self._commands:
            command.wait()

    def _begin(self, *options: str) -> None:
        self._commands.append(
            self._slurm.begin("scancel", *options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )


def find(slurm: Slurm, attempt: Attempt, process_id: str) -> str:
    """Return the number of an attempt's job, empty if Slurm has none; raise SlurmTrouble if it does not say."""
    if attempt.job:
        return attempt.job
    text = slurm.ask("squeue", "-h", "-t", "all", "-u", str(os.getuid()), "-n", process_id, "-o", SQUEUE_PLACES)
    jobs = [job for job, place in places_from_squeue(text).items() if place == str(attempt.directory)]
    return jobs[-1] if jobs else ""


def find_patiently(slurm: Slurm, attempt: Attempt, process_id: str) -> Generator[None, None, str]:
    """Find the job of an attempt that somebody else has made, once nobody submits it any more and Slurm answers."""
    while (lock := attempt.lock()) is None:
        yield
    try:
        while True:
            try:
                return find(slurm, attempt, process_id)
            except SlurmTrouble as trouble:
                if not trouble.passing:
                    raise
            yield from pause(_RETRY_S)
    finally:
        os.close(lock)


def end_attempt(slurm: Slurm, queue: Queue, attempt: Attempt, process_id: str) -> Generator[None, None, None]:
    """End what an earlier life has left, and remove it."""
    end = attempt.end
    job = "" if end and not end.doubtful else (yield from find_patiently(slurm, attempt, process_id))
    if job:
        cancelling = Cancelling(slurm, queue, job, kindly_s=0)
        queue.watch(job)
        try:
            while not ((standing := queue.standing(job)) and (standing.over or not standing.known)):
                cancelling.tend()
                yield
        finally:
            cancelling.close()
            queue.forget(job)
    attempt.remove()


def pause(seconds: float, *, unless: Callable[[], bool] = lambda: False) -> Generator[None, None, None]:
    """Yield until so much time is over, or something is true; once at least."""
    until = time.monotonic() + seconds
    yield
    while time.monotonic() < until and not unless():
        yield
