"""The subcommand that removes what a project no longer needs."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pollinator_magic.errors import Interrupted
from pollinator_magic.jobs.results import human_size
from pollinator_magic.screen import describe_moment

if TYPE_CHECKING:
    from pollinator_magic.commands.context import Context
    from pollinator_magic.jobs.housekeeping import Cleaning, Ended

_SHOWN = 20


def clean(args: argparse.Namespace, context: Context) -> None:
    """Remove what this project no longer needs on its colony: old snapshots, revisions, results and their objects.

    The results of old jobs are removed on the colony and in `.pollinator/jobs`, so that they are nowhere any more: see
    first what `--dry-run` shows. Jobs that wait or run keep everything, whoever submitted them, and so do the newest
    ended ones and the young. The newest files of `cfs/src` and `cfs/data`, snapshots with names of their own,
    `cfs/result`, `cfs/log` and the records of the processes stay.
    """
    from pollinator_magic.jobs.housekeeping import Housekeeping, Policy

    project = context.project()
    session = context.session_of_project(project)
    keeping = Housekeeping(session, project, Policy(older_s=args.older, keep=args.keep))
    if args.dry_run:
        cleaning = keeping.preview()
        _show(context, cleaning, "would remove")
        context.screen.show("Nothing was removed.")
        return
    try:
        with context.screen.transfer() as progress:
            cleaning = keeping.clean(progress=progress, announce=context.screen.say)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted: `%pollinator clean` goes on where it stopped.") from None
    _show(context, cleaning, "removed")


def age(text: str) -> int:
    """Read an age such as `30d`, as the `type` of an argument; return seconds."""
    from pollinator_magic.project.units import Malformed, parse_age

    try:
        return parse_age(text)
    except Malformed as error:
        raise argparse.ArgumentTypeError(str(error).removesuffix(".")) from None


def count(text: str) -> int:
    """Read a whole number, as the `type` of an argument."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _show(context: Context, cleaning: Cleaning, verb: str) -> None:
    plan = cleaning.plan
    if cleaning:
        rows = [
            ["snapshots", str(len(plan.snapshots))],
            ["old revisions", str(len(plan.revisions))],
            ["results", f"of {_number(len(cleaning.jobs), 'job')}, {_number(len(plan.files), 'file')}"],
            ["results here", f"{len(cleaning.directories)} directories, {human_size(cleaning.local_size)}"],
            ["objects", f"{len(plan.objects)}, {human_size(plan.size)}"],
        ]
        context.screen.table(["", "", ""], [[verb if number == 0 else "", *row] for number, row in enumerate(rows)])
        if cleaning.jobs:
            context.screen.table(["job", "ended", "by"], [_job_row(job) for job in cleaning.jobs[:_SHOWN]])
            if len(cleaning.jobs) > _SHOWN:
                context.screen.show(f"and {len(cleaning.jobs) - _SHOWN} older ones")
    else:
        context.screen.show("There is nothing to remove.")
    kept = [
        f"{_number(cleaning.open, 'job')} open",
        f"{_number(cleaning.kept, 'ended job')} kept",
        f"{_number(cleaning.kept_snapshots, 'snapshot')} still needed or young",
    ]
    context.screen.show(f"stays: {', '.join(kept)}")


def _job_row(job: Ended) -> list[str]:
    when = describe_moment(datetime.fromtimestamp(job.at, timezone.utc))
    if job.process is None:
        return ["no longer listed", when, ""]
    return [job.process.processid[:12], when, job.process.initiatorname]


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
