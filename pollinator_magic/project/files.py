"""Writing small text files so that a reader never sees half of one, and an equal one is left untouched."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from pollinator_magic.cfs.atomic import write_new
from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path


_PERMISSIONS = 0o777  # not setuid: others may have made the file that is replaced


def write_if_changed(path: Path, text: str) -> bool:
    """Make `path` hold `text`; return whether it had to be written. Its mode stays; a link is replaced.

    An equal file keeps its modification time, so that nothing needs to hash it again. Raises ProjectError.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError:
        raise ProjectError(f"Cannot write {str(path)!r}: the text holds characters that UTF-8 does not have.") from None
    try:
        if _holds(path, content):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise ProjectError(f"Cannot write {str(path)!r}: {error.strerror or error}.") from None
    return True


def write_if_absent(path: Path, text: str) -> bool:
    """Write `text` unless there is anything of that name; return whether it was written. Raises ProjectError."""
    return not os.path.lexists(path) and write_if_changed(path, text)


def make_directory(path: Path) -> None:
    """Make a directory and those above it, if they are missing; raise ProjectError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProjectError(f"Cannot make the directory {str(path)!r}: {error.strerror or error}.") from None


def remove_if_present(path: Path) -> None:
    """Remove a file; raise ProjectError where that is not possible."""
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise ProjectError(f"Cannot remove {str(path)!r}: {error.strerror or error}.") from None


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def _replace(path: Path, content: bytes) -> None:
    """Write beside the target and rename. Not `tempfile`: its files are private, and sources are shared.

    What a killed kernel leaves behind has a name that is never synchronised.
    """
    temporary = path.with_name(f"{PART_PREFIX}{secrets.token_hex(8)}")
    try:
        write_new(temporary, content)
        if path.is_file():
            temporary.chmod(path.stat().st_mode & _PERMISSIONS)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
