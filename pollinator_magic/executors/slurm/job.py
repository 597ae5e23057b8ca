"""One job of Slurm, from the preparation of its image to the last line of its log.

It looks at its files twice a second, oftener only at first and while something is printed: the file system may be a
shared one. What is in the files is enough for a job that ends by itself; how Slurm has ended one, the queue knows.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.engine import Outcome
from pollinator_magic.executors.living import LivingJob
from pollinator_magic.executors.slurm import verdict
from pollinator_magic.executors.slurm.commands import SlurmTrouble
from pollinator_magic.executors.slurm.ending import Cancelling, end_attempt, find_patiently
from pollinator_magic.executors.slurm.request import sbatch_options
from pollinator_magic.executors.slurm.states import from_scontrol
from pollinator_magic.executors.slurm.submission import submit
from pollinator_magic.executors.slurm.waiting import Patience, QueueNews

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.slurm.attempt import Attempt
    from pollinator_magic.executors.slurm.engine import SlurmEngine
    from pollinator_magic.executors.slurm.states import Standing
    from pollinator_magic.executors.slurm.verdict import End

_FIRST_LOOK_S = 0.1
_LOOK_S = 0.5
_GROWTH = 1.3
_STEP_S = 0.05
_LATE_FILE_S = 5.0
"""How long a file may take to show up here after the node has written it."""
_LATE_WORD_S = 60.0
"""How long Slurm may take to say why it has stopped a job."""
_HOPELESS_S = 5.0
_HURRY_S = 5.0
_HAVE_A_WORD = frozenset(("COMPLETED", "FAILED"))
"""How a job ends whose script should have been able to say so."""


class _Failed(Exception):
    """The job cannot go on; the message is the user's."""


class SlurmJob(LivingJob):
    """A `Running` under Slurm. `attempt` is what an earlier life has made, whose log has been read up to `position`."""

    def __init__(self, engine: SlurmEngine, task: Task, attempt: Attempt | None = None, position: int = 0) -> None:
        super().__init__(task)
        self._engine = engine
        self._attempt = attempt
        self._position = position
        self._attributes: dict[str, str] = {}
        self._job = ""
        self._cancelled = False
        self._grace_s = 0.0
        self._cancelling: Cancelling | None = None
        self._stop_preparing = threading.Event()
        self._due = False
        self._look_at = 0.0
        self._look_after_s = _FIRST_LOOK_S
        self._restarts: int | None = None
        self._waiting = QueueNews()
        self._given_up = ""
        self._gone = False

    @property
    def position(self) -> str:
        """How many bytes of the log have been read."""
        return str(self._position)

    @property
    def attributes(self) -> Mapping[str, str]:
        """The nodes, the number of Slurm's job, and HOME there, once it has started."""
        return dict(self._attributes)

    def read(self, timeout_s: float) -> bytes:
        """Return what the job wrote since the last call, at the latest after `timeout_s`."""
        self._due = time.monotonic() >= self._look_at  # a moment later the next time to look may have been chosen
        return super().read(timeout_s)

    def _written(self, timeout_s: float) -> bytes:
        if self._attempt is not None and (self._due or self._outcome is not None):
            data = self._attempt.log(self._position)
            self._position += len(data)
            if data:
                self._look_after_s = _FIRST_LOOK_S  # there may be more
                self._look_at = min(self._look_at, time.monotonic() + self._look_after_s)
                return data
        if self._outcome is None and timeout_s > 0:
            time.sleep(min(timeout_s, max(_STEP_S, self._look_at - time.monotonic())))
        return b""

    def cancel(self, *, grace_s: float) -> None:
        """Have Slurm send SIGTERM to all of it, and SIGKILL to what is left after `grace_s`."""
        self._cancelled, self._grace_s = True, grace_s
        self._stop_preparing.set()
        self._look_at = 0.0

    def leave(self) -> None:
        """Let it go on without this process."""
        self._life.close()
        self._engine.jobs.forget(self)

    def close(self) -> None:
        """End what is left of it, in the background if Slurm takes its time, and remove its files."""
        self._life.close()
        self._engine.jobs.forget(self)
        if self._attempt is not None and (self._gone or (self._outcome is not None and not self._job)):
            self._attempt.remove()
        else:
            self._engine.discard_later(self._task.process_id)

    def _settle(self) -> None:
        """Give back what watching it takes."""
        self._stop_preparing.set()
        if self._cancelling:
            self._cancelling.close()
        if self._job:
            self._engine.queue.forget(self._job)

    def _live(self) -> Generator[None, None, Outcome]:
        """Begin to end; returns the outcome."""
        try:
            yield from self._end_earlier_attempts()
            job = ""
            if self._attempt is not None:
                job = yield from find_patiently(self._engine.slurm, self._attempt, self.process_id)
            else:
                image = yield from self._image()
                self._attempt = self._engine.new_attempt(self._task, image, self._say)
            self._job = job or (
                yield from submit(
                    self._engine.slurm,
                    self._attempt,
                    self.process_id,
                    sbatch_options(self._task, self._engine.settings, self._attempt.directory),
                    say=self._say,
                    cancelled=lambda: self._cancelled,
                )
            )
            error = yield from self._follow(self._attempt)
            self._gone = True
        except (_Failed, PollinatorError) as failure:
            error = str(failure)
        except OSError as problem:
            error = f"The job could not be given to Slurm: {problem}"
        finally:
            self._settle()
        return Outcome(self._given_up or ("Cancelled." if self._cancelled else error))

    def _end_earlier_attempts(self) -> Generator[None, None, None]:
        for attempt in self._engine.attempts(self.process_id):
            if self._attempt is not None and attempt.directory == self._attempt.directory:
                continue
            yield from end_attempt(self._engine.slurm, self._engine.queue, attempt, self.process_id)

    def _image(self) -> Generator[None, None, Path | None]:
        """Prepare the image in a thread of its own; return its file, None where jobs run on the bare node."""
        if not self._task.image:
            return None
        if self._engine.settings.bare:
            self._say(f"This executor runs jobs directly on the nodes; the image {self._task.image} is not used.")
            return None
        if not self._engine.runtime:
            raise _Failed(
                f"This executor cannot run the image {self._task.image}: it has neither Apptainer nor Singularity. "
                "Choose another executor, or have its runtime set."
            )
        preparing = self._engine.prepare_image(self._task, self._say, self._stop_preparing.is_set)
        while not preparing.done():
            yield
        return preparing.result()

    def _follow(self, attempt: Attempt) -> Generator[None, None, str]:
        """Watch the job to its end; return what went wrong."""
        self._engine.queue.watch(self._job)
        patience = Patience()
        while True:
            end = attempt.end  # before Slurm is heard, which knows more about it then
            self._notice_start(attempt)
            standing = self._engine.queue.standing(self._job)
            error = self._judge(attempt, end, standing, patience)
            if error is not None:
                return error
            if standing and self._restarts is None and (words := self._waiting.words(standing, self._job)):
                self._say(words)
            yield from self._pause(self._look_after_s)
            self._look_after_s = min(self._look_after_s * _GROWTH, _LOOK_S)

    def _judge(self, attempt: Attempt, end: End | None, standing: Standing | None, patience: Patience) -> str | None:
        """Return what went wrong with a job that has ended, empty if nothing did; None while it has not."""
        task, job = self._task, self._job
        if end and (not end.doubtful or self._cancelled):
            return verdict.end_error(task, end, attempt.noise)
        if standing and standing.over:
            noise = attempt.noise
            speechless = standing.state not in _HAVE_A_WORD or verdict.told_by(noise)
            if end or speechless or self._cancelled or patience.lost("file", _LATE_FILE_S):
                begun = attempt.started is not None
                return verdict.stopped_error(task, job, self._told_more(standing), end, noise, begun=begun)
            return None
        if standing and not standing.known:
            if end:
                return verdict.end_error(task, end, attempt.noise)
            return verdict.lost_error(job) if self._cancelled or patience.lost("file", _LATE_FILE_S) else None
        if end:
            return self._doubt(end, attempt, standing, patience)
        if standing and standing.hopeless:
            if patience.lost("hope", _HOPELESS_S) and not self._cancelled:
                self._given_up = verdict.hopeless_error(job, standing.reason)
                self.cancel(grace_s=0)
        elif standing:
            patience.renew()
        return None

    def _doubt(self, end: End, attempt: Attempt, standing: Standing | None, patience: Patience) -> str | None:
        """Wait for Slurm to say why it has stopped a job: for a while, or until it has started it again."""
        if not patience.lost("hurry", _HURRY_S):
            self._engine.queue.hurry()
        if (standing and standing.waiting) or not patience.lost("word", _LATE_WORD_S):
            return None
        return verdict.end_error(self._task, end, attempt.noise)

    def _told_more(self, standing: Standing) -> Standing:
        """Ask Slurm for the exit code of a job that could not tell it."""
        if standing.status is not None or standing.state not in {"FAILED", "COMPLETED"}:
            return standing
        try:
            return from_scontrol(self._engine.slurm.ask("scontrol", "-o", "show", "job", self._job))
        except SlurmTrouble:
            return standing

    def _notice_start(self, attempt: Attempt) -> None:
        started = attempt.started
        if started is None:
            return
        if started.restarts != self._restarts:
            if self._restarts is not None or (started.restarts and not self._position):
                self._say(f"Slurm has started job {self._job} again.")
            self._restarts = started.restarts
        if not self._attributes:
            with suppress(SlurmTrouble):
                nodes = self._engine.slurm.ask("scontrol", "show", "hostnames", started.nodes).split()
                self._attributes = {"NODES": ",".join(nodes), "SLURM-JOBID": started.job, "HOME": started.home}

    def _pause(self, seconds: float) -> Generator[None, None, None]:
        """Yield until so much time is over, or something has to be done, and see to what was begun."""
        self._look_at = time.monotonic() + seconds
        while time.monotonic() < self._look_at:
            yield
            self._tend_cancelling()
        yield
        self._tend_cancelling()

    def _tend_cancelling(self) -> None:
        if not self._cancelled or not self._job:
            return
        if self._cancelling is None:
            self._cancelling = Cancelling(
                self._engine.slurm,
                self._engine.queue,
                self._job,
                begun=self._restarts is not None,
                kindly_s=self._grace_s,
            )
        self._cancelling.tend()
