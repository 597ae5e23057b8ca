"""The subcommand about graphs: what has been collected, submitting it, and taking up what was submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.errors import Interrupted, PollinatorError, UsageError, VariableError
from pollinator_magic.graphview import describe_graph_left
from pollinator_magic.manyjobs import OnInterrupt, follow_many

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pollinator_magic.commands.context import Context
    from pollinator_magic.jobs.graph import Graph, StepRow
    from pollinator_magic.jobs.workflow import Workflow
    from pollinator_magic.manyjobs import JobsView

HEADER = ("step", "after", "state", "process")


async def graph(args: argparse.Namespace, context: Context) -> None:
    """Show, run or forget the steps that `%%pollinate --step NAME` has collected, or take up a graph that runs.

    `show` draws the steps that are collected, or those of the graph ID. `run` submits them, follows them to their end,
    and brings back their results, to `cfs/result/STEP`. `clear` forgets what is collected; graphs that were submitted
    go on. `attach` follows a graph that was submitted before.
    """
    if args.id and args.action in {"run", "clear"}:
        raise UsageError(f"`graph {args.action}` is about what is collected, and takes no ID.")
    if args.action == "run":
        await _run(args, context)
    elif args.action == "clear":
        workflow = _collected(context)
        count = len(workflow)
        workflow.clear()
        context.screen.show(f"Forgotten: {count} step{'' if count == 1 else 's'}." if count else "There were no steps.")
    elif args.action == "show":
        _show(args, context)
    elif not args.id:
        raise UsageError("Which graph? Give the first characters of its id: `%pollinator graph attach ID`.")
    else:
        await attach_graph(context.graph(args.id), context, allow_pickle=args.allow_pickle, options=args)


async def attach_graph(
    found: Graph, context: Context, *, allow_pickle: bool = False, options: argparse.Namespace | None = None
) -> None:
    """Follow a graph to its end, and bring back its results."""
    for job in found.values():
        job.allow_pickle = job.allow_pickle or allow_pickle
    context.remember(found, options.name if options else None)
    view = context.screen.graph(found, quiet=bool(options and options.quiet))
    if options and options.detach:
        view.leave()
        return
    cancel = bool(options and options.on_interrupt == "cancel")
    await _follow(found, view, context, cancel_on_interrupt=cancel)


async def _run(args: argparse.Namespace, context: Context) -> None:
    workflow = _collected(context)
    if args.dry_run:
        from pollinator_magic.commands.project import spec_text

        context.screen.show(spec_text(workflow.specify()))
        context.screen.show("Nothing was sent.")
        return
    workflow.specify()  # what is wrong with it is said before a colony is asked for, which may have to be started
    project = next(iter(workflow.steps.values())).frozen.project
    try:
        submitted = workflow.submit(context.session(project.executors))
    except KeyboardInterrupt:
        raise Interrupted(
            "Interrupted while the graph was being submitted. `%pollinator jobs` shows whether its steps are there."
        ) from None
    await attach_graph(submitted, context, allow_pickle=args.allow_pickle, options=args)


def _show(args: argparse.Namespace, context: Context) -> None:
    rows = context.graph(args.id).rows() if args.id else _collected(context).rows()
    if not rows:
        context.screen.show("No steps yet: `%%pollinate --step NAME` collects a cell as one.")
    elif context.draw is not None:
        context.draw(rows)
    else:
        context.screen.table(HEADER, table_of(rows))


def table_of(rows: Sequence[StepRow]) -> list[list[str]]:
    """Return the rows of a table of steps, see HEADER."""
    return [[row.name, ", ".join(row.after), row.state, row.job.short_id if row.job else ""] for row in rows]


def _collected(context: Context) -> Workflow:
    if context.workflow is None:
        raise UsageError(
            "Steps are collected by the cells of a notebook, `%%pollinate --step NAME`, and submitted there. "
            "Here a graph that was submitted can be looked at: `pollinate graph attach ID`, `pollinate graph show ID`."
        )
    return context.workflow


async def _follow(followed: Graph, view: JobsView, context: Context, *, cancel_on_interrupt: bool) -> None:
    """Show the graph until all steps are closed, then their results; raise GraphFailed or JobCancelled if need be."""
    on_interrupt = OnInterrupt(
        go_on=f"Interrupted. {describe_graph_left(followed)}",
        have_ended=(
            f"Interrupted: all steps have ended. `%pollinator attach {followed.short_id}` brings their results."
        ),
        cancel=lambda: _cancelled(followed),
    )
    if await follow_many(followed.follow, view, context.screen, on_interrupt, cancel_on_interrupt=cancel_on_interrupt):
        followed.raise_unless_successful()
        _bring_back(followed, context)


def _bring_back(ended: Graph, context: Context) -> None:
    """Set the variables of --out, those of later steps last; raise VariableError for what did not come back."""
    problems: list[VariableError] = []
    for job in ended.values():
        try:
            context.bring_back(job, False)  # whether pickles may be read, the job knows
        except VariableError as problem:
            problems.append(problem)
    if problems:
        first = problems[0]
        raise VariableError("\n".join(map(str, problems)), process_id=first.process_id, name=first.name)


def _cancelled(left: Graph) -> str:
    """Cancel the graph, and say what has become of it."""
    try:
        left.cancel()
    except (PollinatorError, KeyboardInterrupt) as error:
        why = str(error) or "interrupted."
        return (
            f"Interrupted: graph {left.short_id} could not be cancelled: {why} "
            f"Try again with `%pollinator cancel {left.short_id}`."
        )
    return f"Interrupted: the graph was cancelled. {left.summary}."
