"""From a project to a process: freeze it, specify, submit; or find the process that has done so before.

Everything that can be found wrong is found before anything is sent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.cfs.crew import Crew
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import PollinatorError, SubmissionUnclear, UsageError
from pollinator_magic.jobs.cache import Cache, Inputs, fingerprint, usable
from pollinator_magic.jobs.freezing import digest_of, freeze, not_yet, repeatable, specify, sync_state, written
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.ledger import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pollinator_magic.cfs.plan import Plan
    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.colonies.models import FunctionSpec, Process
    from pollinator_magic.jobs.freezing import Announce
    from pollinator_magic.jobs.ledger import Origin
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project, Runner

AT_ONCE = 4  # requests of one person for many jobs
_LOOK_AFTER_S = (0, 1)
_RECENTLY_S = 600
# In the order in which a process goes through them, so that one that moves on meanwhile is found.
_STATES = (
    ProcessState.WAITING,
    ProcessState.RUNNING,
    ProcessState.SUCCESS,
    ProcessState.FAILED,
    ProcessState.CANCELLED,
)


def silently(_line: str) -> None:
    """Tell nobody."""


def submit(
    session: Session,
    project: Project,
    *,
    source: str | None = None,
    runner: Runner | None = None,
    progress: Progress | None = None,
    announce: Announce = silently,
    origin: Origin = NOWHERE,
) -> Job:
    """Make the colony hold what the project holds, freeze it, and submit a process for it.

    `source`, if given, becomes the project's source file; it is written under the same lock as the push, so that two
    kernels working in one project each run their own cell. With `runner` it runs as a notebook would run it. `announce`
    is told, in lines for the user, what they should know: that another kernel is waited for, that a file was kept or
    left out. It is remembered that the job is of this project and was submitted at `origin`.
    Raises ProjectError or UnknownExecutor before anything is written or sent; SubmissionUnclear if the connection broke
    in such a way that nobody knows whether the job was accepted.
    """
    frozen = freeze(session, project, source=source, runner=runner, progress=progress, announce=announce, origin=origin)
    job = Job(session, submit_once(session, frozen.specify()), project)
    job.allow_pickle = runner is not None and runner.allow_pickle
    frozen.note([job])
    return job


def prepare(
    session: Session,
    project: Project,
    *,
    source: str | None = None,
    runner: Runner | None = None,
    progress: Progress | None = None,
    announce: Announce = silently,
) -> FunctionSpec:
    """Do everything of `submit` but submitting: push, snapshot, and return the function specification."""
    return freeze(session, project, source=source, runner=runner, progress=progress, announce=announce).specify()


def find_cached(
    session: Session,
    project: Project,
    *,
    source: str | None = None,
    runner: Runner | None = None,
    announce: Announce = silently,
) -> Job | None:
    """Return the newest job that `submit` would only repeat, if it was successful and its results can still be had.

    Nothing is sent; two requests are made for a job that is found. `source` becomes the project's source file.
    """
    return find_all_cached(session, project, [{}], source=source, runner=runner, announce=announce)[0]


def find_all_cached(
    session: Session,
    project: Project,
    parameters: Sequence[Mapping[str, object]],
    *,
    source: str | None = None,
    runner: Runner | None = None,
    announce: Announce = silently,
) -> list[Job | None]:
    """Do as `find_cached` for each of these parameter sets; raise UsageError where jobs share their results."""
    if project.shared_results:
        raise UsageError(
            "--cached needs jobs that keep their results, but project.yaml says `results: shared`: what an earlier job "
            "left may have been replaced since. Leave out --cached."
        )
    from pollinator_magic.cfs.ignore import Ignore

    with written(project, source, runner, announce):
        inputs = Inputs(
            source=digest_of(project, project.src, Ignore.for_source(project.src)),
            data=digest_of(project, project.data, Ignore.for_root(project.data)),
        )
    prints = [fingerprint(session, repeatable(session, project, one), inputs) for one in parameters]
    found = Cache(project.state).find(prints)
    with Crew(AT_ONCE, "pollinator-cached") as crew:
        return crew.each(lambda one, _: usable(session, project, one), found)


@dataclass(frozen=True)
class Preview:
    """What a submission would send: the function specification, and the plans for `src` and `data`."""

    spec: FunctionSpec
    source: Plan
    data: Plan


def preview(
    session: Session,
    project: Project,
    *,
    source: str | None = None,
    runner: Runner | None = None,
    parameters: Mapping[str, object] | None = None,
    announce: Announce = silently,
) -> Preview:
    """Find everything that `submit` would find wrong, and return what it would do; nothing is sent.

    `source` becomes the project's source file here too, because the plans are made from what lies in the directories.
    With `parameters` the specification is that of one job of a sweep.
    """
    from pollinator_magic.cfs.plan import Policy
    from pollinator_magic.project import data_label, source_label

    with written(project, source, runner, announce, session=session):
        files = session.filesystem
        return Preview(
            spec=specify(session, project, not_yet(project), parameters or {}),
            source=files.preview(project.src, source_label(project), sync_state(project), Policy.SOURCE),
            data=files.preview(project.data, data_label(project), sync_state(project), Policy.DATA),
        )


def submit_once(session: Session, spec: FunctionSpec) -> Process:
    """Submit, and where the answer was lost, look whether the process is there: never submit twice."""
    try:
        return session.client.submit(spec)
    except SubmissionUnclear as unclear:
        if spec.label == "test_label":  # shared results: nothing in the specification is this submission's alone
            raise
        try:
            found = find_submitted(session, spec)
        except PollinatorError:
            raise unclear from None
        if found is not None:
            return found
        raise SubmissionUnclear(
            "The connection broke while the job was being submitted, and the server does not list it. "
            "Run the cell again; `%pollinator jobs` shows whether the first one arrived after all."
        ) from None


def find_submitted(session: Session, spec: FunctionSpec) -> Process | None:
    """Look for the process of a submission whose answer was lost: a server that is slow may be at it still.

    Its history is asked, not its lists, which show a hundred waiting processes at most and the newest last.
    """
    mark = (spec.env or {}).get("PROJECT_DIR")
    for delay_s in _LOOK_AFTER_S:
        time.sleep(delay_s)
        for state in _STATES:
            for process in session.client.history(state, seconds=_RECENTLY_S):
                if (process.spec.env or {}).get("PROJECT_DIR") == mark:
                    return process
    return None
