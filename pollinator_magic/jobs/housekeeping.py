"""`%pollinator clean`: which jobs of a project are open or kept, and what else of the project may therefore go.

The rules are those of `cfs.housekeeping`; here is known what jobs refer to. Whatever cannot be proved to be needless
stays: jobs of any user count, as do submissions that the server makes by itself; nothing younger than an hour is ever
touched, because a job may be on its way that refers to it; and what is open is asked again just before anything is
removed. The records of processes and their logs are the colony's history, and stay.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pollinator_magic.cfs.clearing import Clearing, Intentions
from pollinator_magic.cfs.crew import Crew
from pollinator_magic.cfs.housekeeping import Needs, Plan, Stock, Territory, needs_of, plan, runs_of
from pollinator_magic.cfs.stocktaking import Stocktaking
from pollinator_magic.errors import ProjectError
from pollinator_magic.jobs import localresults
from pollinator_magic.jobs.cache import Cache
from pollinator_magic.jobs.census import ended_at, ended_processes, later, open_processes, processes_of
from pollinator_magic.jobs.freezing import sync_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.cfs.state import Base
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs.freezing import Announce
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project

SAFETY_S = 3600
"""Nothing younger is removed, whatever is asked for."""
_DAY_S = 86_400
_THREADS = 16


@dataclass(frozen=True)
class Policy:
    """Which ended jobs are kept."""

    older_s: float = 7 * _DAY_S
    """Those that ended within so many seconds,"""
    keep: int = 20
    """and so many of the newest."""


@dataclass(frozen=True)
class Ended:
    """An ended job whose results are in the colony or here; `process` is None for one that the colony lists no more."""

    process: Process | None
    run: str | None
    """The label of its results, if it has one of its own."""
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class Cleaning:
    """What a cleaning removes, or would remove."""

    plan: Plan
    jobs: tuple[Ended, ...]
    """Those whose results go, newest first."""
    directories: tuple[Path, ...]
    """Their results here, which go too."""
    local_size: int
    """Bytes of these."""
    open: int
    """How many jobs of the project wait or run; what they need stays."""
    kept: int
    """How many ended jobs keep what they need."""
    kept_snapshots: int
    """How many snapshots of the project stay."""

    def __bool__(self) -> bool:
        return bool(self.plan or self.directories)


@dataclass(frozen=True)
class _Seen:
    """Everything that was looked at to plan; what is open may be asked again."""

    stock: Stock
    needs: Needs
    ended: Mapping[str, float]
    before: float
    jobs: tuple[Ended, ...] = ()
    kept: int = 0
    open: int = 0
    states: list[tuple[Path | None, Base]] = field(default_factory=list)


class Housekeeping:
    """Looks after what one project has in one colony."""

    def __init__(self, session: Session, project: Project, policy: Policy, *, now: float | None = None) -> None:
        """`now` is the time by the server's clock, in seconds since 1970; by default that of this machine."""
        self._session = session
        self._project = project
        self._policy = policy
        self._now = now
        self._client: Colonies = session.client
        self._territory = Territory(f"/pollinator/{project.name}")
        self._mark = f"/pollinator/{project.name}/"

    def preview(self) -> Cleaning:
        """Return what `clean` would remove. Nothing is removed or written."""
        with Crew(_THREADS, "pollinator-clean") as crew:
            return self._cleaning(self._look(crew))

    def clean(self, *, progress: Progress | None = None, announce: Announce = lambda _line: None) -> Cleaning:
        """Remove it; return what was removed.

        May be interrupted at any point: doing it again finishes the work. Raises ServerError, StorageError, or
        ProjectError if the project cannot be locked or written.
        """
        store = self._session.filesystem.store
        with self._alone(), Crew(_THREADS, "pollinator-clean") as crew:
            with self._project.lock(on_wait=announce):
                seen = self._look(crew)
                # Asked again, now that everything else is known: others may have submitted jobs meanwhile.
                seen = replace(seen, needs=seen.needs | needs_of(open_processes(self._client)))
                cleaning = self._cleaning(seen)
                clearing = Clearing(cleaning.plan, self._intentions(seen.states), crew, progress)
                gone = [job.process.processid for job in cleaning.jobs if job.process is not None]
                Cache(self._project.state).forget(gone)
                clearing.remove_metadata(self._client)
                localresults.remove(self._project, cleaning.directories)
            clearing.delete_objects(store)
        return cleaning

    def _cleaning(self, seen: _Seen) -> Cleaning:
        removal = plan(self._territory, seen.stock, seen.needs, seen.ended, before=seen.before)
        directories: list[Path] = []
        jobs: list[Ended] = []
        for job in seen.jobs:
            if job.run is not None and seen.needs.label(job.run):
                continue
            here = localresults.of_process(self._project, job.process.processid) if job.process else None
            if here is not None:
                directories.append(here)
            if here is not None or job.run in removal.results:
                jobs.append(job)
        snapshots = sum(map(self._territory.is_for_jobs, seen.stock.snapshots))
        return Cleaning(
            plan=removal,
            jobs=tuple(jobs),
            directories=tuple(directories),
            local_size=sum(map(localresults.size, directories)),
            open=seen.open,
            kept=seen.kept,
            kept_snapshots=snapshots - len(removal.snapshots),
        )

    def _look(self, crew: Crew) -> _Seen:
        now = time.time() if self._now is None else self._now
        before = now - max(self._policy.older_s, SAFETY_S)
        open_ = open_processes(self._client)
        closed = self._closed_processes(crew, before)
        states = self._states()
        taking = Stocktaking(self._client, crew, self._territory)
        stock = taking.take(self._intentions(states).read())
        jobs = self._ended(taking, stock, open_, closed)
        young = sum(job.at >= before for job in jobs)  # they come first
        kept, old = jobs[: max(self._policy.keep, young)], jobs[max(self._policy.keep, young) :]
        needs = needs_of([*open_, *(job.process for job in kept if job.process is not None)])
        needs |= Needs(
            snapshots=frozenset(base.snapshot.snapshotid for _, base in states if base.snapshot is not None),
            labels=frozenset(job.run for job in kept if job.run is not None),
            texts=later(self._client),
        )
        ended: dict[str, float] = {}
        for job in jobs:
            if job.run is not None:
                ended[job.run] = max(job.at, ended.get(job.run, -math.inf))
        mine = sum(self._belongs(process) for process in open_)
        return _Seen(stock, needs, ended, before, tuple(old), len(kept), mine, states)

    # --- jobs ------------------------------------------------------------------------------------------------------

    def _closed_processes(self, crew: Crew, before: float) -> list[Process]:
        """Return the project's ended processes: the newest, and those that have a directory here.

        One that the colony does not know may be of another one: its results here are none of this one's business.
        """
        found = ended_processes(
            self._client,
            crew,
            labels=(self._project.name or "pollinator", "test_label"),
            belongs=self._belongs,
            newest=self._policy.keep,
            since=before,
            window_s=self._policy.older_s,
        )
        here = processes_of(self._client, crew, set(localresults.ids(self._project)) - found.keys())
        return [*found.values(), *(one for one in here if one.status.closed and self._belongs(one))]

    def _ended(
        self, taking: Stocktaking, stock: Stock, open_: Sequence[Process], closed: Sequence[Process]
    ) -> list[Ended]:
        """Return the ended jobs, newest first: those of known processes, and those of which only results are left."""
        jobs = [Ended(process, self._run_of(process), ended_at(process)) for process in closed]
        known = {job.run for job in jobs} | {self._run_of(process) for process in open_}
        unknown = runs_of(self._territory, stock.revisions).keys() - known
        jobs += [Ended(None, run, at) for run, at in taking.dated(stock, unknown).items()]
        return sorted(jobs, key=lambda job: job.at, reverse=True)

    def _run_of(self, process: Process) -> str | None:
        labels = (mount.label.replace("{processid}", process.processid) for mount in process.spec.fs.dirs)
        return next((run for label in labels if (run := self._territory.run_of(label)) is not None), None)

    def _belongs(self, process: Process) -> bool:
        files = process.spec.fs
        labels = [*(mount.label for mount in files.dirs), *(mount.label for mount in files.snapshots)]
        return any(self._territory.kind(label) for label in labels)

    # --- what is remembered here -----------------------------------------------------------------------------------

    def _states(self) -> list[tuple[Path | None, Base]]:
        """Return what synchronisations of `src` and `data` have left."""
        from pollinator_magic.project import data_label, source_label

        state, server = sync_state(self._project), str(self._client.server)
        pairs = ((self._project.src, source_label(self._project)), (self._project.data, data_label(self._project)))
        return [state.base_of_label(root, server, self._client.colony, label) for root, label in pairs]

    def _intentions(self, states: list[tuple[Path | None, Base]]) -> Intentions:
        connection = self._session.connection
        place = f"{connection.server}/{connection.colony}{self._mark} in {connection.storage}"
        return Intentions(self._project.state / "clean.json", place, states)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from cleaning the same project at the same time."""
        with self._project.lock():  # makes the directory, if need be
            lock = FileLock(self._project.state / "clean.lock", is_singleton=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ProjectError(
                f"Somebody else is cleaning up the project in {str(self._project.root)!r}: nothing to do here."
            ) from None
        try:
            yield
        finally:
            lock.release()
