"""Which names and words can travel: each function returns what is wrong, worded to follow the name, or None."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

# Executors put commands through HTML escaping, a double-quoted `sh -c` and batch scripts (protocol section 12). These
# characters survive all of them; `+` does not.
_PLAIN = re.compile(r"[A-Za-z0-9_./=:@%, -]*")
_PROJECT_PART = re.compile(r"[A-Za-z0-9_.=@%,-]+")
_SHARED_PROJECT_PART = re.compile(r"[\w.=@%,+~-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIRECTORIES_OF_A_PROJECT = {"src", "data", "result", "jobs"}


def is_plain(text: str) -> bool:
    """Whether every executor passes this text on to the job's shell unchanged, as words."""
    return _PLAIN.fullmatch(text) is not None


def is_encodable(text: str) -> bool:
    """Whether this is text that files and messages can hold: valid Unicode without NUL."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def project_name_problem(name: str, *, shared_results: bool) -> str | None:
    """Judge a project's name, which becomes part of labels and of paths inside the job."""
    parts = name.split("/")
    if "" in parts or "." in parts or ".." in parts:
        return f"{name!r} must be one or more names separated by single slashes, without '.' and '..'"
    if _DIRECTORIES_OF_A_PROJECT.intersection(parts[1:]):
        # The labels of `team/src` would lie inside those of `team`.
        return f"{name!r} must not use src, data, result or jobs after a slash, which are directories of a project"
    allowed = _SHARED_PROJECT_PART if shared_results else _PROJECT_PART
    if not all(allowed.fullmatch(part) for part in parts):
        return f"{name!r} may only hold letters without accents, digits and the characters . _ - / = @ % ,"
    return None


def executor_name_problem(name: str) -> str | None:
    """Judge an executor's name as far as it can be judged without asking the colony."""
    if not name.strip() or name != name.strip():
        return f"holds {name!r}, which is not the name of an executor"
    if ":" in name or _CONTROL.search(name):
        return f"holds {name!r}: names of executors have no colons and no control characters"
    return None


def source_problem(name: str) -> str | None:
    """Judge the name of a source file, which must stay inside `cfs/src` on every system."""
    if not is_encodable(name) or _CONTROL.search(name):
        return f"{name!r} holds characters that file names cannot have"
    if "\\" in name or PureWindowsPath(name).drive or name.startswith("/") or ".." in PurePosixPath(name).parts:
        return f"{name!r} must be a path inside cfs/src, with forward slashes and without '..'"
    if not PurePosixPath(name).parts or name.endswith(("/", "/.")):
        return f"{name!r} is not the name of a file"
    return None


def variable_problem(name: str, value: str) -> str | None:
    """Judge an environment variable for the job."""
    if not _VARIABLE.fullmatch(name):
        return f"{name!r} is not a name for an environment variable: use letters, digits and underscores"
    if name == "PROJECT_DIR":
        return "PROJECT_DIR is set by the job itself, to its own directory"
    if not is_encodable(value):
        return f"{name!r} has a value that environment variables cannot hold"
    return None
