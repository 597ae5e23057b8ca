"""The scripts that travel in the snapshot, so that commands on the wire are plain words.

Some executors put what they are given through HTML escaping, a double-quoted `sh -c` and batch scripts (protocol
section 12). So the wire only ever says `sh <path>`, and whatever needs quoting, pipes or variables is in a file below
`cfs/src/.pollinator` that the user can read. The scripts do not depend on the job, only on the project: an unchanged
project has unchanged scripts and nothing to upload.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pollinator_magic.project.files import remove_if_present, write_if_changed
from pollinator_magic.project.naming import is_plain
from pollinator_magic.project.runnerfiles import RUNNER_START, prepare_runner, takes_runner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.project.project import Project
    from pollinator_magic.project.values import Environment, Runner

DIRECTORY = ".pollinator"
"""Where the scripts are, below `src`."""
START = "start.sh"
INIT = "init.sh"

# Words that mean something to the shell itself, so that they cannot be what it replaces itself with.
_SHELL_WORDS = frozenset(
    (  # noqa: SIM905  words are read in lines, not in columns
        ". : [ alias bg break case cd command continue do done elif else esac eval exec exit export fc fg fi for "
        "getopts hash if in jobs local read readonly return set shift source then time times trap type ulimit umask "
        "unalias unset until wait while"
    ).split()
)


def prepare_scripts(project: Project, runner: Runner | None = None) -> tuple[Path, ...]:
    """Make `cfs/src/.pollinator` hold what this project needs to be run; return the scripts that there are.

    With `runner` the program is run by the notebook runner, where it can be (see `takes_runner`). What has not changed
    is not touched, and scripts that are needed no more are removed. Raises UsageError for variables that need a runner
    where there can be none.
    """
    directory = project.src / DIRECTORY
    wanted = {}
    with_runner = runner is not None and takes_runner(project)
    if runner is not None:
        prepare_runner(project, runner, directory)
    if not project.shared_results:
        wanted = {
            START: start_script(project.environment, with_runner=with_runner),
            INIT: init_script(project.environment),
        }
    for name in (START, INIT):
        text = wanted.get(name)
        if text is None:
            remove_if_present(directory / name)
        else:
            write_if_changed(directory / name, text)
    return tuple(directory / name for name, text in wanted.items() if text is not None)


def start_script(environment: Environment, *, with_runner: bool = False) -> str:
    """Return the script that runs the program in the job's own directory."""
    return f"""\
#!/bin/sh
# Written by pollinator_magic for every job; changes made here are overwritten.
# Runs the program where it sees src/, data/ and result/, as they are in the project's cfs/ directory.
cd "${{PROJECT_DIR:?}}" || exit

# All jobs of the project share one data directory. Several ranks may do this at the same time: the first one wins.
mkdir -p result ../data 2>/dev/null
ln -s ../data . 2>/dev/null

# What Python prints shall be in the log when it is printed.
export PYTHONUNBUFFERED="${{PYTHONUNBUFFERED-1}}"
{_exports(environment)}
{_command(environment, with_runner=with_runner)}
"""


def init_script(environment: Environment) -> str | None:
    """Return the script that prepares the environment; None if that goes on the wire as it is, or there is nothing."""
    if wire_init(environment) is not None:
        return None
    return f"""\
# Written by pollinator_magic for every job; changes made here are overwritten.
# Prepares the environment, in the shell that starts the program afterwards.
{_exports(environment)}
{init_commands(environment)}
"""


def wire_init(environment: Environment) -> str | None:
    """Return the init command if it can travel as plain words; None if it needs the script."""
    command = init_commands(environment)
    if not command:
        return ""
    return command if is_plain(command) and not _quoted_variables(environment) else None


def wire_variables(environment: Environment) -> dict[str, str]:
    """Return the variables that can travel as plain words; the scripts export the others."""
    return {name: value for name, value in environment.variables.items() if is_plain(value)}


def init_commands(environment: Environment, *, separator: str = "\n") -> str:
    """Return what prepares the environment: the project's own commands, then the installation of `pip`."""
    own = _unix_lines(environment.init)
    return separator.join(part for part in (own, requirements_command(environment.pip)) if part)


def requirements_command(requirements: Sequence[str]) -> str:
    """Return the command that installs these requirements, quoted where the shell needs it; "" for none."""
    return shlex.join(["pip3", "install", *requirements]) if requirements else ""


def _command(environment: Environment, *, with_runner: bool) -> str:
    """Return the line that runs the program: in place of the shell where possible, so that signals reach it."""
    command = _unix_lines(environment.cmd)
    if with_runner:
        command = f"{command} src/{DIRECTORY}/{RUNNER_START}"
    first = command.split(" ", 1)[0]
    line = f"{command} {shlex.quote('src/' + environment.source)}" if environment.source else command
    in_place = is_plain(command) and first and "=" not in first and first not in _SHELL_WORDS
    return f"exec {line}" if in_place else line


def _exports(environment: Environment) -> str:
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in _quoted_variables(environment).items()]
    return "\n" + "".join(lines) if lines else ""


def _quoted_variables(environment: Environment) -> Mapping[str, str]:
    return {name: value for name, value in environment.variables.items() if not is_plain(value)}


def _unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
