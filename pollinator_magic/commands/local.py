"""The subcommands that control the embedded colony of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.cfs.objects import BUCKET
from pollinator_magic.errors import ConfigurationError, UsageError
from pollinator_magic.jobs.results import human_size
from pollinator_magic.screen import human_duration

if TYPE_CHECKING:
    import argparse

    from pollinator_magic.colonies.models import Statistics
    from pollinator_magic.commands.context import Context
    from pollinator_magic.local.colony import LocalColony
    from pollinator_magic.local.status import LocalStatus


def local(args: argparse.Namespace, context: Context) -> None:
    """Control the embedded colony of this machine: start, stop, status, reset, logs."""
    from pollinator_magic.local.colony import LocalColony

    _check(args)
    colony = LocalColony()
    if args.action == "start":
        colony.start()
        if args.s3 is not None:
            colony.serve_objects(wanted=args.s3)
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
    elif args.env:
        _show_environment(colony, args, context)
        return
    context.screen.table(["", ""], _local_rows(colony.status()))


def _check(args: argparse.Namespace) -> None:
    """Refuse options that do not go with what is to be done."""
    if args.s3 is not None and args.action != "start":
        raise UsageError("--s3 and --no-s3 go with `local start`.")
    if args.env and args.action != "status":
        raise UsageError("--env goes with `local status`.")
    if (args.keys or args.to) and not args.env:
        raise UsageError("--keys and --to go with `local status --env`.")


def _show_environment(colony: LocalColony, args: argparse.Namespace, context: Context) -> None:
    """Show how other tools reach the colony, or write it to a file. It is started if need be, and S3 if it can be."""
    from pollinator_magic.local.home import write_atomically
    from pollinator_magic.local.rclone import find_rclone

    if args.keys and not args.to and context.saved:
        raise UsageError(
            "Keys are not shown here, where what is shown is saved. Type `pollinate local status --env --keys` in a "
            "terminal, or write them to a file that only you can read: `local status --env --keys --to FILE`."
        )
    if not colony.running:
        context.screen.say("Starting the embedded colony on this machine …")
    colony.connection()
    if find_rclone() is not None:
        colony.serve_objects()
    text = colony.environment().text(with_keys=args.keys)
    if not args.to:
        context.screen.show(text)
        return
    file = Path(args.to).expanduser().absolute()
    try:
        write_atomically(file, f"{text}\n".encode())
    except OSError as error:
        raise ConfigurationError(f"Cannot write {str(file)!r}: {error.strerror}.") from None
    use = "`%pollinator connect` reads it." if args.keys else "It lacks the keys: they are written with --keys."
    context.screen.show(f"Wrote {file}, which only you can read. {use}")


def _local_rows(status: LocalStatus) -> list[list[str]]:
    rows = [["embedded colony", "running" if status.running else "not running; it starts on first use"]]
    if status.running:
        rows += [
            ["address", f"127.0.0.1:{status.port} (process {status.pid})"],
            ["up for", human_duration(status.uptime_s or 0)],
            ["version", status.version],
        ]
    if status.counts is not None:
        rows += job_rows(status.counts)
    if status.files is not None:
        rows.append(["files", f"{status.files} revisions"])
    if status.s3_port:
        rows.append(["S3", f"127.0.0.1:{status.s3_port}, bucket {BUCKET!r}"])
    return [*rows, ["directory", str(status.home)], *disk_rows(status)]


def disk_rows(status: LocalStatus) -> list[list[str]]:
    """Say what the embedded colony takes on the disk, and how much it keeps."""
    kinds = ", ".join(f"{human_size(size)} {kind}" for kind, size in status.disk.items() if size)
    return [["disk", f"{human_size(status.disk_bytes)} ({kinds})"], ["kept", _limits(status.home)]]


def job_rows(counts: Statistics) -> list[list[str]]:
    """Say how many jobs a colony has."""
    ended = counts.successfulprocesses + counts.failedprocesses + counts.cancelledprocesses
    return [
        ["waiting", str(counts.waitingprocesses)],
        ["running", str(counts.runningprocesses)],
        ["ended", str(ended)],
    ]


def _limits(home: Path) -> str:
    """Say how much the embedded colony keeps, or what is wrong with its limits."""
    from pollinator_magic.local.limits import DAY_S, read_limits

    try:
        limits = read_limits(home / "limits.yaml")
    except ConfigurationError as error:
        return f"everything, until this is right: {error}"
    said = [
        f"{limits.jobs} ended jobs" if limits.jobs else "",
        f"for {limits.jobs_older / DAY_S:g} days" if limits.jobs_older else "",
        f"{human_size(limits.logs)} of logs" if limits.logs else "",
        f"what no job needs for {limits.files_older / DAY_S:g} days" if limits.files_older else "",
    ]
    return "at most " + ", ".join(filter(None, said)) if any(said) and limits.every else "everything"
