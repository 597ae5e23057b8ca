"""`%%pollinate`, `%pollinate` and `%pollinator`: they parse and delegate. Loading imports nothing heavy."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class

from pollinator_magic.errors import UsageError, VariableError
from pollinator_magic.notebook.defaults import RunDefaults
from pollinator_magic.options import parse_run_line, run_help, split

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from pollinator_magic.commands import Context
    from pollinator_magic.jobs import Job
    from pollinator_magic.jobs.graph import Graph, StepRow
    from pollinator_magic.jobs.group import Group
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project, Runner

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
class PollinateMagics(RunDefaults, Magics):
    """Run cells as jobs on ColonyOS."""

    @line_cell_magic
    def pollinate(self, line: str, cell: str | None = None) -> Coroutine[Any, Any, None] | None:
        """Run this cell, or as a line the project, as a job on ColonyOS.

        Examples::

            %%pollinate local                     on this machine, no account needed
            %%pollinate lumi-std --nodes 4        on the executor lumi-std, four nodes
            %%pollinate local --in x --out y      a variable into the job, another one back
            %%pollinate local --each lr=0.1,0.01  one job for each value, one table of what they gave
            %%pollinate local --detach            go on at once; the card shows how the job is
            %%pollinate local --cached            what the same cell gave before, if it has run
            %%pollinate local --cmd bash          another language
            %%pollinate local --dry-run           show what would be sent, send nothing
            %%pollinate local --step fit --after prepare   collect the cell as a step; `%pollinator graph run` runs all
            %pollinate lumi-std --walltime 2h     the project in cfs/src as it is

        The cell runs as a notebook would run it: figures and the last expression are displayed. What the program leaves
        in `result/` comes back: as previews below the cell, as files in `cfs/result`, and as `_.results["name"]`;
        `_.value` is the last expression. `%pollinator help` lists everything else.
        """
        prog = "%pollinate" if cell is None else "%%pollinate"
        words = split(line)
        if "--help" in words or "-h" in words:
            return self._carry_out(self._explain)
        options = parse_run_line(prog, line, self.option_defaults())
        if cell is not None and not cell.strip():
            raise UsageError("%%pollinate: the cell is empty. Its lines below the first are the program that is run.")
        return self._carry_out(lambda context: self._run(context, options, cell, words))

    @line_magic
    def pollinator(self, line: str) -> Coroutine[Any, Any, None] | None:
        """Everything but running cells.

        Examples::

            %pollinator status                    which colony is used, and what goes on there
            %pollinator connect lumi.env          use the colony that this environment file names
            %pollinator executors                 what can run cells
            %pollinator pick                      choose where the cells that follow run, from a table
            %pollinator jobs                      the jobs of this project
            %pollinator attach 3fc0               follow a job (any start of its id), bring back its results
            %pollinator logs 3fc0 --tail 20       the end of its log
            %pollinator cancel 3fc0               end it
            %pollinator pull 3fc0 --to out        only its results
            %pollinator new -n lumi-std           make a project with a sample program
            %pollinator run --follow              run the project as it is
            %pollinator funcspec                  print what would be submitted for it
            %pollinator graph show                draw the steps that `%%pollinate --step NAME` has collected
            %pollinator graph run                 run them, those that depend on others after these
            %pollinator clean --older 30d         remove old snapshots, revisions and results of this project
            %pollinator local status              the embedded colony: start, stop, status, reset, logs
            %pollinator local status --env        the variables by which other tools reach it
            %pollinator executor start process --name mine   run jobs of the colony on this machine
            %pollinator version

        `%pollinator SUBCOMMAND --help` explains each, with its options.
        """
        from pollinator_magic.cli import dispatch

        words = split(line)
        return self._carry_out(lambda context: dispatch(words, context, prog="%pollinator"))

    def _carry_out(self, work: Callable[[Context], Coroutine[Any, Any, None]]) -> Coroutine[Any, Any, None] | None:
        """Do this work now, or, where the magic is awaited, return it as what the cell waits for."""
        from pollinator_magic.notebook.awaiting import is_awaited
        from pollinator_magic.running import complete

        awaited = is_awaited()
        coroutine = work(self._context(awaited=awaited))
        return coroutine if awaited else complete(coroutine)

    @staticmethod
    async def _explain(context: Context) -> None:
        context.screen.show(PollinateMagics.pollinate.__doc__ or "")

    async def _run(self, context: Context, options: RunOptions, cell: str | None, words: list[str]) -> None:
        from pollinator_magic.commands import run_project
        from pollinator_magic.jobs.parameterfile import parameter_sets
        from pollinator_magic.notebook.cellcommands import refuse_commands
        from pollinator_magic.notebook.collected import collected
        from pollinator_magic.notebook.groups import Sweep
        from pollinator_magic.project import Project
        from pollinator_magic.project.runnerfiles import is_python
        from pollinator_magic.running import apply

        if options.step is not None:
            collected.check(options.step, options.after)
        swept = bool(options.each or options.map_file)
        parameters = parameter_sets(options.each, options.map_file) if swept else []
        runner = self._runner(options, cell)
        names = options.executors or ((self.executor,) if self.executor else ())
        if names:
            # A colony or an executor that cannot be had is no reason to make a project for it.
            session = context.session(names)
            if not Project(context.directory).file.exists():
                session.require_executors(names)
        project = self._project(context.directory, names)
        try:
            project = apply(project, options)
        except UsageError as error:
            raise UsageError(self.blamed(str(error), words)) from None
        if cell is not None and options.source is None:
            project = project.with_options(source=_source_name(options.command, project.environment.source))
        if cell is not None and is_python(project.environment):
            refuse_commands(cell)
        if options.step is not None:
            from pollinator_magic.notebook.graphs import collect

            collect(context, project, options, cell, runner)
        elif swept:
            await Sweep(context, project, options, parameters, runner).start(cell)
        else:
            await run_project(context, project, options, cell, runner)

    def _runner(self, options: RunOptions, cell: str | None) -> Runner | None:
        """Return how the notebook runner shall run this; None to run it plainly, as files are run that are no cells."""
        from pollinator_magic.notebook.collected import collected

        needed = options.inputs or options.outputs or options.each or options.map_file
        if options.script and (options.inputs or options.outputs):
            raise UsageError("--in and --out need the notebook runner: leave out --script.")
        if options.script or (cell is None and not needed):
            return None
        from pollinator_magic.project import Runner
        from pollinator_magic.project.inputs import check_inputs

        shell: Any = self.shell
        from_steps = collected.taken_from_steps(options.inputs, options.after)
        own = [name for name in options.inputs if name not in from_steps]
        return Runner(
            inputs=check_inputs(shell.user_ns, own, allow_pickle=options.allow_pickle),
            from_steps=from_steps,
            outputs=options.outputs,
            allow_pickle=options.allow_pickle,
            line_offset=0 if cell is None else 1,
        )

    @staticmethod
    def _project(directory: Path, executors: tuple[str, ...]) -> Project:
        """Open the project of the notebook's directory, or make it there, to be run by these executors."""
        from pollinator_magic.project import Project
        from pollinator_magic.sessions import LOCAL

        project = Project.open_or_create(directory, executors or LOCAL)
        return project.with_options(executors=executors or None)

    def _context(self, *, awaited: bool) -> Context:
        from pollinator_magic.commands import Context
        from pollinator_magic.notebook.collected import collected
        from pollinator_magic.notebook.display import NotebookScreen
        from pollinator_magic.notebook.origin import origin_of

        screen = NotebookScreen(awaited=awaited, lines=self.log_lines, size=self.log_kib << 10)
        return Context(
            screen,
            Path.cwd(),
            resumes=True,
            saved=True,
            remember=self._remember,
            bring_back=self._bring_back,
            recall=self._recall,
            pick=self._pick,
            workflow=collected,
            draw=self._draw,
            origin=origin_of(self.shell),
        )

    def _remember(self, job: Job | Group | Graph, name: str | None) -> None:
        """Make the job `_`, as the value of the cell would be, without printing it, and the variable of --as."""
        shell: Any = self.shell
        shell.displayhook.update_user_ns(job)
        if name is not None:
            shell.push({name: job}, interactive=True)

    def _bring_back(self, job: Job, allow_pickle: bool) -> None:  # noqa: FBT001  as the context calls it
        """Set the notebook's variables that were asked for with --out; raise VariableError that names the others."""
        from pollinator_magic.jobs.variables import asked

        names = asked(job)
        if not names or not job.succeeded:
            return
        shell: Any = self.shell
        job.allow_pickle = job.allow_pickle or allow_pickle
        problems = {}
        for name in names:
            try:
                shell.push({name: job.variables[name]}, interactive=True)
            except (VariableError, KeyError) as problem:
                problems[name] = str(problem)
        if problems:
            raise VariableError("\n".join(problems.values()), process_id=job.id, name=next(iter(problems)))

    def _recall(self, name: str) -> Job | Graph | None:
        """Return the job or graph that the notebook's variable of this name holds; raise UsageError for a group."""
        from pollinator_magic.jobs import Job
        from pollinator_magic.jobs.graph import Graph
        from pollinator_magic.jobs.group import Group

        shell: Any = self.shell
        value = shell.user_ns.get(name)
        if isinstance(value, Group):
            raise UsageError(
                f"{name!r} holds {len(value)} jobs. Use `{name}.wait()`, `{name}.cancel()` or `{name}.frame()`, "
                f"or name one of them: `{{{name}[0].id}}`."
            )
        return value if isinstance(value, Job | Graph) else None

    @staticmethod
    def _draw(rows: Sequence[StepRow]) -> None:
        from pollinator_magic.notebook.graphs import draw

        draw(rows)

    @staticmethod
    def _pick() -> None:
        from IPython.display import display

        from pollinator_magic.notebook.picker import ExecutorPicker

        display(ExecutorPicker())


# What the parser knows of each option is said once, there.
PollinateMagics.pollinate.__doc__ = f"{inspect.cleandoc(PollinateMagics.pollinate.__doc__ or '')}\n\n{run_help()}"


def _source_name(command: str | None, of_project: str) -> str:
    """Return the file that a cell becomes: in another language than the project's, one with that language's ending."""
    words = command.split() if command else []
    by_language = _SOURCE_NAMES.get(Path(words[0]).name.lower()) if words else None
    return by_language or of_project or "main.py"
