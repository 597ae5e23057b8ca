"""A project frozen: its directories written, judged, carried to the colony, and the specifications of its jobs.

Sources and data travel side by side, because they do not depend on each other. What one push has frozen can be
submitted any number of times.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Snapshot
from pollinator_magic.errors import NotFound
from pollinator_magic.jobs.cache import Cache, Inputs, Submitted, fingerprint
from pollinator_magic.jobs.census import open_processes
from pollinator_magic.jobs.ledger import NOWHERE, Ledger
from pollinator_magic.jobs.parameters import parameters_of, variables
from pollinator_magic.jobs.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pollinator_magic.cfs.ignore import Ignore
    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.cfs.push import PushResult
    from pollinator_magic.cfs.state import SyncState
    from pollinator_magic.colonies.models import FunctionSpec
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.jobs.ledger import Origin
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project, Runner

    Announce = Callable[[str], object]

_log = logging.getLogger(__name__)
_TELL_EVERY_S = 0.1


@contextmanager
def written(
    project: Project,
    source: str | None,
    runner: Runner | None,
    announce: Announce,
    *,
    session: Session | None = None,
) -> Iterator[None]:
    """Judge the project, then have its directories as they shall be pushed, and nobody else at work in them.

    The executors are judged too if there is a `session` to ask.
    """
    from pollinator_magic.project import prepare_scripts, validate

    validate(project, source_given=source is not None)
    if session is not None:
        session.require_executors(project.executors)
    with project.lock(on_wait=announce):
        if source is not None:
            kept = project.keep_replaced_source(source)
            if kept is not None:
                announce(f"cfs/src/{project.environment.source} was not written by a cell; it is kept as {kept}.")
            project.write_source(source)
        prepare_scripts(project, runner)
        yield


@dataclass(frozen=True)
class Frozen:
    """A project as the colony holds it now."""

    session: Session
    project: Project
    snapshot: Snapshot
    """It holds exactly what `cfs/src` held."""
    inputs: Inputs
    begun: float
    """When pushing began, in seconds since 1970."""
    origin: Origin = NOWHERE
    """Where it was done."""

    def specify(self, parameters: Mapping[str, object] | None = None) -> FunctionSpec:
        """Return the specification of a new job."""
        return specify(self.session, self.project, self.snapshot, parameters or {})

    def note(self, jobs: Iterable[Job]) -> None:
        """Remember these jobs, which were specified here: their origin, and for `find_cached` their fingerprints."""
        jobs = list(jobs)
        Ledger().note([job.id for job in jobs], self.project.root, self.origin)
        if self.project.shared_results:
            return
        now = time.time()
        submitted = []
        for job in jobs:
            moment = job.process.submitted_at
            if moment is not None:
                spec = repeatable(self.session, self.project, parameters_of(job.process.spec.env))
                print_ = fingerprint(self.session, spec, self.inputs)
                since = moment.timestamp() - (now - self.begun)
                submitted.append(Submitted(print_, job.id, self.inputs.data, self.begun, since))
        Cache(self.project.state).note(submitted)


def freeze(
    session: Session,
    project: Project,
    *,
    source: str | None,
    runner: Runner | None,
    progress: Progress | None,
    announce: Announce,
    origin: Origin = NOWHERE,
) -> Frozen:
    """Push `src` and `data`, and take the snapshot that holds exactly the local `src`."""
    from pollinator_magic.project import data_label, source_label

    with written(project, source, runner, announce, session=session):
        begun = time.time()
        files, both = session.filesystem, Together(progress)

        def push(progress: Progress) -> PushResult:
            return files.push_source(
                project.src,
                source_label(project),
                sync_state(project),
                pinned=[] if source is None else [project.environment.source],
                progress=progress,
                in_use=lambda: is_held(session, project) or _is_waiting(session, project),
            )

        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pollinator-data") as beside:
            data = beside.submit(
                files.sync, project.data, data_label(project), sync_state(project), progress=both.beside
            )
            pushed = push(both.here)
            if pushed.reused and is_gone(session, pushed.snapshot):
                files.forget_snapshot(project.src, source_label(project), sync_state(project))
                pushed = push(both.here)
            while not wait([data], timeout=_TELL_EVERY_S).done:
                both.tell()
            both.tell()
            synced = data.result()
    for line in (*pushed.skipped, *synced.skipped):
        announce(line)
    _log.info("src: %s; %d files hashed; snapshot %s", pushed.done, pushed.hashed, pushed.snapshot.snapshotid[:12])
    _log.info("data: %s; %d files hashed", synced.done, synced.hashed)
    return Frozen(session, project, pushed.snapshot, Inputs(pushed.digest, synced.digest), begun, origin)


def sync_state(project: Project) -> SyncState:
    """Return what the project remembers of its synchronisations."""
    from pollinator_magic.cfs.state import SyncState

    return SyncState(project.state / "sync")


class Hold:
    """Says, as long as somebody has it, that jobs are yet to be submitted from snapshots of a project."""

    def __init__(self, session: Session, project: Project) -> None:
        self.place = _place(session, project)
        _holds.add(self)


_holds: weakref.WeakSet[Hold] = weakref.WeakSet()


def is_held(session: Session, project: Project) -> bool:
    """Whether what older snapshots of a project hold must stay although no process needs it yet."""
    return any(hold.place == _place(session, project) for hold in _holds)


def _place(session: Session, project: Project) -> tuple[str, str]:
    return session.connection.colony, project.name


def is_gone(session: Session, snapshot: Snapshot) -> bool:
    """Whether somebody has removed a snapshot, as every member may."""
    try:
        session.client.snapshot(snapshot.snapshotid)
    except NotFound:
        return True
    return False


def _is_waiting(session: Session, project: Project) -> bool:
    """Whether a process may need what an older snapshot holds: to start, or to start again after it was lost."""
    label = f"/pollinator/{project.name}/"
    return any(
        mount.label.startswith(label)
        for process in open_processes(session.client)
        for mount in process.spec.fs.snapshots
    )


def digest_of(project: Project, root: Path, ignore: Ignore) -> str:
    """Return what a push would say of `root`; what it has to hash, the push will know."""
    from pollinator_magic.cfs.scope import mark
    from pollinator_magic.cfs.state import digest

    index = sync_state(project).index(root)
    scan = index.scan(root, ignore)
    mark(root, index, scan)
    index.save()
    return digest(scan.tree)


def not_yet(project: Project) -> Snapshot:
    """Return what stands for a snapshot that has not been taken."""
    from pollinator_magic.project import source_label

    return Snapshot(snapshotid="<snapshot>", label=source_label(project))


def repeatable(session: Session, project: Project, parameters: Mapping[str, object]) -> FunctionSpec:
    """Return the specification without what differs from run to run."""
    return specify(session, project, not_yet(project), parameters, run_id="<run>")


def specify(
    session: Session,
    project: Project,
    snapshot: Snapshot,
    parameters: Mapping[str, object],
    *,
    run_id: str | None = None,
) -> FunctionSpec:
    """Return the specification of a job that runs `snapshot`; `run_id` names its directory, by default a new one."""
    from pollinator_magic.project import build

    run_id = None if project.shared_results else run_id or secrets.token_hex(16)
    spec = build(project, colony=session.connection.colony, snapshot_id=snapshot.snapshotid, run_id=run_id)
    spec.fs.snapshots[0].label = snapshot.label  # not always that of `src`: see Filesystem.push_source, `in_use`
    spec.env = {**(spec.env or {}), **(variables(parameters) if parameters else {})}
    if session.connection.embedded:
        # The embedded colony runs on this machine: `python3` shall be the kernel's own, with its packages.
        spec.env["POLLINATOR_PYTHON"] = sys.executable
        if not project.origin("environment.docker").is_option:
            # That of project.yaml is meant for executors that run containers; here it would only be remarked upon.
            spec.kwargs = {**(spec.kwargs or {}), "docker-image": ""}
    return spec
