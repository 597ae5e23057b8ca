"""Which names may travel between a directory and the meta-filesystem, and how paths and labels correspond.

A path here is relative, in POSIX form ("sub/dir/name"). The server stores any text as a label or name, so that what
comes from it is checked before it is joined to a directory; and what goes up is held to the same rules, because
nobody could bring it down again.

Refused everywhere: empty parts, `.` and `..`, absolute paths, backslashes, drive letters, control characters, and text
that is not valid Unicode. On Windows also what its file systems cannot hold. Unicode normalisation is never changed:
two names that look the same may be two files.
"""

from __future__ import annotations

import os
import re

from pollinator_magic.errors import UnsafeName

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")
_WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?|.*[<>:\"|?*].*|.*[. ]")


def check_path(path: str, *, windows: bool = os.name == "nt") -> None:
    """Raise UnsafeName unless `path` is a relative path that stays below the directory it is joined to."""
    problem = _problem(path, windows=windows)
    if problem:
        shown = ascii(path)
        raise UnsafeName(
            f"The file name {shown} {problem}. Rename the file, or name it in .pollinatorignore if it is not needed.",
            path=path,
        )


def _problem(path: str, *, windows: bool) -> str:
    bad = _FORBIDDEN.search(path)
    if bad:
        if "\ud800" <= bad[0] <= "\udfff":
            return "is not valid UTF-8, which ColonyOS needs"
        kind = "a backslash" if bad[0] == "\\" else "a control character"
        return f"contains {kind}, which other systems cannot hold"
    if path.startswith("/"):
        return "is absolute and would leave its directory"
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            return "has an empty part or a dot part and would leave its directory"
        if _DRIVE.match(part):
            return "looks like a drive letter and could leave its directory"
        if windows and _WINDOWS.fullmatch(part):
            return "cannot be a file name on Windows"
    return ""


def normal_label(label: str) -> str:
    """Return a label as this project writes it: with a leading slash and none at the end."""
    return "/" + label.strip("/")


def label_of(root: str, path: str) -> tuple[str, str]:
    """Return the label and the name under which the file `path` below the label `root` is stored."""
    directory, _, name = path.rpartition("/")
    return (f"{root}/{directory}" if directory else root), name


def path_below(root: str, label: str, name: str) -> str | None:
    """Return the path, below the label `root`, of the file `name` in `label`; None if `label` is not below it.

    The path is not checked: see `check_path`.
    """
    if label == root:
        return name if "/" not in name else f"./{name}"  # a name is one part; as "./…" it is refused by check_path
    if not label.startswith(root + "/"):
        return None
    inner = label[len(root) + 1 :]
    return f"{inner}/{name}" if "/" not in name else f"{inner}/./{name}"
