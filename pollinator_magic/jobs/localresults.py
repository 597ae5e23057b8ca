"""The directories that ended jobs have in their project: `.pollinator/jobs/<process id>`.

A directory is moved away as a whole before its files are removed, because that it is there says that all results are.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pollinator_magic.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pollinator_magic.project import Project

_REMOVED = "removed"
_ID = re.compile(r"[0-9a-f]{64}")


def ids(project: Project) -> list[str]:
    """Return the ids of the processes that have a directory."""
    try:
        return sorted(path.name for path in (project.state / "jobs").iterdir() if _ID.fullmatch(path.name))
    except OSError:
        return []


def of_process(project: Project, process_id: str) -> Path | None:
    """Return the directory of a process if there is one, and nobody is following the process into it."""
    directory = project.state / "jobs" / process_id
    if not _ID.fullmatch(process_id) or not directory.is_dir() or directory.is_symlink():
        return None  # an id comes from the server: it must not name anything else here
    lock = directory / "reading.lock"
    if not lock.exists():
        return directory
    try:
        with FileLock(lock, timeout=0, is_singleton=False):
            return directory
    except Timeout:
        return None
    except (OSError, NotImplementedError):  # files cannot be locked there, so that nobody can have it
        return directory


def results(project: Project, process_id: str) -> Path:
    """Return where the results of a process are, if they are here."""
    return project.state / "jobs" / process_id / "result"


def size(directory: Path) -> int:
    """Return how many bytes the files below a directory take."""
    total = 0
    for place, directories, names in os.walk(directory):  # not rglob, which raises where a directory goes away
        for name in (*directories, *names):
            with contextlib.suppress(OSError):
                total += os.lstat(f"{place}/{name}").st_size
    return total


def remove(project: Project, directories: Iterable[Path]) -> None:
    """Remove these directories, and what an interruption left of others; raise ProjectError if that is impossible."""
    bin_ = project.state / _REMOVED
    try:
        for directory in directories:
            bin_.mkdir(exist_ok=True)
            shutil.rmtree(bin_ / directory.name, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                directory.rename(bin_ / directory.name)
        if bin_.exists():
            shutil.rmtree(bin_)
    except OSError as error:
        raise ProjectError(f"Cannot remove {str(error.filename or bin_)!r}: {error.strerror or error}.") from None
