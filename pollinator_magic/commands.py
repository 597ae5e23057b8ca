"""The subcommands of `%pollinator …` and `pollinate …`: what each does, whatever shows it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pollinator_magic
from pollinator_magic.colonies.models import ExecutorState
from pollinator_magic.errors import NotFound, PollinatorError, ProjectError
from pollinator_magic.jobs import Job, prepare, preview
from pollinator_magic.jobs.executors import survey
from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.position import position_file
from pollinator_magic.jobs.results import human_size
from pollinator_magic.options import project_options, run_options
from pollinator_magic.running import Run, apply, follow_to_end
from pollinator_magic.screen import describe_state, human_duration
from pollinator_magic.sessions import LOCAL, connect, connect_for, use_environment_file
from pollinator_magic.settings import is_configured

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from pollinator_magic.cfs.plan import Plan
    from pollinator_magic.colonies.models import FunctionSpec, Process
    from pollinator_magic.jobs import Preview, Session
    from pollinator_magic.jobs.executors import ExecutorView
    from pollinator_magic.jobs.group import Group
    from pollinator_magic.local.colony import LocalStatus
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project, Runner
    from pollinator_magic.screen import Screen


@dataclass(frozen=True)
class Context:
    """Where a subcommand acts."""

    screen: Screen
    directory: Path
    """The project's directory: the notebook's, or the current one."""
    resumes: bool = False
    """Whether what was shown of a log before is still to be seen, as in a notebook."""
    remember: Callable[[Job | Group, str | None], None] = lambda _job, _name: None
    """Told of the job that a subcommand is about, and of the variable that shall have it, before it can fail."""
    bring_back: Callable[[Job, bool], None] = lambda _job, _allow_pickle: None
    """Told of the job that was followed to its successful end, and whether pickles may be read."""
    recall: Callable[[str], Job | None] = lambda _name: None
    """Returns the job that a variable of this name holds, if there is one."""
    pick: Callable[[], None] | None = None
    """Shows the executor picker; None where there are no widgets."""

    def session(self, executors: Sequence[str] = ()) -> Session:
        """Return the session of the colony of these executors; say so if the embedded one has to be started."""
        return connect_for(executors, announce=self.screen.say)

    def project(self) -> Project:
        """Return the project of this directory; raise ProjectError if there is none."""
        from pollinator_magic.project import Project

        return Project.open(self.directory)

    def project_if_any(self) -> Project | None:
        """Return the project of this directory, or None."""
        try:
            return self.project()
        except ProjectError:
            return None

    def job(self, text: str) -> Job:
        """Return the job of this variable, or of this process id or beginning of one.

        An id is looked for in the project's colony, then in the other one.
        """
        if (known := self.recall(text)) is not None:
            return known
        project = self.project_if_any()
        first, *others = self._colonies(project)
        try:
            return Job.attach(self.session(first), text, project)
        except NotFound:
            for other in others:
                with contextlib.suppress(PollinatorError):
                    return Job.attach(self.session(other), text, project)
            raise

    def session_of_project(self, project: Project | None) -> Session:
        """Return the session of the colony that the project's executors belong to."""
        return self.session(self._colonies(project)[0])

    @staticmethod
    def _colonies(project: Project | None) -> list[tuple[str, ...]]:
        """Return, as executors that stand for them, the colonies that can be asked; the project's first."""
        if not is_configured():
            return [(LOCAL,)]
        both: list[tuple[str, ...]] = [(), (LOCAL,)]
        return both[::-1] if project is not None and LOCAL in project.executors else both


# --- the four of the Go tool ----------------------------------------------------------------------------------------


def new(args: argparse.Namespace, context: Context) -> None:
    """Make a project here: project.yaml, a sample program and a sample file of data."""
    from pollinator_magic.project import Project

    given = {key: value for key, value in (("image", args.image), ("init", args.init)) if value is not None}
    project = Project.create(context.directory, args.name, **given)
    context.screen.show(
        f"Made {project.root / 'project.yaml'} with a sample in cfs/src. Run it with `pollinate run --follow`."
    )


async def run(args: argparse.Namespace, context: Context) -> None:
    """Submit the project as it is; with --follow, show its log and bring back its results."""
    options = replace(run_options(args), detach=args.detach or not args.follow)
    await run_project(context, apply(context.project(), options), options)


async def run_project(
    context: Context, project: Project, options: RunOptions, cell: str | None = None, runner: Runner | None = None
) -> None:
    """Submit a project, with this cell as its source if one is given, or only show what would be sent."""
    session = context.session(project.executors)
    for warning in project.warnings:
        context.screen.say(warning)
    if options.dry_run:
        shown = preview(session, project, source=cell, runner=runner, announce=context.screen.say)
        show_preview(context.screen, shown)
        return
    run = Run(session, project, options, context.screen, runner)
    job = await run.start(cell, submitted=lambda job: context.remember(job, options.name))
    context.bring_back(job, options.allow_pickle)


def funcspec(args: argparse.Namespace, context: Context) -> None:
    """Synchronise, make a snapshot, and print the function specification that `run` would submit."""
    project = apply(context.project(), project_options(args))
    session = context.session(project.executors)
    with context.screen.transfer() as progress:
        spec = prepare(session, project, progress=progress, announce=context.screen.say)
    context.screen.show(spec_text(spec))


def version(_args: argparse.Namespace, context: Context) -> None:
    """Print the version of this package."""
    context.screen.show(f"pollinator-magic {pollinator_magic.__version__}")


# --- the colony -----------------------------------------------------------------------------------------------------


def connect_file(args: argparse.Namespace, context: Context) -> None:
    """Load an environment file (COLONIES_*, AWS_S3_*) and check that its colony accepts its key."""
    session, user = use_environment_file(Path(args.file).expanduser())
    context.screen.show(
        f"Connected to colony {session.connection.colony!r} at {session.connection.server} as {user.name!r}."
    )


def status(_args: argparse.Namespace, context: Context) -> None:
    """Show which colony is used, whether it answers, and what goes on there."""
    session = context.session()
    connection, client = session.connection, session.client
    user = client.me()
    counts = client.statistics()
    storage = connection.storage
    rows = [
        ("colony", f"{connection.colony} at {connection.server}{' (embedded)' if connection.embedded else ''}"),
        ("user", f"{user.name} (identity {_short(connection.key.identity)})"),
        ("storage", str(storage) if storage else "none: files cannot be carried"),
        ("executors", str(sum(executor.status is ExecutorState.APPROVED for executor in client.executors()))),
        ("waiting", str(counts.waitingprocesses)),
        ("running", str(counts.runningprocesses)),
    ]
    context.screen.table(["", ""], rows)


def executors(args: argparse.Namespace, context: Context) -> None:
    """List the executors of the colony."""
    _show_executors(context.session([LOCAL] if args.local else ()), context.screen, every=args.all)


def pick(_args: argparse.Namespace, context: Context) -> None:
    """Choose the executor of the cells that follow; where there are no widgets, list the executors."""
    if context.pick is not None:
        context.pick()
    else:
        _show_executors(context.session(), context.screen)


def _show_executors(session: Session, screen: Screen, *, every: bool = False) -> None:
    found = [view for view in survey(session.client) if every or view.usable]
    if not found:
        screen.show(f"Colony {session.connection.colony!r} has no executors.")
        return
    header = ["name", "type", "state", "last heard", "hardware", "place", "running", "waiting"]
    screen.table(header, [_executor_row(view) for view in found])


def _executor_row(view: ExecutorView) -> list[str]:
    return [
        view.name,
        view.type,
        view.condition.value,
        "never" if view.heard_s is None else f"{human_duration(view.heard_s)} ago",
        view.hardware,
        view.place,
        view.work.running_text,
        view.work.waiting_text,
    ]


# --- jobs -----------------------------------------------------------------------------------------------------------


def jobs(args: argparse.Namespace, context: Context) -> None:
    """List the newest processes of the colony, or those of the project here."""
    project = context.project_if_any()
    session = context.session_of_project(project)
    found = session.recent_processes(count=100)
    if project is not None and not args.all:
        mark = f"/pollinator/{project.name}/"
        found = [process for process in found if any(mark in mount.label for mount in process.spec.fs.dirs)]
    if not found:
        context.screen.show("No jobs yet.")
        return
    context.screen.table(
        ["process", "state", "submitted", "executor", "by"], [_job_row(process) for process in found[: args.count]]
    )


def _job_row(process: Process) -> list[str]:
    return [
        process.processid[:12],
        describe_state(process),
        _ago(process.submitted_at),
        ", ".join(process.spec.conditions.executornames or ()) or "any",
        process.initiatorname,
    ]


async def attach(args: argparse.Namespace, context: Context) -> None:
    """Show a job's log, in a notebook from where it was left, follow it to its end and bring back its results."""
    job = context.job(args.id)
    context.remember(job, None)
    resume = context.resumes and not args.all
    if resume and job.project is not None and position_file(job.project, job.id).exists():
        context.screen.say("The log goes on where it was left; --all shows it from its beginning.")
    await follow_to_end(job, context.screen.job(job), context.screen, resume=resume)
    context.bring_back(job, args.allow_pickle)


def logs(args: argparse.Namespace, context: Context) -> None:
    """Print the log of a job as far as it is there."""
    log = context.job(args.id).log
    context.screen.show(printable(log.tail(args.tail) if args.tail else str(log)).removesuffix("\n"))


def cancel(args: argparse.Namespace, context: Context) -> None:
    """Cancel a job."""
    job = context.job(args.id)
    was_closed = job.process.status.closed
    job.cancel()
    state = describe_state(job.process)
    context.screen.show(
        f"Process {job.short_id} had ended already: {state}." if was_closed else f"Cancelled {job.short_id}."
    )


def pull(args: argparse.Namespace, context: Context) -> None:
    """Bring back the results of a job, into cfs/result or the directory that is named."""
    job = context.job(args.id)
    context.remember(job, None)
    to = Path(args.to).expanduser() if args.to else None
    with context.screen.transfer() as progress:
        results = job.fetch_results(tuple(args.patterns or ["*"]), to=to, progress=progress)
    if to is None:
        job.show_results()
    if not results:
        asked = f" that matches {' or '.join(args.patterns)}" if args.patterns else ""
        context.screen.show(f"Process {job.short_id} left no result{asked}.")
        return
    context.screen.show(f"{results!r}\nin {to or (job.project.result if job.project else results.root)}")


# --- the embedded colony and executors ------------------------------------------------------------------------------


def local(args: argparse.Namespace, context: Context) -> None:
    """Control the embedded colony of this machine: start, stop, status, reset, logs."""
    from pollinator_magic.local.colony import LocalColony

    colony = LocalColony()
    if args.action == "start":
        colony.start()
    elif args.action == "stop":
        context.screen.show("Stopped." if colony.stop() else "It was not running.")
        return
    elif args.action == "reset":
        colony.reset(confirmed=args.yes)
        context.screen.show("The embedded colony is empty; it starts anew on first use.")
        return
    elif args.action == "logs":
        context.screen.show(colony.logs(args.lines))
        return
    context.screen.table(["", ""], _local_rows(colony.status()))


def _local_rows(status: LocalStatus) -> list[list[str]]:
    rows = [["embedded colony", "running" if status.running else "not running; it starts on first use"]]
    if status.running:
        rows += [
            ["address", f"127.0.0.1:{status.port} (process {status.pid})"],
            ["up for", human_duration(status.uptime_s or 0)],
            ["version", status.version],
        ]
    if status.counts is not None:
        rows += [["waiting", str(status.counts.waitingprocesses)], ["running", str(status.counts.runningprocesses)]]
    return [*rows, ["directory", str(status.home)], ["disk", human_size(status.disk_bytes)]]


def start_executor(args: argparse.Namespace, context: Context) -> None:
    """Run an executor that takes jobs from the configured colony, until it is interrupted."""
    from pollinator_magic.executors.start import start_process_executor
    from pollinator_magic.settings import owner_key_from_environment

    session = connect("remote")
    context.screen.say(
        f"Executor {args.name!r} takes jobs of colony {session.connection.colony!r} at {session.connection.server}. "
        "Stop it with Ctrl-C."
    )
    fs_dir = Path(args.fs_dir).expanduser() if args.fs_dir else None
    start_process_executor(session.connection, owner_key_from_environment(), name=args.name, fs_dir=fs_dir)


# --- helpers --------------------------------------------------------------------------------------------------------


def show_preview(screen: Screen, shown: Preview) -> None:
    """Show what a submission would send."""
    screen.show(spec_text(shown.spec))
    for name, plan in (("src", shown.source), ("data", shown.data)):
        for verb, paths in _moves(plan).items():
            screen.show(
                f"would {verb} {len(paths)} in cfs/{name}: {', '.join(paths[:10])}{' …' if len(paths) > 10 else ''}"
            )
    screen.show("Nothing was sent.")


def _moves(plan: Plan) -> dict[str, tuple[str, ...]]:
    moves = {
        "upload": plan.upload,
        "download": plan.download,
        "remove here": plan.remove_local,
        "remove there": plan.remove_remote,
    }
    return {verb: paths for verb, paths in moves.items() if paths}


def spec_text(spec: FunctionSpec) -> str:
    """Return a function specification as indented JSON."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(spec), indent=2).decode()


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return f"{human_duration((datetime.now(timezone.utc) - moment).total_seconds())} ago"


def _short(identity: str) -> str:
    return f"{identity[:4]}…{identity[-4:]}"
