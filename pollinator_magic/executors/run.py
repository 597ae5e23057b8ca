"""One process from its assignment to its end: files in, job, log, files back, closed.

A process whose job was there before this worker is taken up in the middle. One that this worker has to leave, or that
the server has taken back because it thought the executor dead, stays as it is for whoever is given it next, if its
engine keeps the job.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, TypeVar

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.carrier import Carrier
from pollinator_magic.executors.deadline import Deadline
from pollinator_magic.executors.heritage import errors_of
from pollinator_magic.executors.logplace import LogPlace
from pollinator_magic.executors.logs import speaking_of
from pollinator_magic.executors.ownership import Loss
from pollinator_magic.executors.patience import insistently, patiently, pause
from pollinator_magic.executors.reporter import Reporter
from pollinator_magic.executors.specs import SYNC, task_of
from pollinator_magic.executors.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.counts import Counts
    from pollinator_magic.executors.engine import Engine, Running, Task
    from pollinator_magic.executors.journal import Past
    from pollinator_magic.executors.watch import Watch
    from pollinator_magic.executors.workspace import Store

    T = TypeVar("T")

_log = logging.getLogger(__name__)
_PATIENCE_AT_STOP_S = 5.0
_PATIENCE_WITH_LOG_S = 2.0
_PATIENCE_BEFORE_S = 120.0
_PATIENCE_AFTER_S = 900.0
_LATE = (
    "The program ended in time, but its results could not be brought back within its walltime; they follow. "
    "Ask for more with --walltime."
)
_UNEXPECTED = "The executor itself failed; its log says more. Please submit the job again."


class _Unwanted(Exception):
    """The work shall end: the process is lost, overdue, or the worker stops."""


class _Left(Exception):
    """Everything shall stay as it is: the job goes on, or waits for whoever takes it up."""


class Run:
    """Runs `process` in a thread of its own; `ended` is called from it at the end of everything.

    `began` is when it was given to us (monotonic), from which its walltime counts; None for one that is taken up again.
    """

    def __init__(
        self,
        client: Colonies,
        store: Store,
        engine: Engine,
        process: Process,
        *,
        watch: Watch,
        counts: Counts,
        began: float | None,
        ended: Callable[[Run], None],
    ) -> None:
        self.process = process
        self.closed = False
        """Whether the server has taken note of the end."""
        self.claimed = threading.Event()
        """Set when nobody else removes its files any more, or it has none."""
        self._id = process.processid
        self._store = store
        self._engine = engine
        self._counts = counts
        self._resumed = began is None
        self._ended = ended
        self._reporter = Reporter(client, process, watch=watch, placed=engine.durable)
        self._stop_error = ""
        self._abandoned = self._leaving = False
        work = speaking_of(process.processid, self._run)
        self._thread = threading.Thread(target=work, name=f"process-{process.processid[:8]}", daemon=True)
        self._deadline = Deadline(process, began=began)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, error: str) -> None:
        """Make it end soon, closed as failed with this error unless it has just ended by itself."""
        self._stop_error = error
        self._reporter.hurry(_PATIENCE_AT_STOP_S)

    def leave(self) -> None:
        """Make it end soon, and let the job and the process go on, for the next worker to take up."""
        self._leaving = True
        self._reporter.hurry(_PATIENCE_AT_STOP_S)

    def abandon(self) -> None:
        """Make it end soon without another word to the server: the process is not this run's any more."""
        self._abandoned = True
        self._reporter.abandon()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; return whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def left(self) -> bool:
        """Whether, at its end, job and files have stayed for the next attempt or worker."""
        return self._engine.durable and not self._is_over()

    @property
    def how(self) -> str:
        """In one word what has become of the process: succeeded, failed, cancelled, or lost; empty if it goes on."""
        if self.closed:
            return "failed" if self._reporter.errors else "succeeded"
        if self._reporter.loss is Loss.CANCELLED:
            return "cancelled"
        return "lost" if self._reporter.loss or self._abandoned else ""

    def _run(self) -> None:
        reporter = self._reporter
        reporter.start()
        running: list[Running] = []
        _log.info("Process %r begins.", self._id)
        try:
            self._close_in_time([self._deadline.error])
            errors = self._attempt(running)
            self.closed = reporter.close(errors)
        except _Left:
            _log.info("Process %r is left to go on.", self._id)
        else:
            _log.info("Process %r has ended: %s", self._id, " ".join([self.how, *errors]))
        finally:
            reporter.abandon()
            self._let_go(running)

    def _let_go(self, running: list[Running]) -> None:
        over = self._is_over()
        try:
            if over:
                self._store.journal.forget(self._id)
            for job in running:
                if over or not self._engine.durable:
                    job.close()
                else:
                    job.leave()
        except OSError:
            _log.exception("What belongs to the job of process %r could not be given back.", self._id)
        finally:
            self._ended(self)

    def _is_over(self) -> bool:
        """Whether nobody will ask for this attempt any more."""
        return self.closed or self._abandoned or (self._reporter.loss is not None and not self._is_to_be_left())

    def _is_to_be_left(self) -> bool:
        """Whether everything shall stay: told to, or because the server will give the process to somebody again."""
        return self._engine.durable and (self._leaving or self._reporter.loss is Loss.RELEASED)

    def _attempt(self, running: list[Running]) -> list[str]:
        """Do everything but closing the process; return what went wrong."""
        try:
            past = self._store.journal.past(self._id)
            task = task_of(self.process, attached=past.attributes if past else {})
            with Workspace(self._store, self.process) as workspace:
                self.claimed.set()
                job = self._take_up(task, past)
                if job is not None:
                    running.append(job)
                    return self._carry_back(workspace, self._see_through(job, past))
                left = errors_of(past, self.process, self._reporter.say) if past else None
                return self._work(task, workspace, running) if left is None else self._carry_back(workspace, left)
        except _Left:
            raise
        except PollinatorError as error:
            return [str(error)]
        except OSError as error:
            _log.exception("Process %r could not be run.", self._id)
            return [f"The executor cannot work with its files: {error.strerror or error}. Submit the job again later."]
        except Exception:  # noqa: BLE001  whatever is wrong with it, the process has to be closed
            _log.exception("Process %r could not be run.", self._id)
            return [_UNEXPECTED]
        finally:
            self.claimed.set()

    def _take_up(self, task: Task, past: Past | None) -> Running | None:
        """Return the job that was left for this process; None if there is none. One of a former attempt is ended."""
        if not self._engine.durable or (past is None and not self._resumed):
            return None
        if past is not None and not past.is_of(self.process):
            self._insist(lambda: self._engine.discard(self._id))
            job = None
        else:
            place = past.log if past else LogPlace()
            job = self._insist(lambda: self._engine.resume(task, place.position))
        if job is not None:
            self._reporter.go_on_from(place)
        else:
            self._reporter.go_on_after_all()
        return job

    def _insist(self, action: Callable[[], T]) -> T:
        """Do it, again and again while the engine cannot."""
        try:
            return insistently(action, wait=lambda delay_s: pause(delay_s, self._unwanted))
        except (OSError, PollinatorError):
            self._check_left()
            raise PollinatorError(self._unwanted()) from None

    def _work(self, task: Task, workspace: Workspace, running: list[Running]) -> list[str]:
        try:
            patiently(
                lambda: workspace.bring(lambda _: self._check_wanted()),
                patience_s=_PATIENCE_BEFORE_S,
                wait=lambda delay_s: pause(delay_s, self._unwanted),
                say=self._reporter.say,
            )
        except _Unwanted:
            workspace.remove()
            self._check_left()
            return [self._unwanted()]
        except PollinatorError as error:
            workspace.remove()
            self._check_left()
            return [f"The files of the job could not be brought to the executor: {error}"]
        errors = []
        if self.process.spec.funcname != SYNC:
            self._store.journal.begin(self.process, self._reporter.place("", self._reporter.said))
            running.append(self._engine.start(task))
            errors = self._see_through(running[0], None)
        return self._carry_back(workspace, errors)

    def _see_through(self, job: Running, past: Past | None) -> list[str]:
        """Carry the log until the job has ended; return what went wrong. What had ended before keeps its errors."""
        known = past.errors if past else None
        if known is not None and past and past.log_is_whole:
            return known
        ended = self._execute(job)
        errors = ended if known is None else known
        whole = self._reporter.flush(_PATIENCE_WITH_LOG_S)  # what only this process has dies with it
        self._store.journal.end(self._id, errors, log_is_whole=whole)
        return errors

    def _carry_back(self, workspace: Workspace, errors: list[str]) -> list[str]:
        """Bring home what the program left, if it is still wanted; return what went wrong in all."""
        if self._engine.durable and self._reporter.loss is Loss.RELEASED:
            raise _Left  # the next attempt does it; if this one is only told to leave, it may as well
        if not self._abandoned and self._reporter.loss in {None, Loss.CANCELLED}:
            self._close_in_time(errors or [_LATE])
            try:
                patiently(
                    workspace.carry_back,
                    patience_s=_PATIENCE_AFTER_S,
                    wait=lambda delay_s: pause(delay_s, self._nobody_waits),
                    say=self._reporter.say,
                    precious=True,
                )
            except PollinatorError as error:
                self._check_left()
                return [*errors, f"The results could not be brought back, and stay on the executor: {error}"]
        workspace.remove()
        return errors

    def _nobody_waits(self) -> bool:
        """Whether the results are not this run's to bring back any more, or the worker stops."""
        lost = self._reporter.loss is Loss.TAKEN or self._reporter.loss is Loss.RELEASED
        return bool(self._stop_error) or self._leaving or self._abandoned or lost

    def _execute(self, job: Running) -> list[str]:
        """Carry the log until the job has ended and all is read; return what went wrong."""
        durable = self._engine.durable
        carrier = Carrier(job, self.process, self._reporter, self._store.journal, self._counts, noting=durable)
        stopped = ""
        while True:
            outcome = job.poll()
            if self._is_to_be_left():
                self._reporter.flush(_PATIENCE_WITH_LOG_S)
                carrier.note()
                raise _Left
            unwanted = self._unwanted()
            if unwanted and not stopped and outcome is None:
                stopped = unwanted
                job.cancel(grace_s=self._deadline.grace_s)
            more = carrier.carry()
            if outcome is not None and not (more and (self._reporter.has_room or not unwanted)):
                break
        carrier.finish()
        error = stopped or outcome.error
        return [error] if error else []

    def _close_in_time(self, errors: list[str]) -> None:
        """Have the process closed with these errors if it is still open when its time is nearly up.

        Otherwise the server would start it again, here or elsewhere.
        """
        self._reporter.close_at(self._deadline.close_at, errors)

    def _check_left(self) -> None:
        if self._is_to_be_left():
            raise _Left

    def _check_wanted(self) -> None:
        if self._unwanted():
            raise _Unwanted

    def _unwanted(self) -> str:
        """Why this shall end now; empty if it shall not."""
        if self._stop_error:
            return self._stop_error
        if self._abandoned or self._leaving or self._reporter.loss:
            return "Cancelled."
        return self._deadline.error if self._deadline.passed else ""
