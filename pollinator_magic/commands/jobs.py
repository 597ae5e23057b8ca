"""The subcommands about jobs that were submitted: jobs, attach, logs, cancel, pull."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.commands.graph import attach_graph
from pollinator_magic.jobs.graph import Graph
from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.position import position_file
from pollinator_magic.running import follow_to_end
from pollinator_magic.screen import describe_state, human_duration

if TYPE_CHECKING:
    import argparse

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.commands.context import Context


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
    found = found[: args.count]
    steps = ["step"] if any(process.processgraphid for process in found) else []
    header = ["process", *steps, "state", "submitted", "executor", "by"]
    context.screen.table(header, [_job_row(process, steps=bool(steps)) for process in found])


def _job_row(process: Process, *, steps: bool) -> list[str]:
    return [
        process.processid[:12],
        *[process.spec.nodename] * steps,
        describe_state(process),
        _ago(process.submitted_at),
        ", ".join(process.spec.conditions.executornames or ()) or "any",
        process.initiatorname,
    ]


async def attach(args: argparse.Namespace, context: Context) -> None:
    """Show a job's log, in a notebook from where it was left, follow it to its end and bring back its results.

    ID may also be that of a graph: then all its steps are shown.
    """
    job = context.found(args.id)
    if isinstance(job, Graph):
        await attach_graph(job, context, allow_pickle=args.allow_pickle)
        return
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
    """Cancel a job.

    ID may also be that of a graph: then all its steps are cancelled.
    """
    job = context.found(args.id)
    if isinstance(job, Graph):
        had_ended = job.closed
        job.cancel()
        context.screen.show(f"Graph {job.short_id} {'had ended already' if had_ended else 'cancelled'}. {job.summary}.")
        return
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


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return f"{human_duration((datetime.now(timezone.utc) - moment).total_seconds())} ago"
