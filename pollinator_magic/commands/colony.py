"""The subcommands about a colony and its executors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ExecutorState
from pollinator_magic.commands.local import disk_rows, job_rows
from pollinator_magic.jobs.executors import survey
from pollinator_magic.screen import human_duration
from pollinator_magic.sessions import LOCAL, use_environment_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pollinator_magic.commands.context import Context
    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.executors import ExecutorView
    from pollinator_magic.screen import Screen


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
    rows: list[Sequence[str]] = [
        ("colony", f"{connection.colony} at {connection.server}{' (embedded)' if connection.embedded else ''}"),
        ("user", f"{user.name} (identity {_short(connection.key.identity)})"),
        ("storage", str(storage) if storage else "none: files cannot be carried"),
        ("executors", str(sum(executor.status is ExecutorState.APPROVED for executor in client.executors()))),
        *job_rows(counts),
        ("files", f"{sum(label.files for label in client.labels())} revisions"),
    ]
    if connection.embedded:
        from pollinator_magic.local.colony import LocalColony

        rows += disk_rows(LocalColony().status())
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


def _short(identity: str) -> str:
    return f"{identity[:4]}…{identity[-4:]}"
