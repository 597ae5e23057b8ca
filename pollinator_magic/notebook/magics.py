"""`%%pollinate`, `%pollinate` and `%pollinator`: they parse and delegate. Loading imports nothing heavy."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from traitlets import Unicode

from pollinator_magic.errors import UsageError
from pollinator_magic.options import parse_run_line, run_help, split

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

        What the program leaves in `result/` comes back: as previews below the cell, as files in `cfs/result`, and as
        `_.results["name"]`. `%pollinator help` lists everything else.
        """
        prog = "%pollinate" if cell is None else "%%pollinate"
        options = parse_run_line(prog, line)
        if cell is not None and not cell.strip():
            raise UsageError("%%pollinate: the cell is empty. Its lines below the first are the program that is run.")
        self._run(options, cell)

    @line_magic
    def pollinator(self, line: str) -> None:
        """Everything but running cells.

        Examples::

            %pollinator status                    which colony is used, and what goes on there
            %pollinator connect lumi.env          use the colony that this environment file names
            %pollinator executors                 what can run cells
            %pollinator jobs                      the jobs of this project
            %pollinator attach 3fc0               follow a job (any start of its id), bring back its results
            %pollinator logs 3fc0 --tail 20       the end of its log
            %pollinator cancel 3fc0               end it
            %pollinator pull 3fc0 --to out        only its results
            %pollinator new -n lumi-std           make a project with a sample program
            %pollinator run --follow              run the project as it is
            %pollinator funcspec                  print what would be submitted for it
            %pollinator local status              the embedded colony: start, stop, status, reset, logs
            %pollinator executor start process --name mine   run jobs of the colony on this machine
            %pollinator version

        `%pollinator SUBCOMMAND --help` explains each, with its options.
        """
        from pollinator_magic.cli import dispatch

        dispatch(split(line), self._context(), prog="%pollinator")

    def _run(self, options: RunOptions, cell: str | None) -> None:
        from pollinator_magic.commands import run_project
        from pollinator_magic.project import Project
        from pollinator_magic.running import apply

        context = self._context()
        names = options.executors or ((self.executor,) if self.executor else ())
        if names:
            # A colony or an executor that cannot be had is no reason to make a project for it.
            session = context.session(names)
            if not Project(context.directory).file.exists():
                session.require_executors(names)
        project = apply(self._project(context.directory, names), options)
        if cell is not None and options.source is None:
            project = project.with_options(source=_source_name(options.command, project.environment.source))
        run_project(context, project, options, cell)

    @staticmethod
    def _project(directory: Path, executors: tuple[str, ...]) -> Project:
        """Open the project of the notebook's directory, or make it there, to be run by these executors."""
        from pollinator_magic.project import Project
        from pollinator_magic.sessions import LOCAL

        project = Project.open_or_create(directory, executors or LOCAL)
        return project.with_options(executors=executors or None)

    def _context(self) -> Context:
        from pollinator_magic.commands import Context
        from pollinator_magic.notebook.display import NotebookScreen

        return Context(NotebookScreen(), Path.cwd(), self._remember)

    def _remember(self, job: Job, name: str | None) -> None:
        """Make the job `_`, as the value of the cell would be, without printing it, and the variable of --as."""
        shell: Any = self.shell
        shell.displayhook.update_user_ns(job)
        if name is not None:
            shell.push({name: job}, interactive=True)


# What the parser knows of each option is said once, there.
PollinateMagics.pollinate.__doc__ = f"{inspect.cleandoc(PollinateMagics.pollinate.__doc__ or '')}\n\n{run_help()}"


def _source_name(command: str | None, of_project: str) -> str:
    """Return the file that a cell becomes: in another language than the project's, one with that language's ending."""
    words = command.split() if command else []
    by_language = _SOURCE_NAMES.get(Path(words[0]).name.lower()) if words else None
    return by_language or of_project or "main.py"
