"""One process from its assignment to its end: files in, job, log, files back, closed."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.logbatch import LineAssembler
from pollinator_magic.executors.patience import patiently
from pollinator_magic.executors.reporter import Loss, Reporter
from pollinator_magic.executors.specs import SYNC, task_of
from pollinator_magic.executors.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.engine import Engine, Running, Task
    from pollinator_magic.executors.workspace import Store

_log = logging.getLogger(__name__)
_READ_S = 0.1
_GRACE_S = 5.0
_PATIENCE_AT_STOP_S = 5.0
_PATIENCE_WITH_LOG_S = 2.0
_PATIENCE_BEFORE_S = 120.0
_PATIENCE_AFTER_S = 900.0
_LATE = (
    "The program ended in time, but its results could not be brought back within its walltime; they follow. "
    "Ask for more with --walltime."
)
_UNEXPECTED = "The executor itself failed; its log says more. Please submit the job again."
_CUT_OFF = "The executor was killed while the job was running, in the last of its {tries} tries. Submit it again."
_AGAIN = "\nThe executor was killed while this job was running; it is run again (try {now} of {most}).\n"
_TAKEN_UP = "\nThe executor was killed after the program had ended; what was printed last may be missing here.\n"


class _Unwanted(Exception):
    """The work shall end: the process is lost, overdue, or the worker stops."""


class Run:
    """Runs `process` in a thread of its own; `ended` is called from it at the end of everything.

    One that is `resumed` was assigned some time ago, which counts into its walltime.
    """

    def __init__(
        self,
        client: Colonies,
        store: Store,
        engine: Engine,
        process: Process,
        *,
        resumed: bool,
        ended: Callable[[Run], None],
    ) -> None:
        self.process = process
        self._store = store
        self._engine = engine
        self._ended = ended
        self._reporter = Reporter(client, process)
        self._stop_error = ""
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name=f"process-{process.processid[:8]}", daemon=True)
        limit_s = process.spec.maxexectime
        self._margin_s = min(1.0, limit_s / 4)
        self._overdue_at = time.monotonic() + limit_s - self._margin_s
        if resumed:  # only then, because it compares this clock with the server's
            self._overdue_at -= _seconds_since_start(process)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, error: str) -> None:
        """Make it end soon, closed as failed with this error unless it has just ended by itself."""
        self._stop_error = error
        self._reporter.hurry(_PATIENCE_AT_STOP_S)

    def abandon(self) -> None:
        """Make it end soon without another word to the server: the process is not this run's any more."""
        self._abandoned = True
        self._reporter.abandon()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; return whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        reporter = self._reporter
        reporter.start()
        running: list[Running] = []
        try:
            self._close_in_time([self._overdue()])
            errors = self._attempt(running)
            closed = reporter.close(errors)
            if closed or reporter.loss or self._abandoned:
                self._store.journal.forget(self.process)
        finally:
            reporter.abandon()
            for job in running:
                job.close()
            self._ended(self)

    def _attempt(self, running: list[Running]) -> list[str]:
        """Do everything but closing the process; return what went wrong."""
        try:
            task = task_of(self.process)
            with Workspace(self._store, self.process) as workspace:
                left = self._left_by_another()
                return self._work(task, workspace, running) if left is None else self._carry_back(workspace, left)
        except PollinatorError as error:
            return [str(error)]
        except OSError as error:
            _log.exception("Process %r could not be run.", self.process.processid)
            return [f"The executor cannot work with its files: {error.strerror or error}. Submit the job again later."]
        except Exception:  # noqa: BLE001  whatever is wrong with it, the process has to be closed
            _log.exception("Process %r could not be run.", self.process.processid)
            return [_UNEXPECTED]

    def _left_by_another(self) -> list[str] | None:
        """Return the errors of a program that has ended under a worker that was killed, or was cut off for good.

        None if the program is to be run; where that is not for the first time, the log says so.
        """
        past = self._store.journal.past(self.process)
        if past is None:
            return None
        if past.errors is not None:
            if not past.log_is_whole:
                self._reporter.say(_TAKEN_UP)
            return past.errors
        most = self.process.spec.maxretries + 1
        if not past.allows(self.process):
            return [_CUT_OFF.format(tries=most)]
        self._reporter.say(_AGAIN.format(now=past.tries + 1, most=most or "any number"))
        return None

    def _work(self, task: Task, workspace: Workspace, running: list[Running]) -> list[str]:
        try:
            patiently(
                lambda: workspace.bring(lambda _: self._check_wanted()),
                patience_s=_PATIENCE_BEFORE_S,
                wait=lambda delay_s: self._pause(delay_s, self._unwanted),
                say=self._reporter.say,
            )
        except _Unwanted:
            workspace.remove()
            return [self._unwanted()]
        except PollinatorError as error:
            workspace.remove()
            return [f"The files of the job could not be brought to the executor: {error}"]
        errors = []
        if self.process.spec.funcname != SYNC:
            self._store.journal.begin(self.process)
            running.append(self._engine.start(task))
            errors = self._execute(running[0])
            whole = self._reporter.flush(_PATIENCE_WITH_LOG_S)  # what only this process has dies with it
            self._store.journal.end(self.process, errors, log_is_whole=whole)
        return self._carry_back(workspace, errors)

    def _carry_back(self, workspace: Workspace, errors: list[str]) -> list[str]:
        """Bring home what the program left, if it is still wanted; return what went wrong in all."""
        if not self._abandoned and self._reporter.loss is not Loss.TAKEN:
            self._close_in_time(errors or [_LATE])
            try:
                patiently(
                    workspace.carry_back,
                    patience_s=_PATIENCE_AFTER_S,
                    wait=lambda delay_s: self._pause(delay_s, self._nobody_waits),
                    say=self._reporter.say,
                    precious=True,
                )
            except PollinatorError as error:
                return [*errors, f"The results could not be brought back, and stay on the executor: {error}"]
        workspace.remove()
        return errors

    @staticmethod
    def _pause(delay_s: float, unwanted: Callable[[], object]) -> bool:
        """Wait; return whether to go on."""
        until = time.monotonic() + delay_s
        while not unwanted() and time.monotonic() < until:
            time.sleep(_READ_S)
        return not unwanted()

    def _nobody_waits(self) -> bool:
        """Whether the results are not this run's to bring back any more, or the worker stops."""
        return bool(self._stop_error) or self._abandoned or self._reporter.loss is Loss.TAKEN

    def _execute(self, job: Running) -> list[str]:
        """Carry the log until the job has ended; return what went wrong."""
        lines = LineAssembler()
        stopped = ""
        while (outcome := job.poll()) is None:
            if not stopped and (stopped := self._unwanted()):
                job.cancel(grace_s=self._grace_s())
            if self._reporter.has_room:
                lines.feed(job.read(_READ_S), time.monotonic())
                self._reporter.say(lines.take(time.monotonic()))
            else:
                time.sleep(_READ_S)
        while data := job.read(0):
            lines.feed(data, time.monotonic())
        self._reporter.say(lines.finish())
        error = stopped or outcome.error
        return [error] if error else []

    def _close_in_time(self, errors: list[str]) -> None:
        """Have the process closed with these errors if it is still open when its time is nearly over.

        Otherwise the server would start it again, here or elsewhere.
        """
        self._reporter.close_at(self._overdue_at + 0.75 * self._margin_s, errors)

    def _check_wanted(self) -> None:
        if self._unwanted():
            raise _Unwanted

    def _unwanted(self) -> str:
        """Why this shall end now; empty if it shall not."""
        if self._stop_error:
            return self._stop_error
        if self._abandoned or self._reporter.loss:
            return "Cancelled."
        return self._overdue() if time.monotonic() >= self._overdue_at else ""

    def _overdue(self) -> str:
        return f"Stopped: ran longer than its walltime of {self.process.spec.conditions.walltime} s"

    def _grace_s(self) -> float:
        """How long the job may take to end: what is left until the process has to be closed, with time for results."""
        left_s = self._overdue_at + 0.4 * self._margin_s - time.monotonic()
        return max(0.0, min(_GRACE_S, left_s))


def _seconds_since_start(process: Process) -> float:
    """Return for how long the process has been running already, if it was taken up again."""
    if process.started_at is None:
        return 0.0
    return max(0.0, (datetime.now(timezone.utc) - process.started_at).total_seconds())
