"""The notebook runner in the snapshot: a copy of `pollinator_magic.runner`, its settings, and the variables that go in.

Everything lies below `cfs/src/.pollinator`, where the user can read it. The copy is the same for all projects, and what
a cell does not use is left where it is: an unchanged project has nothing to upload.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic import runner as runner_package
from pollinator_magic.errors import UsageError
from pollinator_magic.project.files import make_directory, write_if_changed

if TYPE_CHECKING:
    from pollinator_magic.project.project import Project
    from pollinator_magic.project.values import Environment, Runner

RUNNER = "runner"
RUNNER_START = f"{RUNNER}/start.py"
SETTINGS = "run.json"
INPUTS = "in"

_PYTHON = re.compile(r"python[0-9.]*")


def is_python(environment: Environment) -> bool:
    """Whether the program is a Python file that some `python` runs; `python -m …` and `-c …` run something else."""
    words = environment.cmd.split()
    runs_file = not {"-m", "-c"} & set(words)
    return environment.source.endswith(".py") and runs_file and any(_PYTHON.fullmatch(Path(w).name) for w in words)


def takes_runner(project: Project) -> bool:
    """Whether the runner can run the project: it is Python, and the command is ours to extend."""
    return is_python(project.environment) and not project.shared_results


def prepare_runner(project: Project, runner: Runner, directory: Path) -> None:
    """Make `directory` hold the runner and what this run needs.

    Raises UsageError where variables are asked for and the runner cannot carry them.
    """
    if not takes_runner(project):
        if runner.inputs or runner.from_steps or runner.outputs:
            why = "results are shared (project.yaml)" if project.shared_results else "the program is not Python"
            raise UsageError(f"--in and --out need the notebook runner, which cannot be used here because {why}.")
        return
    from pollinator_magic.runner.variables import formats

    _copy_package(directory / RUNNER)
    settings = {
        "line_offset": runner.line_offset,
        "outputs": list(runner.outputs),
        "allow_pickle": runner.allow_pickle,
        "reads": formats(),
    }
    if runner.from_steps:
        settings["from_steps"] = dict(runner.from_steps)
    write_if_changed(directory / SETTINGS, json.dumps(settings, indent=1) + "\n")
    _write_inputs(directory / INPUTS, runner)


def _copy_package(target: Path) -> None:
    make_directory(target)
    wanted = {source.name: source for source in Path(runner_package.__file__).parent.glob("*.py")}
    for name, source in wanted.items():
        write_if_changed(target / name, source.read_text(encoding="utf-8"))
    for old in target.glob("*.py"):
        if old.name not in wanted:
            old.unlink()


def _write_inputs(directory: Path, runner: Runner) -> None:
    if runner.inputs or directory.exists():  # otherwise there is nothing to import the codecs for
        from pollinator_magic.project.inputs import write_inputs

        write_inputs(directory, runner.inputs, allow_pickle=runner.allow_pickle)
