"""The files that a job under Slurm is made of. Pure functions.

The two scripts are the same for every job. What differs is in files beside them: lists of words, each ended by NUL,
and lines that a shell reads in which every value is quoted. So nothing of a job is ever pasted into a script, and none
of it is on a command line before the job runs.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from pollinator_magic.executors.exports import export_lines
from pollinator_magic.executors.hostcommand import map_paths, shell_line
from pollinator_magic.executors.sessions import MARK
from pollinator_magic.executors.slurm.request import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.slurm.settings import SlurmSettings

LOGIN_SHELL = b"#!/bin/bash -l\n"
READ_VARIABLES = '. "$1" && shift && exec "$@"'
OF_THE_EXECUTOR = ("NODES", "SLURM-JOBID", "HOME")
"""Attributes that a server puts into the environment of the next attempt, where they would be wrong."""

# As other launchers do, for libraries that look for companions.
_RANK_VARIABLES = """\
if [ "${SLURM_NTASKS:-1}" -gt 1 ]; then
    export RANK="${SLURM_PROCID:-0}" WORLD_SIZE="$SLURM_NTASKS" LOCAL_RANK="${SLURM_LOCALID:-0}"
    export LOCAL_WORLD_SIZE="${SLURM_NTASKS_PER_NODE:-1}" MASTER_ADDR="${SLURM_LAUNCH_NODE_IPADDR:-127.0.0.1}"
    export MASTER_PORT="$((20000 + SLURM_JOB_ID % 20000))"
fi
"""
# What the init-cmd installs goes to directories of the job's own, which all ranks see.
_INSTALLED = """\
export PYTHONUSERBASE={base} PATH={base}/bin:{packages}/bin:"$PATH" PYTHONPATH={packages}"${{PYTHONPATH:+:$PYTHONPATH}}"
if [ -f {exports} ]; then . {exports}; fi
"""
# A Python virtual environment knows no packages of the user: there pip is told another place, where it has to install
# anew what is there already. Variables are compared as the kernel shows them, because shells print them each their way.
_INIT = """\
if python3 -c 'import sys; sys.exit(sys.prefix != sys.base_prefix)' 2> /dev/null
then export PIP_USER=1 PIP_BREAK_SYSTEM_PACKAGES=1
else export PIP_TARGET={packages}
fi
cat /proc/self/environ > {before}
{{ {command}
}} && {{ cat /proc/self/environ > {after}; {{ pwd; printf '\\0'; }} > {directory_after}; }}
"""


@dataclass(frozen=True)
class Sight:
    """How a job sees the files that are laid out for it."""

    root: str
    """What lies at the task's mount."""
    state: str
    """The directory of the files made here."""


def files_of(
    task: Task,
    settings: SlurmSettings,
    sight: Sight,
    *,
    directory: Path,
    launch: Sequence[str],
    inside: Callable[[Sequence[str]], Sequence[str]],
) -> dict[str, bytes]:
    """Return the files of a job by their names; raise RequestRefused for words that no program can be given.

    `directory` is where nodes start, `launch` are the words that start all ranks, and `inside` makes words for the node
    out of those for the job: the same on a bare host.
    """
    read_variables = ["/bin/sh", "-c", READ_VARIABLES, "sh", f"{sight.state}/variables"]
    files = {
        "batch.sh": _batch_script(settings),
        "rank.sh": _script("rank.sh"),
        "prolog": _prolog(settings).encode(),
        "variables": _variables(task, sight).encode(errors="surrogateescape"),
        "launch": _words(launch),
        "command": _words([str(directory), *inside([*read_variables, "/bin/sh", "-c", shell_line(task, sight.root)])]),
    }
    if task.init_command:
        line = _init_line(task, sight)
        files["init"] = _words([str(directory), *inside([*read_variables, "/bin/sh", "-c", line])])
    return files


def own_variables(task: Task) -> Mapping[str, str]:
    """Return the task's own variables, without those that an executor has left at an earlier attempt."""
    if "SLURM-JOBID" not in task.env:
        return task.env
    return {name: value for name, value in task.env.items() if name not in OF_THE_EXECUTOR}


def _batch_script(settings: SlurmSettings) -> bytes:
    text = _script("batch.sh")
    if settings.modules or settings.login_shell:
        return LOGIN_SHELL + text.partition(b"\n")[2]
    return text


def _prolog(settings: SlurmSettings) -> str:
    modules = [f"module load {shlex.quote(name)}" for name in settings.modules]
    return "".join(f"{line}\n" for line in [*modules, *settings.prolog])


def _variables(task: Task, sight: Sight) -> str:
    own = {name: map_paths(value, task.mount, sight.root) for name, value in own_variables(task).items()}
    text = _RANK_VARIABLES + export_lines({"PYTHONUNBUFFERED": "1", **own, MARK: task.process_id})
    if task.init_command:
        quoted = {name: shlex.quote(f"{sight.state}/{name}") for name in ("base", "packages", "exports")}
        text += _INSTALLED.format(**quoted)
    return text


def _init_line(task: Task, sight: Sight) -> str:
    names = ("packages", "before", "after", "directory-after")
    quoted = {name.replace("-", "_"): shlex.quote(f"{sight.state}/{name}") for name in names}
    return _INIT.format(command=map_paths(task.init_command, task.mount, sight.root), **quoted)


def _words(words: Sequence[str]) -> bytes:
    if any("\0" in word for word in words):
        raise RequestRefused(
            "The command or one of its arguments holds a NUL character, which no program can be given."
        )
    return b"".join(word.encode(errors="surrogateescape") + b"\0" for word in words)


def _script(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
