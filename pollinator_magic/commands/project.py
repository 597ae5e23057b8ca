"""The four subcommands of the Go tool: new, run, funcspec, version."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pollinator_magic
from pollinator_magic.jobs import prepare, preview
from pollinator_magic.options import project_options, run_options
from pollinator_magic.running import Run, apply

if TYPE_CHECKING:
    import argparse

    from pollinator_magic.cfs.plan import Plan
    from pollinator_magic.colonies.models import FunctionSpec, WorkflowSpec
    from pollinator_magic.commands.context import Context
    from pollinator_magic.jobs import Preview
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project, Runner
    from pollinator_magic.screen import Screen


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
    run = Run(session, project, options, context.screen, runner, context.origin)
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


def spec_text(spec: FunctionSpec | WorkflowSpec) -> str:
    """Return a specification as indented JSON."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(spec), indent=2).decode()
