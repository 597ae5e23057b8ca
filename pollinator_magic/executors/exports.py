"""Variables of a job as lines that a shell reads inside of it, for wherever the way there would change them.

The lines go into a file that is read before the command. No other way leaves values alone: Apptainer's `--env` splits
them at commas, its `--env-file` and `APPTAINERENV_…` are evaluated by a shell (`$$` becomes a number), the `--env-file`
of podman and docker ends a value at a newline, a command line is readable by everybody on the host, and what is put
into the environment of the program that starts the container can change what that program does.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Shells that are told to set these end at once, or count with them.
_OF_THE_SHELL = frozenset({"UID", "EUID", "PPID", "BASHOPTS", "SHELLOPTS", "BASH_VERSINFO", "OPTIND"})


def export_lines(variables: Mapping[str, str]) -> str:
    """Return lines that set these variables in any POSIX shell, exactly, but for those that no shell can set."""
    kept = {name: value for name, value in variables.items() if _can_be_set(name, value)}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in kept.items())


def not_exportable(variables: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that `export_lines` leaves out."""
    return [name for name, value in variables.items() if not _can_be_set(name, value)]


def _can_be_set(name: str, value: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name not in _OF_THE_SHELL and "\0" not in value
