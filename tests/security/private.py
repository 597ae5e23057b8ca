"""What other users of the machine could do, by the rights of files and, where the tests may become one, by trying."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534
IS_ROOT = os.geteuid() == 0


def exposed(path: Path) -> Iterator[Path]:
    """Find what others may read, list, write or connect to below `path`, if they may enter `path` itself."""
    for entry in path.iterdir():
        mode = stat.S_IMODE(entry.lstat().st_mode)
        if entry.is_symlink():
            continue
        if not entry.is_dir():
            if mode & 0o066:
                yield entry
        elif mode & 0o066:
            yield entry
        elif mode & 0o011:
            yield from exposed(entry)


def as_nobody(*command: str | Path) -> str:
    """Return what a program of another user can say, without its complaints; the tests must run as root."""
    ran = subprocess.run(
        [str(word) for word in command],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return ran.stdout
