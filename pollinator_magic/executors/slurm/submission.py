"""Handing a job over to Slurm, once: whatever becomes of this process, of sbatch, or of the answer meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.slurm.commands import SlurmTrouble, trouble
from pollinator_magic.executors.slurm.ending import find, pause
from pollinator_magic.executors.slurm.verdict import refused_error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pollinator_magic.executors.slurm.attempt import Attempt
    from pollinator_magic.executors.slurm.commands import Slurm

_RETRY_S = 2.0
_LONGEST_RETRY_S = 30.0


class NotTaken(PollinatorError):
    """Slurm does not take the job, or it is not wanted any more; the message is the user's."""


def submit(
    slurm: Slurm,
    attempt: Attempt,
    process_id: str,
    options: Sequence[str],
    *,
    say: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Generator[None, None, str]:
    """Have Slurm take the job as soon as it answers; return the job's number, or raise NotTaken."""
    words = [*options, str(attempt.directory / "batch.sh"), str(attempt.directory)]
    delay_s = _RETRY_S
    while not cancelled():
        refusal = yield from _sbatch(slurm, attempt, words)
        if refusal is None:
            return attempt.job
        if not refusal.passing:
            raise NotTaken(refused_error(refusal))
        if delay_s == _RETRY_S:
            say(f"Slurm does not take the job yet ({refusal}); it is tried again.")
        while True:  # it may have taken it all the same
            yield from pause(delay_s, unless=cancelled)
            delay_s = min(2 * delay_s, _LONGEST_RETRY_S)
            try:
                found = find(slurm, attempt, process_id)
            except SlurmTrouble as silence:
                if not silence.passing:
                    raise
            else:
                break
        if found:
            return found
    raise NotTaken("Cancelled.")


def _sbatch(slurm: Slurm, attempt: Attempt, words: Sequence[str]) -> Generator[None, None, SlurmTrouble | None]:
    """Run sbatch, which writes the job's number down even if this process is killed meanwhile; return its refusal.

    It holds the lock of the attempt for as long as it runs, so that nobody looks in vain for what it is just making.
    """
    while (lock := attempt.lock()) is None:
        yield
    directory = attempt.directory
    try:
        with (directory / "job").open("wb") as number, (directory / "refusal").open("wb") as refusal:
            process = slurm.begin("sbatch", *words, stdout=number, stderr=refusal, hold=lock)
    finally:
        os.close(lock)
    while process.poll() is None:
        yield
    if process.returncode == 0 and attempt.job:
        return None
    return trouble("sbatch", process.returncode, (directory / "refusal").read_bytes())
