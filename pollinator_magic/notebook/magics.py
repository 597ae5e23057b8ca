"""`%%pollinate`, `%pollinate` and `%pollinator`: they parse and delegate. Loading imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from traitlets import Unicode

if TYPE_CHECKING:
    from pollinator_magic.commands import Context
    from pollinator_magic.jobs import Job
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project

_SOURCE_NAMES = {
    "bash": "main.sh",
    "sh": "main.sh",
    "rscript": "main.R",
    "node": "main.js",
    "julia": "main.jl",
    "octave": "main.m",
    "perl": "main.pl",
    "ruby": "main.rb",
}


@magics_class
class PollinateMagics(Magics):
    """Run cells as jobs on ColonyOS."""

    executor = Unicode(
        "", help="The executor that runs cells which name none; empty for that of project.yaml, else `local`."
    ).tag(config=True)

    @line_cell_magic
    def pollinate(self, line: str, cell: str | None = None) -> None:
        """Run this cell, or as a line the project, as a job on ColonyOS.

        Examples::

            %%pollinate local                     on this machine, no account needed
            %%pollinate lumi-std --nodes 4        on the executor lumi-std, four nodes
            %%pollinate local --cmd bash          another language
            %%pollinate local --dry-run           show what would be sent, send nothing
            %pollinate lumi-std --walltime 2h     the project in cfs/src as it is

        Options: EXECUTOR … --nodes N --ppn N --cpu 2000m --mem 4Gi --gpu [NAME:]N --walltime 10m --image REF
        --cmd CMD --init CMD --source FILE --pip A,B --env K=V --get PATTERN --as NAME --detach
        --on-interrupt detach|cancel --dry-run --quiet --verbose

        What the program leaves in `result/` comes back: as previews below the cell, as files in `cfs/result`, and as
        `_.results["name"]`. `%pollinator help` lists everything else.
        """
        from pollinator_magic.errors import UsageError
        from pollinator_magic.options import parse_run_line

        prog = "%pollinate" if cell is None else "%%pollinate"
        options = parse_run_line(prog, line)
        if cell is not None and not cell.strip():
            raise UsageError("%%pollinate: the cell is empty. Its lines below the first are the program that is run.")
        self._run(options, cell)

    @line_magic
    def pollinator(self, line: str) -> None:
        """Everything but running cells: `%pollinator help` lists the subcommands."""
        from pollinator_magic.cli import dispatch
        from pollinator_magic.options import split

        job = dispatch(split(line), self._context(), prog="%pollinator")
        if job is not None:
            self._remember(job, None)

    def _run(self, options: RunOptions, cell: str | None) -> None:
        from pollinator_magic.commands import show_preview
        from pollinator_magic.jobs import preview
        from pollinator_magic.running import Run, apply

        context = self._context()
        names = options.executors or ((self.executor,) if self.executor else ())
        if names:
            context.session(names)  # a colony that cannot be had is no reason to make a project for it
        project = apply(self._project(context.directory, names), options)
        if cell is not None and options.source is None:
            project = project.with_options(source=_source_name(options.command, project.environment.source))
        session = context.session(project.executors)
        for warning in project.warnings:
            context.screen.say(warning)
        if options.dry_run:
            show_preview(context.screen, preview(session, project, source=cell, announce=context.screen.say))
            return
        run = Run(session, project, options, context.screen)
        run.start(cell, submitted=lambda job: self._remember(job, options.name))

    @staticmethod
    def _project(directory: Path, executors: tuple[str, ...]) -> Project:
        """Open the project of the notebook's directory, or make it there, to be run by these executors."""
        from pollinator_magic.project import Project
        from pollinator_magic.sessions import LOCAL

        project = Project.open_or_create(directory, executors or LOCAL)
        return project.with_options(executors=executors or None)

    @staticmethod
    def _context() -> Context:
        from pollinator_magic.commands import Context
        from pollinator_magic.notebook.display import NotebookScreen

        return Context(NotebookScreen(), Path.cwd())

    def _remember(self, job: Job, name: str | None) -> None:
        """Make the job `_`, as the value of the cell would be, without printing it, and the variable of --as."""
        shell: Any = self.shell
        shell.displayhook.update_user_ns(job)
        if name is not None:
            shell.push({name: job}, interactive=True)


def _source_name(command: str | None, of_project: str) -> str:
    """Return the file that a cell becomes: in another language than the project's, one with that language's ending."""
    words = command.split() if command else []
    by_language = _SOURCE_NAMES.get(Path(words[0]).name.lower()) if words else None
    return by_language or of_project or "main.py"
