"""A job: one process with its project, its log and its results. Usable from any Python program."""

from __future__ import annotations

import re
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import (
    ConfigurationError,
    InvalidReply,
    JobCancelled,
    JobFailed,
    PollinatorError,
    ProjectError,
)
from pollinator_magic.jobs import results as results_module
from pollinator_magic.jobs.events import LogText, StateChanged
from pollinator_magic.jobs.follow import follow, wait_until_closed
from pollinator_magic.jobs.log import JobLog, LogCursor, LogFile, printable
from pollinator_magic.jobs.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.colonies.events import ProcessWatch
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs.events import Event
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project

TAIL_LINES = 20
LINES_IN_MESSAGE = 5
_ID = re.compile(r"[0-9A-Za-z]+")


class Job:
    """A process of a colony, and what it leaves.

    It lives on the server: `Job.attach` takes it up again from any notebook or machine. `project` is None where the
    project's directory is not here; then results can only be pulled to a directory that is named.
    """

    def __init__(self, session: Session, process: Process, project: Project | None = None) -> None:
        self.session = session
        self.process = process
        self.project = project
        self.id = _checked_id(process)
        """The process id, 64 hex characters."""
        self._log = JobLog(session.client, self.id)
        self._fetched: Path | None = None

    @classmethod
    def attach(cls, session: Session, id_or_prefix: str, project: Project | None = None) -> Job:
        """Take up a job again by its process id or an unambiguous beginning of it."""
        process = session.find_process(id_or_prefix)
        return cls(session, process, project if project is not None and _belongs(process, project) else None)

    @property
    def short_id(self) -> str:
        """Enough of the id to name the job in this colony."""
        return self.id[:12]

    @property
    def state(self) -> ProcessState:
        """The state now, from the server while the process is open."""
        return self.refresh().status

    def refresh(self) -> Process:
        """Ask the server for the process, unless it is closed, and return it."""
        if not self.process.status.closed:
            self.process = self.session.client.process(self.id)
        return self.process

    @property
    def succeeded(self) -> bool:
        """Whether the process is known to have closed successfully."""
        return self.process.status is ProcessState.SUCCESS

    @property
    def executor_names(self) -> tuple[str, ...]:
        """The executors that may run it; empty for any."""
        return tuple(self.process.spec.conditions.executornames or ())

    @property
    def dashboard_url(self) -> str:
        """The process's page on the colony's dashboard, or nothing."""
        base = self.session.connection.dashboard_url
        return f"{base}/process?processid={self.id}" if base else ""

    @property
    def log(self) -> JobLog:
        """The whole log."""
        return self._log

    def follow(self, *, cursor: LogCursor | None = None) -> Iterator[Event]:
        """Yield state changes and log text in order until the process is closed.

        Survives lost connections without a gap or a repeat; raises only for what repeating cannot mend. Read from its
        beginning, the log is also kept in the project's `cfs/log/<process id>.log`.
        """
        with closing(self._watch()) as hints, self._log_file(cursor) as keep:
            for event in follow(self.session.client, self.process, cursor=cursor, hints=hints):
                if isinstance(event, StateChanged):
                    self.process = event.process
                elif isinstance(event, LogText) and keep is not None:
                    keep.write(event.text)
                yield event

    def wait(self, timeout_s: float | None = None) -> Job:
        """Wait until the process is closed; return the job, or raise JobFailed, JobCancelled or TimeoutError.

        `timeout_s` ends the waiting, not the job.
        """
        if not self.process.status.closed:
            with closing(self._watch()) as hints:
                self.process = wait_until_closed(self.session.client, self.process, hints=hints, timeout_s=timeout_s)
        self.raise_unless_successful()
        return self

    def _watch(self) -> ProcessWatch:
        from pollinator_magic.colonies.events import ProcessWatch

        client = self.session.client
        watch = ProcessWatch(
            client.server, self.session.connection.key, client.colony, self.id, verify=client.rpc.verify
        )
        watch.start()
        return watch

    def _log_file(self, cursor: LogCursor | None) -> AbstractContextManager[LogFile | None]:
        if self.project is None or cursor is not None:
            return nullcontext()
        return LogFile(self.project.log / f"{self.id}.log")

    def cancel(self) -> None:
        """Cancel the process; one that is closed already is left as it is."""
        if self.refresh().status.closed:
            return
        try:
            self.session.client.cancel(self.id)
        except PollinatorError:
            if not self.refresh().status.closed:  # it may have ended by itself just before
                raise
        self.refresh()

    def raise_unless_successful(self) -> None:
        """Raise JobFailed or JobCancelled, with what the executor said and the last lines of the log."""
        process = self.process
        if process.status is ProcessState.CANCELLED:
            raise JobCancelled(f"Process {self.short_id} was cancelled.", process_id=self.id)
        if process.status is ProcessState.SUCCESS:
            return
        tail = self.log.tail(TAIL_LINES)
        raise JobFailed(self._failure(tail), process_id=self.id, errors=process.errors, log_tail=tail)

    def _failure(self, tail: str) -> str:
        """Say what failed where, the end of the log, what was kept, and where to read on."""
        said = "; ".join(error.strip() for error in self.process.errors) or "the executor gave no reason"
        where = ", ".join(self.executor_names) or "its executor"
        lines = [f"Process {self.short_id} failed on {where}: {said.removesuffix('.')}."]
        lines += [f"  | {line}" for line in tail.splitlines()[-LINES_IN_MESSAGE:]]
        kept = Results(self._fetched) if self._fetched else None
        if kept:
            lines.append(f"It left {kept.count}, which were fetched.")
        lines.append(f"`%pollinator logs {self.short_id}` shows the whole log.")
        return printable("\n".join(lines))

    # --- results ---------------------------------------------------------------------------------------------------

    @property
    def result_label(self) -> str | None:
        """The label under which the executor leaves the results; None for a process that is none of Pollinator's."""
        labels = [mount.label for mount in self.process.spec.fs.dirs if mount.label.endswith("/result")]
        return labels[0].replace("{processid}", self.id) if labels else None

    @property
    def results(self) -> Results:
        """The files that the job left; fetched if they have not been."""
        return self.fetch_results() if self._fetched is None else Results(self._fetched)

    def fetch_results(
        self, patterns: Sequence[str] = ("*",), *, to: Path | None = None, progress: Progress | None = None
    ) -> Results:
        """Bring the results that match `patterns` into `to`, by default this job's own directory of the project.

        Raises ConfigurationError without a project and without `to`.
        """
        target = to or self._own_directory()
        label = self.result_label
        brought = []
        if label is not None:
            brought = self.session.filesystem.pull(label, target, patterns=tuple(patterns), progress=progress)
        if to is None:
            self._fetched = target
        return Results(target, brought)

    def show_results(self) -> None:
        """Make `cfs/result` of the project show this job's results; raise ProjectError if it cannot be written."""
        if self.project is not None:
            results = self.results
            try:
                with self.project.lock():
                    results_module.show(results, self.project.result, self.project.state)
            except OSError as error:
                raise ProjectError(
                    f"The results of process {self.short_id} are in {str(results.root)!r}, "
                    f"but could not be copied to {str(self.project.result)!r}: {error.strerror}."
                ) from None

    def _own_directory(self) -> Path:
        if self.project is None:
            raise ConfigurationError(
                f"The project of process {self.short_id} is not in this directory: say where its results shall go."
            )
        return self.project.state / "jobs" / self.id / "result"

    def __repr__(self) -> str:
        names = ", ".join(self.executor_names) or "any executor"
        return f"<Job {self.short_id} on {names}: {self.process.status}>"


def _checked_id(process: Process) -> str:
    """Return the id of a process; it comes from the server, and files are named by it."""
    if not _ID.fullmatch(process.processid):
        raise InvalidReply(f"The Colonies server names a process {process.processid[:64]!a}, which cannot be its id.")
    return process.processid


def _belongs(process: Process, project: Project) -> bool:
    return any(f"/pollinator/{project.name}/" in mount.label for mount in process.spec.fs.dirs)
