"""Variables of the notebook on their way into a job: judged before anything is written, and written only when changed.

They lie in `cfs/src/.pollinator/in`, each as a content and a record (see `runner.records`), and travel in the snapshot.
Whether one has changed is known by its checksum: a variable can be changed in place.
"""

from __future__ import annotations

import builtins
import difflib
import keyword
import platform
import shutil
from typing import TYPE_CHECKING, Any

from pollinator_magic.errors import ProjectError, UsageError
from pollinator_magic.runner import records, variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LIMIT = 2 << 30
"""Bytes that one variable may have; more belongs into files in `cfs/data`."""
_OPTION = "--in"


def check_inputs(
    namespace: Mapping[str, Any], names: Sequence[str], *, allow_pickle: bool = False, limit: int = LIMIT
) -> dict[str, Any]:
    """Return the variables of these names; nothing is written.

    Raises UsageError that says of each one what is wrong: no name of a variable, missing, of no safe form, larger than
    `limit` bytes.
    """
    found, problems = {}, []
    for name in dict.fromkeys(names):
        problem = _name_problem(name, namespace)
        if problem is None:
            found[name] = namespace[name]
            problem = _value_problem(found[name], allow_pickle=allow_pickle, limit=limit)
        if problem is not None:
            problems.append(f"{name!r}: {problem}" + ("" if problem.endswith("?") else "."))
    problems += _confused(found)
    if len(problems) == 1:
        raise UsageError(f"{_OPTION} {problems[0]}")
    if problems:
        raise UsageError("\n".join([f"{_OPTION} names what cannot go into the job:", *(f"  {p}" for p in problems)]))
    return found


def write_inputs(directory: Path, values: Mapping[str, Any], *, allow_pickle: bool = False, limit: int = LIMIT) -> None:
    """Make `directory` hold exactly these variables; those that are there and have not changed are not touched.

    Raises UsageError for a value that turns out to have no safe form, ProjectError where it cannot be written.
    """
    keep = set()
    try:
        for name, value in values.items():
            try:
                record = variables.save(value, directory, name, allow_pickle=allow_pickle, limit=limit, keep=True)
            except (variables.Unsupported, variables.TooLarge) as error:
                raise UsageError(f"{_OPTION} {name!r}: {error}.") from None
            keep |= {f"{name}.json", *(form["file"] for form in records.forms_in(record))}
        _remove_others(directory, keep)
    except OSError as error:
        raise ProjectError(
            f"The variables of {_OPTION} cannot be written to {str(directory)!r}: {error.strerror or error}."
        ) from None


def _name_problem(name: str, namespace: Mapping[str, Any]) -> str | None:
    """Say why a name cannot be that of a variable that goes in."""
    if keyword.iskeyword(name):
        return "this is a word of Python, not a variable"
    if not records.is_name(name):
        return "this is not the name of a variable; if it is an expression, assign it to one first"
    if name.startswith("__") and name.endswith("__"):
        return "this name is Python's own, and the job has its own value for it"
    if name in namespace:
        return None
    if hasattr(builtins, name):
        return "this is built into Python, and the job has it too"
    near = difflib.get_close_matches(name, [known for known in namespace if not known.startswith("_")], n=3)
    hint = f". Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"there is no such variable in the notebook{hint}"


def _value_problem(value: Any, *, allow_pickle: bool, limit: int) -> str | None:
    """Say why a value cannot travel."""
    try:
        variables.check(value, allow_pickle=allow_pickle, limit=limit)
    except (variables.Unsupported, variables.TooLarge) as error:
        return str(error)
    return None


def _confused(found: Mapping[str, Any]) -> list[str]:
    """Where file names do not tell capitals from small letters, say which variables would share a file."""
    if platform.system() not in {"Darwin", "Windows"}:
        return []
    first: dict[str, str] = {}
    pairs = [(first.setdefault(name.casefold(), name), name) for name in found]
    return [
        f"{name!r}: files on this system cannot tell it from {other!r}; use another name."
        for other, name in pairs
        if other != name
    ]


def _remove_others(directory: Path, keep: set[str]) -> None:
    """Remove what is none of the files to keep; the directory too if nothing is left of it."""
    if directory.is_dir():
        for path in directory.iterdir():
            if path.name in keep:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        if not keep:
            directory.rmdir()
