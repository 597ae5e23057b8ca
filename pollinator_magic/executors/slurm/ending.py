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
_KILLED_S = 1.0
_RETRY_S = 2.0


class Cancelling:
    """What it takes to end one job, after `kindly_s` if it has begun. `tend` moves it on, and never waits.

    A job that has begun is sent signals first: its script goes on after SIGTERM, and tells its end. Once Slurm was told
    to end a job it takes no more signals for it, and gives it the site's own time to end.
    """

    def __init__(self, slurm: Slurm, queue: Queue, job: str, *, begun: bool, kindly_s: float) -> None:
        self._slurm = slurm
        self._queue = queue
        self._job = job
        now = time.monotonic()
        self._plan: list[tuple[float, tuple[str, ...]]] = [(now, ())]
        if begun:
            kill_at = now + kindly_s
            self._plan = [(kill_at, ("--full", "--signal=KILL")), (kill_at + _KILLED_S, ())]
            if kindly_s > 0:
                self._plan.insert(0, (now, ("--full", "--signal=TERM")))
        self._command: subprocess.Popen[bytes] | None = None

    def tend(self) -> None:
        """Do what is due."""
        if self._command:
            if self._command.poll() is None:
                return
            self._command = None
            self._queue.hurry()
        now = time.monotonic()
        at, options = self._plan[0]
        if now < at:
            return
        self._plan = self._plan[1:] or [(now + _AGAIN_S, ())]
        self._command = self._slurm.begin(
            "scancel", *options, self._job, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def close(self) -> None:
        """Leave no command behind unwaited for."""
        if self._command:
            self._command.wait()


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
        cancelling = Cancelling(slurm, queue, job, begun=attempt.started is not None, kindly_s=0)
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
