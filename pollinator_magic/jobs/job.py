"""A job: one process with its project, its log and its results. Usable from any Python program."""

from __future__ import annotations

import re
import threading
from contextlib import closing, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import (
    ConfigurationError,
    InvalidReply,
    JobCancelled,
    JobFailed,
    PollinatorError,
    UsageError,
)
from pollinator_magic.jobs import localresults
from pollinator_magic.jobs.events import Raised, StateChanged
from pollinator_magic.jobs.follow import Pause, follow, wait_until_closed
from pollinator_magic.jobs.log import JobLog, LogFile, printable
from pollinator_magic.jobs.parameters import parameters_of
from pollinator_magic.jobs.position import Reading
from pollinator_magic.jobs.results import HIDDEN, Results, show_in
from pollinator_magic.jobs.stream import LogDecoder
from pollinator_magic.jobs.variables import FILES, Variables, require_closed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.colonies.events import ProcessWatch
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs.events import Event
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project

TAIL_LINES = 20
LINES_IN_MESSAGE = 5
LINES_OF_TRACEBACK = 15
_ENTRIES_WITH_END = 50
_LONGEST_LINE = 2000
_ERRORS = 10  # of the executor: all that it and the program say ends up in the notebook's file
_REMEDIES = (
    (re.compile(r"(?i)walltime"), "Give it more time with --walltime. "),
    (re.compile(r"SIGKILL|signal 9\b|status 137\b|(?i:out.of.memory)"), "It may have needed more memory: see --mem. "),
    (re.compile(r"status 127\b"), "A command of it was not found: see --cmd, --init and --image. "),
)
_EXIT_STATUS = re.compile(r"(?i)exit (?:status|code):? \d+(?: (?:on|of|in) .*)?")
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
        self.allow_pickle = False
        """Whether values that came back as pickles are read, which can run any code."""
        self._log = JobLog(session.client, self.id)
        self._fetched: Path | None = None
        self._raised: Raised | None = None
        self._end_read = False

    @classmethod
    def attach(cls, session: Session, id_or_prefix: str, project: Project | None = None) -> Job:
        """Take up a job again by its process id or an unambiguous beginning of it."""
        return cls.of(session, session.find_process(id_or_prefix), project)

    @classmethod
    def of(cls, session: Session, process: Process, project: Project | None) -> Job:
        """Return the job of a process, with the project if that is its own."""
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
            found = self.session.client.process(self.id)
            if not self.process.status.closed:  # the poller may have heard of its end while we were asking
                self.process = found
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
    def parameters(self) -> dict[str, Any]:
        """What a sweep has set for this job; empty for a job of its own."""
        return parameters_of(self.process.spec.env)

    @property
    def dashboard_url(self) -> str:
        """The process's page on the colony's dashboard, or nothing."""
        base = self.session.connection.dashboard_url
        return f"{base}/process?processid={self.id}" if base else ""

    @property
    def log(self) -> JobLog:
        """The whole log."""
        return self._log

    def follow(self, *, resume: bool = False, stop: threading.Event | None = None) -> Iterator[Event]:
        """Yield state changes, log text and rich outputs in order until the process is closed, or soon after `stop`.

        Survives lost connections without a gap or a repeat; raises only for what repeating cannot mend. The log is
        also kept in the project's `cfs/log/<process id>.log`. `resume` goes on where following this job in this project
        stopped the last time, which may have been in another process; see `position`.
        """
        stop = stop or threading.Event()
        with closing(self._watch(log=True)) as hints, closing(Reading(self.project, self.id, resume=resume)) as reading:
            pause = Pause(hints, stop, reading.save_if_due)
            for event in follow(self.session.client, self.process, cursor=reading.cursor, hints=pause, stop=stop):
                yield from self.noticing(reading.events(event))

    def noticing(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass events on, having learnt from them what state the job is in and what it raised."""
        for event in events:
            if isinstance(event, StateChanged):
                self.process = event.process
            elif isinstance(event, Raised):
                self._raised = event
            yield event

    def keep_log(self) -> None:
        """Keep the log of a job that nobody has followed in `cfs/log/<process id>.log` of the project."""
        if self.project is None or (path := self.project.log / f"{self.id}.log").exists():
            return
        log = str(self.log)
        with closing(LogFile(path)) as file:
            file.write(log)

    def wait(self, timeout_s: float | None = None) -> Job:
        """Wait until the process is closed; return the job, or raise JobFailed, JobCancelled or TimeoutError.

        `timeout_s` ends the waiting, not the job.
        """
        if not self.process.status.closed:
            with closing(self._watch(log=False)) as hints:
                self.process = wait_until_closed(self.session.client, self.process, hints=hints, timeout_s=timeout_s)
        self.raise_unless_successful()
        return self

    def _watch(self, *, log: bool) -> ProcessWatch:
        from pollinator_magic.colonies.events import ProcessWatch

        client = self.session.client
        watch = ProcessWatch(
            client.server, self.session.connection.key, client.colony, self.id, log=log, verify=client.rpc.verify
        )
        watch.start()
        return watch

    def cancel(self, *, with_graph: bool = False) -> None:
        """Cancel the process; one that is closed already is left as it is.

        A step of a graph cannot be cancelled alone: `with_graph` cancels the graph, otherwise UsageError is raised.
        """
        process, client = self.refresh(), self.session.client
        if process.status.closed:
            return
        graph = process.processgraphid
        if graph and not with_graph:
            raise UsageError(
                f"Process {self.short_id} is step {process.spec.nodename!r} of graph {graph[:12]}, which can only be "
                f"cancelled as a whole: `%pollinator cancel {graph[:12]}`."
            )
        try:
            if graph:
                client.cancel_graph(graph)
            else:
                client.cancel(self.id)
        except PollinatorError:
            if not self.refresh().status.closed:  # it may have ended by itself just before
                raise
        self.refresh()

    @property
    def exception(self) -> Raised | None:
        """What the program of the last attempt ended with, as far as its log tells; None if it did not raise."""
        process = self.process
        if self._raised is None and process.status is ProcessState.FAILED and not self._end_read:
            decoder = LogDecoder()
            events = [
                event
                for entry in self.log.end(_ENTRIES_WITH_END)
                for event in decoder.feed(entry.message, entry.timestamp)
            ]
            self._raised = next((event for event in reversed(events) if isinstance(event, Raised)), None)
            self._end_read = True
        began_ns = process.started_at.timestamp() * 1e9 if process.started_at else 0
        return self._raised if self._raised and self._raised.timestamp_ns >= began_ns and not self.succeeded else None

    def learn_errors(self) -> list[str]:
        """Return why the process failed, as the executor said it: a server may tell it a moment after the state."""
        if self.process.status is ProcessState.FAILED and not self.process.errors:
            with suppress(PollinatorError):
                self.process = self.session.client.process(self.id)
        return self.process.errors

    def raise_unless_successful(self, *, shown: bool = False) -> None:
        """Raise JobFailed or JobCancelled, with what the executor said and the last lines of the log.

        With `shown` the log has just been seen: the message says what went wrong, but does not repeat how it ended.
        """
        process = self.process
        if process.status is ProcessState.CANCELLED:
            raise JobCancelled(f"Process {self.short_id} was cancelled.", process_id=self.id)
        if process.status is ProcessState.SUCCESS:
            return
        exception, tail = self._last_words()
        errors = self.learn_errors()
        end = [] if shown else self._end(exception, tail)
        raise JobFailed(
            self._failure(exception, end),
            process_id=self.id,
            errors=errors,
            log_tail=tail,
            exception=exception,
        )

    def _last_words(self) -> tuple[Raised | None, str]:
        """Return what the program raised and the end of its log; that it cannot be had never hides the failure."""
        try:
            return self.exception, self.log.tail(TAIL_LINES)
        except PollinatorError:
            return self._raised, ""

    @staticmethod
    def _end(exception: Raised | None, tail: str) -> list[str]:
        if exception is not None and exception.traceback:
            lines = exception.traceback.splitlines()[-LINES_OF_TRACEBACK:]
        else:
            lines = tail.splitlines()[-LINES_IN_MESSAGE:]
        return [_shortened(line, _LONGEST_LINE) for line in lines]

    def _failure(self, exception: Raised | None, end: Sequence[str]) -> str:
        """Say what failed where, the end of the log, what was kept, and where to read on."""
        where = ", ".join(self.executor_names) or "its executor"
        lines = [f"Process {self.short_id} failed on {where}: {self._reason(exception)}."]
        lines += [f"  | {line}" for line in end]
        kept = Results(self._fetched) if self._fetched else None
        if kept:
            lines.append(f"It left {kept.count}, which were fetched.")
        advice = _advice(self.process.errors, exception)
        lines.append(f"{advice}`%pollinator logs {self.short_id}` shows the whole log.")
        return printable("\n".join(lines))

    def _reason(self, exception: Raised | None) -> str:
        """Say what the program raised, if that is known, and what the executor said beyond its exit status."""
        errors = [_shortened(error.strip().removesuffix("."), _LONGEST_LINE) for error in self.process.errors[:_ERRORS]]
        if exception is None:
            return "; ".join(errors) or "the executor gave no reason"
        return "; ".join([exception.summary, *(error for error in errors if not _EXIT_STATUS.fullmatch(error))])

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

        Only there are the values that came back, whatever the patterns, because nobody else can read them.
        Raises ConfigurationError without a project and without `to`.
        """
        target = to or self._own_directory()
        label = self.result_label
        brought = []
        if label is not None:
            own = f"{HIDDEN}/*"
            brought = self.session.filesystem.pull(
                label,
                target,
                patterns=(*patterns, own) if to is None else patterns,
                without=() if to is None else (own,),
                progress=progress,
            )
        if to is None:
            self._fetched = target
        return Results(target, brought)

    @property
    def value(self) -> Any:
        """The value of a Python cell's last expression, None if it has none; fetched if it has not been.

        Raises VariableError, which says why, where there is a value that is not here or cannot be read, and while the
        process is open: nothing waits here.
        """
        return self.variables.value()

    @cached_property
    def variables(self) -> Variables:
        """The variables that a Python cell brought back (`--out`), by name; fetched if they have not been.

        Raises VariableError while the process is open.
        """
        require_closed(self)
        directory, label = self._own_directory(), self.result_label
        if self._fetched is None and label is not None:
            self.session.filesystem.pull(label, directory, patterns=FILES)
        return Variables(self, directory / HIDDEN)

    def show_results(self) -> None:
        """Make `cfs/result` of the project show this job's results; raise ProjectError if it cannot be written."""
        if self.project is not None:
            results = self.results
            show_in(self.project, results, f"The results of process {self.short_id} are in {str(results.root)!r}")

    def _own_directory(self) -> Path:
        if self.project is None:
            raise ConfigurationError(
                f"The project of process {self.short_id} is not in this directory: say where its results shall go."
            )
        return localresults.results(self.project, self.id)

    def __repr__(self) -> str:
        names = ", ".join(self.executor_names) or "any executor"
        return f"<Job {self.short_id} on {names}: {self.process.status}>"


def _advice(errors: Sequence[str], exception: Raised | None) -> str:
    """Say what may help, where that is known."""
    if exception is not None and exception.name == "ModuleNotFoundError":
        return "Packages that are not there can be installed with --pip. "
    said = "; ".join(errors)
    return next((remedy for pattern, remedy in _REMEDIES if pattern.search(said)), "")


def _checked_id(process: Process) -> str:
    """Return the id of a process; it comes from the server, and files are named by it."""
    if not _ID.fullmatch(process.processid):
        raise InvalidReply(f"The Colonies server names a process {process.processid[:64]!a}, which cannot be its id.")
    return process.processid


def _belongs(process: Process, project: Project) -> bool:
    return any(f"/pollinator/{project.name}/" in mount.label for mount in process.spec.fs.dirs)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
