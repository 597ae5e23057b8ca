"""From a project to a process: validate, push, snapshot, specify, submit.

Everything that can be found wrong is found before anything is sent. Sources and data travel side by side, because they
do not depend on each other.
"""

from __future__ import annotations

import logging
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState, Snapshot
from pollinator_magic.errors import PollinatorError, SubmissionUnclear
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.cfs.plan import Plan
    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.cfs.state import SyncState
    from pollinator_magic.colonies.models import FunctionSpec, Process
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project

    Announce = Callable[[str], object]

_log = logging.getLogger(__name__)
_TELL_EVERY_S = 0.1
_OPEN_OR_ENDED = (ProcessState.WAITING, ProcessState.RUNNING, ProcessState.SUCCESS, ProcessState.FAILED)


def _silently(_line: str) -> None:
    """Tell nobody."""


def submit(
    session: Session,
    project: Project,
    *,
    source: str | None = None,
    progress: Progress | None = None,
    announce: Announce = _silently,
) -> Job:
    """Make the colony hold what the project holds, freeze it, and submit a process for it.

    `source`, if given, becomes the project's source file; it is written under the same lock as the push, so that two
    kernels working in one project each run their own cell. `announce` is told, in lines for the user, what they should
    know: that another kernel is waited for, that a file was kept or left out.
    Raises ProjectError or UnknownExecutor before anything is written or sent; SubmissionUnclear if the connection broke
    in such a way that nobody knows whether the job was accepted.
    """
    spec = prepare(session, project, source=source, progress=progress, announce=announce)
    return Job(session, _submit_once(session, spec), project)


def prepare(
    session: Session,
    project: Project,
    *,
    source: str | None = None,
    progress: Progress | None = None,
    announce: Announce = _silently,
) -> FunctionSpec:
    """Do everything of `submit` but submitting: push, snapshot, and return the function specification."""
    with _written(session, project, source, announce):
        pinned = [] if source is None else [project.environment.source]
        return _specify(session, project, _push(session, project, pinned, progress, announce))


@dataclass(frozen=True)
class Preview:
    """What a submission would send: the function specification, and the plans for `src` and `data`."""

    spec: FunctionSpec
    source: Plan
    data: Plan


def preview(
    session: Session, project: Project, *, source: str | None = None, announce: Announce = _silently
) -> Preview:
    """Find everything that `submit` would find wrong, and return what it would do; nothing is sent.

    `source` becomes the project's source file here too, because the plans are made from what lies in the directories.
    """
    from pollinator_magic.cfs.plan import Policy
    from pollinator_magic.project import data_label, source_label

    with _written(session, project, source, announce):
        files = session.filesystem
        not_yet = Snapshot(snapshotid="<snapshot>", label=source_label(project))
        return Preview(
            spec=_specify(session, project, not_yet),
            source=files.preview(project.src, source_label(project), _state(project), Policy.SOURCE),
            data=files.preview(project.data, data_label(project), _state(project), Policy.DATA),
        )


@contextmanager
def _written(session: Session, project: Project, source: str | None, announce: Announce) -> Iterator[None]:
    """Judge the project, then have its directories as they shall be pushed, and nobody else at work in them."""
    from pollinator_magic.project import prepare_scripts, validate

    validate(project, source_given=source is not None)
    session.require_executors(project.executors)
    with project.lock(on_wait=announce):
        if source is not None:
            kept = project.keep_replaced_source(source)
            if kept is not None:
                announce(f"cfs/src/{project.environment.source} was not written by a cell; it is kept as {kept}.")
            project.write_source(source)
        prepare_scripts(project)
        yield


def _push(
    session: Session, project: Project, pinned: list[str], progress: Progress | None, announce: Announce
) -> Snapshot:
    """Push `src` and `data`; return the snapshot that holds exactly the local `src`."""
    from pollinator_magic.project import data_label, source_label

    files, both = session.filesystem, Together(progress)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pollinator-data") as beside:
        data = beside.submit(files.sync, project.data, data_label(project), _state(project), progress=both.beside)
        pushed = files.push_source(
            project.src,
            source_label(project),
            _state(project),
            pinned=pinned,
            progress=both.here,
            in_use=lambda: _is_waiting(session, project),
        )
        while not wait([data], timeout=_TELL_EVERY_S).done:
            both.tell()
        both.tell()
        synced = data.result()
    for line in (*pushed.skipped, *synced.skipped):
        announce(line)
    _log.info("src: %s; %d files hashed; snapshot %s", pushed.done, pushed.hashed, pushed.snapshot.snapshotid[:12])
    _log.info("data: %s; %d files hashed", synced.done, synced.hashed)
    return pushed.snapshot


def _state(project: Project) -> SyncState:
    from pollinator_magic.cfs.state import SyncState

    return SyncState(project.state / "sync")


def _is_waiting(session: Session, project: Project) -> bool:
    """Whether a process that has not fetched its files yet may need what an older snapshot holds."""
    label = f"/pollinator/{project.name}/"
    waiting = session.client.processes(ProcessState.WAITING)
    return any(mount.label.startswith(label) for process in waiting for mount in process.spec.fs.snapshots)


def _specify(session: Session, project: Project, snapshot: Snapshot) -> FunctionSpec:
    from pollinator_magic.project import build

    run_id = None if project.shared_results else secrets.token_hex(16)
    spec = build(project, colony=session.connection.colony, snapshot_id=snapshot.snapshotid, run_id=run_id)
    spec.fs.snapshots[0].label = snapshot.label  # not always that of `src`: see Filesystem.push_source, `in_use`
    if session.connection.embedded:
        # The embedded colony runs on this machine: `python3` shall be the kernel's own, with its packages.
        spec.env = {**(spec.env or {}), "POLLINATOR_PYTHON": sys.executable}
    return spec


def _submit_once(session: Session, spec: FunctionSpec) -> Process:
    """Submit, and where the connection broke while doing so, look whether the process is there: never submit twice."""
    try:
        return session.client.submit(spec)
    except SubmissionUnclear as unclear:
        mark = (spec.env or {}).get("PROJECT_DIR")
        if spec.label == "test_label":  # shared results: nothing in the specification is this submission's alone
            raise
        try:
            for process in session.recent_processes(_OPEN_OR_ENDED):
                if (process.spec.env or {}).get("PROJECT_DIR") == mark:
                    return process
        except PollinatorError:
            raise unclear from None
        raise SubmissionUnclear(
            "The connection broke while the job was being submitted, and the server does not list it. "
            "Run the cell again; `%pollinator jobs` shows whether the first one arrived after all."
        ) from None
