"""One cell, many jobs: one push, one snapshot, and a submission for each parameter set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.errors import UsageError
from pollinator_magic.jobs.freezing import freeze
from pollinator_magic.jobs.group import Group, Member, count_of_jobs
from pollinator_magic.jobs.ledger import NOWHERE
from pollinator_magic.jobs.parameters import checked_name, refuse_too_many, variables
from pollinator_magic.jobs.submission import find_all_cached, silently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.jobs.freezing import Announce
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.jobs.ledger import Origin
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project, Runner


def submit_each(
    session: Session,
    project: Project,
    parameters: Sequence[Mapping[str, object]],
    *,
    source: str | None = None,
    runner: Runner | None = None,
    cached: bool = False,
    progress: Progress | None = None,
    announce: Announce = silently,
    origin: Origin = NOWHERE,
    changed: Callable[[Group], None] = lambda _: None,
) -> Group:
    """Submit the project once for each parameter set; return the jobs.

    With `cached`, a job that would only repeat an earlier one is that one, and if all are, nothing is sent. `changed`
    is told the group as soon as there is one, and while it grows, in this thread. It is remembered that they
    are of this project and were submitted at `origin`.
    Raises what `submit` raises, UsageError for parameters that cannot travel, and GroupIncomplete, which has the group,
    if some jobs could be submitted and others not.
    """
    check(project, runner, parameters)
    earlier: list[Job | None] = [None] * len(parameters)
    if cached:
        earlier = find_all_cached(session, project, parameters, source=source, runner=runner, announce=announce)
    frozen = None
    if None in earlier:
        frozen = freeze(
            session, project, source=source, runner=runner, progress=progress, announce=announce, origin=origin
        )
        specs = [frozen.specify(one) for one in parameters]
    else:
        specs = [job.process.spec for job in earlier if job is not None]
    members = [Member(dict(one), spec, job) for one, spec, job in zip(parameters, specs, earlier, strict=True)]
    if found := len(earlier) - earlier.count(None):
        announce(
            f"Cached: {found} of {count_of_jobs(len(earlier))} ran before, as the same cell with the same conditions "
            "and inputs; leave out --cached to run them again."
        )
    return Group(session, project, members, frozen).submit_missing(changed)


def check(project: Project, runner: Runner | None, parameters: Sequence[Mapping[str, object]]) -> None:
    """Raise UsageError if the project cannot be run with these parameters."""
    if not parameters:
        raise UsageError("There are no parameters, so there is no job to submit.")
    refuse_too_many(len(parameters), "This asks for")
    if project.shared_results:
        raise UsageError(
            "Several jobs of one cell need a result directory each, but project.yaml says `results: shared`. "
            "Use `results: per-job`."
        )
    given = {"--env": set(project.environment.variables), "--in": set(runner.inputs if runner else ())}
    for name in sorted({name for one in parameters for name in one}):
        checked_name(name, "Parameters")
        for option, names in given.items():
            if name in names:
                raise UsageError(f"{name!r} is given by {option} and varied as well. Leave it out of {option}.")
    for one in parameters:
        variables(one)  # raises for what cannot travel
