"""A disk that is soon full: a file system of its own in memory, of a few megabytes.

Mounting takes root. Who is not root gets a name space of their own in which they are: the test then runs in a Python of
its own in there (`conftest.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 4096
_INSIDE = "POLLINATOR_TEST_IN_NAMESPACE"


class SmallDisk:
    """A file system at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / ".ballast"

    @property
    def free(self) -> int:
        """Bytes."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Leave so many bytes free, rounded to blocks."""
        with self._ballast.open("ab") as ballast:
            size = ballast.tell() + self.free - leave // _BLOCK * _BLOCK
            os.posix_fallocate(ballast.fileno(), 0, max(size, 1))

    def empty(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, *, mebibytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk at `path` until the block ends."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(path)], check=True)
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@cache
def needs_namespace() -> bool:
    """Whether this process may not mount anything."""
    if os.environ.get(_INSIDE):
        return False
    probe = Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0]
    return not int(probe, 16) & (1 << 21)  # CAP_SYS_ADMIN


def run_in_namespace(test: str, directory: Path) -> None:
    """Run a test in a Python of its own that may mount; raise AssertionError if it fails."""
    there = ["unshare", "--user", "--map-root-user", "--mount"]
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", test]
    environment = {**os.environ, _INSIDE: "1"}
    done = subprocess.run(
        [*there, *pytest], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
