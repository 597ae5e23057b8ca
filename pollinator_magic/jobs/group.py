"""Many jobs of one cell: a sequence of jobs, each with parameters of its own, that one poller watches for all.

They run what one push has frozen, so submitting any of them again carries nothing. What a group says of its jobs'
states is kept up to date by the session's poller; what they gave back is asked for when it is wanted.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from pollinator_magic.cfs.crew import Crew
from pollinator_magic.colonies.models import FunctionSpec, ProcessState
from pollinator_magic.errors import GroupFailed, GroupIncomplete, JobCancelled, PollinatorError
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.listeners import Change, Listeners
from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.outcomes import Outcome, Row, bring
from pollinator_magic.jobs.submission import AT_ONCE, submit_once

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    import pandas as pd

    from pollinator_magic.cfs.crew import Halt
    from pollinator_magic.jobs.freezing import Frozen
    from pollinator_magic.jobs.results import Results
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project

R = TypeVar("R")

_CARRIED_AT_ONCE = 8
_LOGS_READ = 50  # of failed jobs, to know what they ended with
_SHOWN = 20  # jobs in a repr
_NAMED = 5  # failed jobs in a message


@dataclass
class Member:
    """What a job of a group shall be, and the job, once it has been submitted."""

    parameters: dict[str, object]
    spec: FunctionSpec
    job: Job | None = None


@dataclass(eq=False)
class Group(Sequence[Job]):
    """The jobs of a sweep that have been submitted, in the order of their parameters."""

    session: Session
    project: Project
    members: list[Member] = field(repr=False)
    frozen: Frozen | None = field(default=None, repr=False)
    """What the last push has frozen; None if nothing had to be pushed."""
    _outcomes: dict[str, Outcome] = field(default_factory=dict, init=False, repr=False)
    _listeners: Listeners = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._listeners = Listeners(self.session)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> Group: ...
    def __getitem__(self, index: int | slice) -> Job | Group:
        if isinstance(index, slice):
            return Group(self.session, self.project, self._submitted[index], self.frozen)
        return self._jobs[index]

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def parameters(self) -> list[dict[str, object]]:
        """The parameters of each job."""
        return [member.parameters for member in self._submitted]

    @property
    def missing(self) -> list[dict[str, object]]:
        """The parameters of jobs that could not be submitted."""
        return [member.parameters for member in self.members if member.job is None]

    @property
    def executor_names(self) -> tuple[str, ...]:
        """The executors that may run the jobs; empty for any."""
        return self.project.executors

    @property
    def _submitted(self) -> list[Member]:
        return [member for member in self.members if member.job is not None]

    @property
    def _jobs(self) -> list[Job]:
        return [member.job for member in self.members if member.job is not None]

    # --- how far they are --------------------------------------------------------------------------------------------

    def counts(self) -> dict[ProcessState, int]:
        """Return how many jobs are in each state, for the states that any is in."""
        self._keep_current()
        return self.known_counts

    @property
    def known_counts(self) -> dict[ProcessState, int]:
        """The same as far as it is known without asking."""
        found = Counter(job.process.status for job in self._jobs)
        return {state: found[state] for state in ProcessState if found[state]}

    @property
    def done(self) -> bool:
        """Whether all jobs are closed."""
        self._keep_current()
        return not self._open

    @property
    def failed(self) -> list[Job]:
        """The jobs that have failed; those that were cancelled are not among them."""
        self._keep_current()
        return [job for job in self._jobs if _has_failed(job)]

    @property
    def _open(self) -> list[Job]:
        return [job for job in self._jobs if not job.process.status.closed]

    def rows(self) -> list[Row]:
        """Return what is known of each job, without asking for anything."""
        return [
            Row(member.parameters, member.job, self._outcomes.get(member.job.id if member.job else "") or Outcome())
            for member in self.members
        ]

    # --- waiting -----------------------------------------------------------------------------------------------------

    def follow(self, stop: threading.Event | None = None) -> Iterator[Change]:
        """Yield what changes until all jobs are closed, or soon after `stop` is set."""
        return self._changes(lambda: stop is not None and stop.is_set())

    def wait(self, timeout_s: float | None = None) -> Group:
        """Wait until all jobs are closed; return the group, or raise GroupFailed, JobCancelled or TimeoutError.

        `timeout_s` ends the waiting, not the jobs.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for _ in self._changes(lambda: deadline is not None and time.monotonic() >= deadline):
            pass
        if self._open:
            raise TimeoutError(f"{len(self._open)} of {count_of_jobs(len(self))} are still waiting or running.")
        self.raise_unless_successful()
        return self

    def listen(self, listener: Callable[[Change], object]) -> Callable[[], None]:
        """Have `listener` told of every change, in the poller's thread; return what ends that."""
        end = self._listeners.add(listener)
        self._listeners.watch(self._jobs)
        return end

    def _changes(self, is_stopped: Callable[[], bool]) -> Iterator[Change]:
        self._listeners.watch(self._jobs)
        untold = {job.id: job for job in self._open}
        for change in self._listeners.changes(lambda: not self._open, is_stopped):
            if isinstance(change, Job) and change.process.status.closed:
                untold.pop(change.id, None)
            yield change
        yield from (job for job in untold.values() if job.process.status.closed)  # whoever cancelled them knew first

    def _keep_current(self) -> None:
        """Have the states known from now on; ask once for those of jobs that were not watched until now."""
        in_parallel(Job.refresh, self._listeners.unwatched(self._jobs))
        self._listeners.watch(self._jobs)

    def raise_unless_successful(self) -> None:
        """Raise GroupFailed, naming the first failures, or JobCancelled, unless all jobs have succeeded."""
        failed = [job for job in self._jobs if _has_failed(job)]
        if failed:
            self.collect()
            raise GroupFailed(self._failure(), process_ids=[job.id for job in failed])
        cancelled = [job for job in self._jobs if job.process.status is ProcessState.CANCELLED]
        if cancelled:
            raise JobCancelled(
                f"{len(cancelled)} of {count_of_jobs(len(self))} were cancelled. "
                "`_.rerun_failed()` submits them again.",
                process_id=cancelled[0].id,
            )

    def _failure(self) -> str:
        failed = [row for row in self.rows() if row.job is not None and _has_failed(row.job)]
        where = ", ".join(self.executor_names) or "their executors"
        lines = [f"{len(failed)} of {count_of_jobs(len(self))} failed on {where}."]
        lines += [f"  {row.label}: {row.says}" for row in failed[:_NAMED]]
        if len(failed) > _NAMED:
            lines.append(f"  and {len(failed) - _NAMED} more")
        lines.append("`_.rerun_failed()` runs them again; `_.failed` has them, with their logs.")
        return printable("\n".join(lines))

    # --- submitting and cancelling -----------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Cancel all open jobs; raise what kept one from being cancelled when all others are."""

        def one(job: Job) -> PollinatorError | None:
            try:
                job.cancel()
            except PollinatorError as error:
                return error
            return None

        errors = [error for error in in_parallel(one, self._open) if error is not None]
        if errors:
            raise errors[0]

    def submit_missing(self, changed: Callable[[Group], None] = lambda _: None) -> Group:
        """Submit what has not been submitted yet, for example because the connection broke; return this group.

        `changed` is called at once and while the group grows, in this thread. Raises GroupIncomplete if there are jobs
        now, but not all.
        """
        missing = [member for member in self.members if member.job is None]
        changed(self)
        try:
            with Crew(AT_ONCE, "pollinator-submit") as crew:
                crew.each(self._submit, missing, tick=lambda: changed(self))
        except PollinatorError as error:
            if not len(self):
                raise
            raise GroupIncomplete(
                f"{len(self)} of {count_of_jobs(len(self.members))} were submitted and go on. The next one was not: "
                f"{error} `_.submit_missing()` submits what is missing.",
                group=self,
            ) from error
        finally:
            if self.frozen is not None:
                self.frozen.note([member.job for member in missing if member.job is not None])
            self._listeners.watch(self._jobs)
            changed(self)
        return self

    def _submit(self, member: Member, _: Halt) -> None:
        try:
            member.job = Job(self.session, submit_once(self.session, member.spec), self.project)
        except PollinatorError:
            member.spec = again(member.spec)  # should it have arrived all the same, the next one is another job
            raise

    def rerun(self) -> Group:
        """Submit all jobs again, from the same snapshot; return the new ones."""
        return self._rerun(self._submitted)

    def rerun_failed(self) -> Group:
        """Submit those again that have failed or were cancelled, from the same snapshot; return the new ones."""
        self._keep_current()
        return self._rerun([member for member in self._submitted if member.job and _has_ended_badly(member.job)])

    def _rerun(self, members: Sequence[Member]) -> Group:
        new = [Member(member.parameters, again(member.spec)) for member in members]
        return Group(self.session, self.project, new, self.frozen).submit_missing()

    # --- what they gave back -----------------------------------------------------------------------------------------

    @property
    def results(self) -> list[Results]:
        """The files that each job left; fetched if they have not been."""
        return in_parallel(lambda job: job.results, self._jobs)

    def collect(self, tick: Callable[[], None] | None = None) -> None:
        """Bring what closed jobs returned, or why they failed; `tick` is called about ten times a second meanwhile."""
        new = [job for job in self._jobs if job.process.status.closed and job.id not in self._outcomes]
        read = {job.id for job in [job for job in new if _has_failed(job)][:_LOGS_READ]}
        brought = in_parallel(lambda job: bring(job, read_log=job.id in read), new, tick)
        self._outcomes.update(zip([job.id for job in new], brought, strict=True))

    def table(self) -> list[dict[str, Any]]:
        """Return for each job a row with parameters, state, duration_s, value, problem and process.

        `value` is what the last expression of the cell gave, None where there is none; `problem` says why there is not.
        """
        self._keep_current()
        self.collect()
        return [
            {
                "parameters": dict(row.parameters),
                "state": row.state,
                "duration_s": row.duration_s,
                "value": row.outcome.value,
                "problem": row.outcome.problem,
                "process": row.job.id if row.job else "",
            }
            for row in self.rows()
        ]

    def frame(self) -> pd.DataFrame:
        """Return the table as a DataFrame, with a column for each parameter."""
        import pandas as pd

        rows = []
        for row in self.table():
            own = row.pop("parameters")
            rows.append({**own, **{f"job_{name}" if name in own else name: value for name, value in row.items()}})
        table: pd.DataFrame = pd.DataFrame(rows)
        return table

    def __repr__(self) -> str:
        lines = [self.summary]
        rows = self.rows()
        width = max((len(row.label) for row in rows[:_SHOWN]), default=0)
        lines += [f"  {row.label.ljust(width)}  {row.state:9}  {row.says}".rstrip() for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"  and {len(rows) - _SHOWN} more: `.frame()` has all")
        return "\n".join(lines)

    @property
    def summary(self) -> str:
        """How many jobs there are and in which states, as far as it is known: `12 jobs: 3 running, 2 success`."""
        parts = [f"{number} {state}" for state, number in self.known_counts.items()]
        if self.missing:
            parts.append(f"{len(self.missing)} not submitted")
        return f"{count_of_jobs(len(self.members))}: {', '.join(parts)}".removesuffix(": ")


def again(spec: FunctionSpec) -> FunctionSpec:
    """Return the specification of another run of the same: with a run id, and hence results, of its own."""
    run = (spec.env or {})["PROJECT_DIR"].rpartition("/")[2]
    text = msgspec.json.encode(spec).replace(run.encode(), secrets.token_hex(16).encode())
    return msgspec.json.decode(text, type=FunctionSpec)


def count_of_jobs(number: int) -> str:
    """Return `1 job`, `12 jobs`."""
    return f"{number:,} job{'' if number == 1 else 's'}"


def _has_failed(job: Job) -> bool:
    return job.process.status in {ProcessState.FAILED, ProcessState.UNKNOWN}


def _has_ended_badly(job: Job) -> bool:
    return job.process.status.closed and not job.succeeded


def in_parallel(function: Callable[[Job], R], jobs: Sequence[Job], tick: Callable[[], None] | None = None) -> list[R]:
    """Return what `function` gives for each job, a few at a time; its first error ends it."""
    if not jobs:
        return []
    with Crew(_CARRIED_AT_ONCE, "pollinator-group") as crew:
        return crew.each(lambda job, _: function(job), jobs, tick=tick)
