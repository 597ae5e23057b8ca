"""A graph that was submitted: jobs by the names of their steps, of which one poller tells how they are.

It lives on the server: `Graph.attach` takes it up again from any notebook or machine.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.cfs.crew import Crew
from pollinator_magic.colonies.envelope import printable as one_line
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import GraphFailed, InvalidReply, JobCancelled, JobFailed, PollinatorError
from pollinator_magic.jobs.group import in_parallel
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.listeners import Change, Listeners
from pollinator_magic.jobs.outcomes import Outcome, Row, bring
from pollinator_magic.jobs.results import StepResults, show_in
from pollinator_magic.jobs.steps import LONGEST_NAME, StepState, in_order, states_of
from pollinator_magic.jobs.submission import AT_ONCE

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project

EVERYTHING = ("*",)
_ID = re.compile(r"[0-9A-Za-z]{1,64}")
_UNUSUAL = re.compile(r"[^A-Za-z0-9_.-]")
_NAMED = 10  # steps in a message


@dataclass(frozen=True)
class StepRow(Row):
    """One step as far as it is known without asking; one that is only collected has no job."""

    name: str = ""
    after: tuple[str, ...] = ()
    step: StepState = StepState.COLLECTED
    where: str = ""
    """The executors that may run it."""

    @property
    def state(self) -> str:
        """How it is, in words."""
        return str(self.step)


class Graph(Mapping[str, Job]):
    """The steps of a workflow by their names, in an order in which they can run."""

    def __init__(
        self,
        session: Session,
        graph_id: str,
        jobs: Iterable[Job],
        project: Project | None = None,
        *,
        patterns: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`patterns` are those of the results that shall be fetched of each step; of others, all are."""
        if not _ID.fullmatch(graph_id):
            raise InvalidReply(f"The Colonies server names a graph {graph_id[:64]!a}, which cannot be its id.")
        self.session = session
        self.project = project
        self.id = graph_id
        """The id of the process graph, 64 hex characters."""
        named = _by_name(jobs)
        names = {job.id: name for name, job in named.items()}
        after = {name: tuple(names[one] for one in job.process.parents if one in names) for name, job in named.items()}
        self.after = {name: after[name] for name in in_order(after)}
        """After which steps each comes."""
        self._jobs = {name: named[name] for name in self.after}
        self._patterns = patterns or {}
        self._outcomes: dict[str, Outcome] = {}
        self._listeners = Listeners(session, log=True)

    @classmethod
    def attach(
        cls,
        session: Session,
        graph_id: str,
        project: Project | None = None,
        *,
        patterns: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Graph:
        """Take up a graph again by its whole id."""
        ids = session.client.process_graph(graph_id).processids
        with Crew(AT_ONCE, "pollinator-graph") as crew:
            processes = crew.each(lambda one, _: session.client.process(one), ids)
        jobs = [Job.of(session, process, project) for process in processes]
        here = project if any(job.project is not None for job in jobs) else None
        return cls(session, graph_id, jobs, here, patterns=patterns)

    @property
    def short_id(self) -> str:
        """Enough of the id to name the graph in this colony."""
        return self.id[:12]

    def __getitem__(self, name: str) -> Job:
        if name not in self._jobs:
            raise KeyError(f"The graph has no step {name!r}; it has: {', '.join(self._jobs)}")
        return self._jobs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    @property
    def executor_names(self) -> tuple[str, ...]:
        """The executors that may run the steps."""
        return tuple(dict.fromkeys(name for job in self.values() for name in job.executor_names))

    # --- how far they are --------------------------------------------------------------------------------------------

    def states(self) -> dict[str, StepState]:
        """Return how each step is."""
        in_parallel(Job.refresh, self._listeners.unwatched(self.values()))
        self._listeners.watch(self.values())
        return self.known_states

    @property
    def known_states(self) -> dict[str, StepState]:
        """The same as far as it is known without asking."""
        return states_of({name: job.process for name, job in self.items()})

    @property
    def closed(self) -> bool:
        """Whether all steps are known to have ended."""
        return all(job.process.status.closed for job in self.values())

    @property
    def succeeded(self) -> bool:
        """Whether all steps are known to have closed successfully."""
        return all(job.succeeded for job in self.values())

    def rows(self) -> list[StepRow]:
        """Return what is known of each step, without asking for anything."""
        states = self.known_states
        return [
            StepRow(
                parameters={},
                job=job,
                outcome=self._outcomes.get(name) or Outcome(),
                name=name,
                after=self.after[name],
                step=states[name],
                where=", ".join(job.executor_names),
            )
            for name, job in self.items()
        ]

    @property
    def summary(self) -> str:
        """How many steps there are and in which states, as far as it is known: `4 steps: 1 running, 3 waiting`."""
        counts = Counter(self.known_states.values())
        states = ", ".join(f"{counts[state]} {state}" for state in StepState if counts[state])
        return f"{count_of_steps(len(self))}: {states}"

    def __repr__(self) -> str:
        rows = self.rows()
        width = max((len(row.name) for row in rows), default=0)
        lines = [f"  {row.name.ljust(width)}  {row.state:9}  {row.says}".rstrip() for row in rows]
        return "\n".join([f"<Graph {self.short_id} of {self.summary}>", *lines])

    # --- waiting -----------------------------------------------------------------------------------------------------

    def follow(self, stop: threading.Event | None = None) -> Iterator[Change]:
        """Yield what changes, and what the steps say, until all are closed, or soon after `stop` is set."""
        return self._changes(lambda: stop is not None and stop.is_set())

    def wait(self, timeout_s: float | None = None) -> Graph:
        """Wait until all steps are closed; return the graph, or raise GraphFailed, JobCancelled or TimeoutError.

        `timeout_s` ends the waiting, not the steps.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for _ in self._changes(lambda: deadline is not None and time.monotonic() >= deadline):
            pass
        if not self.closed:
            raise TimeoutError(f"The graph goes on: {self.summary}.")
        self.raise_unless_successful()
        return self

    def listen(self, listener: Callable[[Change], object]) -> Callable[[], None]:
        """Have `listener` told of every change, in the poller's thread; return what ends that."""
        end = self._listeners.add(listener)
        self._listeners.watch(self.values())
        return end

    def _changes(self, is_stopped: Callable[[], bool]) -> Iterator[Change]:
        self._listeners.watch(self.values())
        return self._listeners.changes(lambda: self.closed, is_stopped)

    # --- its end -----------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Cancel all steps that have not ended: a server ends a graph as a whole. One that is closed stays as it is."""
        open_ = [job for job in self.values() if not job.refresh().status.closed]
        if open_:
            try:
                self.session.client.cancel_graph(self.id)
            except PollinatorError:
                if not all(job.refresh().status.closed for job in open_):  # they may have ended by themselves
                    raise
        in_parallel(Job.refresh, open_)

    def raise_unless_successful(self) -> None:
        """Raise GraphFailed, with what the first failed step left, or JobCancelled, unless all have succeeded."""
        self._learn_why()
        states = self.known_states
        failed = [name for name, state in states.items() if state is StepState.FAILED]
        if failed:
            try:
                self[failed[0]].raise_unless_successful()
            except JobFailed as error:
                raise self._failure(failed, states, error) from None
        if any(state is StepState.CANCELLED for state in states.values()):
            raise JobCancelled(
                f"Graph {self.short_id} was cancelled. {self.summary}.", process_id=next(iter(self.values())).id
            )

    def _failure(self, failed: Sequence[str], states: Mapping[str, StepState], first: JobFailed) -> GraphFailed:
        stopped = [name for name, state in states.items() if state is StepState.STOPPED]
        not_run = [name for name, state in states.items() if state is StepState.NEVER_RAN]
        names = f"Step {failed[0]!r}" if len(failed) == 1 else f"Steps {_listed(failed)}"
        lines = [f"{names} of {len(self)} failed."]
        if stopped:
            lines.append(f"Stopped by that: {_listed(stopped)}.")
        if not_run:
            lines.append(f"Never ran: {_listed(not_run)}.")
        message = "\n".join([" ".join(lines), str(first)])
        return GraphFailed(message, first=first, failed=failed, not_run=not_run)

    def _learn_why(self) -> None:
        """Ask once more for the processes of failed steps if none says why: a server tells it after the state."""
        failed = [job for job in self.values() if job.process.status is ProcessState.FAILED]
        if not any(job.process.errors for job in failed):
            in_parallel(Job.learn_errors, [job for job in failed if job.process.started_at is not None])

    # --- what the steps gave back ------------------------------------------------------------------------------------

    def collect(self, tick: Callable[[], None] | None = None) -> None:
        """Bring what closed steps returned, or why they failed; `tick` is called about ten times a second meanwhile."""
        self._learn_why()
        new = {name: state for name, state in self.known_states.items() if state.closed and name not in self._outcomes}
        ended = [name for name, state in new.items() if state is StepState.FAILED or self[name].succeeded]
        brought = in_parallel(lambda job: bring(job, read_log=True), [self[name] for name in ended], tick)
        for name, state in new.items():
            self._outcomes[name] = Outcome(problem="another step failed" if state is StepState.STOPPED else "")
        self._outcomes.update(zip(ended, brought, strict=True))

    def fetch_results(self, progress: Progress | None = None) -> StepResults | None:
        """Bring the results of all steps that ran, and return them; None where there is no project to keep them in."""
        fetched = {}
        for name, job in self.items():
            if job.project is not None and job.process.started_at is not None and job.result_label is not None:
                fetched[name] = job.fetch_results(self._patterns.get(name, EVERYTHING), progress=progress)
        return None if self.project is None else StepResults(self.project.state / "jobs", fetched)

    def show_results(self, results: StepResults) -> None:
        """Make `cfs/result` of the project show these results, a directory for each step; raise ProjectError."""
        if self.project is not None:
            show_in(self.project, results, f"The results of graph {self.short_id} are here")


def count_of_steps(number: int) -> str:
    """Return `1 step`, `12 steps`."""
    return f"{number:,} step{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(repr, names[:_NAMED])) + more


def _by_name(jobs: Iterable[Job]) -> dict[str, Job]:
    """Return jobs by the names of their steps, made such that they can name directories: they come from elsewhere."""
    named: dict[str, Job] = {}
    for job in jobs:
        name = _UNUSUAL.sub("_", one_line(job.process.spec.nodename))[:LONGEST_NAME].lstrip(".-") or job.short_id
        named[name if name not in named else f"{name}-{job.short_id}"] = job
    return named
