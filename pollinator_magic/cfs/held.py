"""Directories that are held open while something is written in them.

Between a look at a directory and a write into it, somebody else who may write there too can put a link in its place. So
a directory is opened first, and its place found out from what was opened; then everything happens in that, whatever its
name leads to by now.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.errors import UnsafeName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from typing_extensions import Self

_CAN_HOLD = {os.open, os.stat, os.unlink, os.rename, os.mkdir, os.rmdir} <= os.supports_dir_fd
_SEARCH = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)  # it need not be readable
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True)
class Directory:
    """A directory in which files are written, replaced and removed by name; every method raises OSError."""

    path: Path
    descriptor: int | None
    """None on systems that know directories by name only."""

    def create(self, name: str) -> BinaryIO:
        """Make a file that was not there, and open it for writing."""
        return os.fdopen(os.open(self._at(name), _NEW, 0o666, dir_fd=self.descriptor), "wb")

    def status(self, name: str, *, follow_links: bool = True) -> os.stat_result:
        """Return what `os.stat` says."""
        return os.stat(self._at(name), dir_fd=self.descriptor, follow_symlinks=follow_links)

    def has(self, name: str) -> bool:
        """Whether there is a file or directory of that name; a link that leads nowhere is none."""
        try:
            self.status(name)
        except FileNotFoundError:
            return False
        return True

    def replace(self, name: str, other: str) -> None:
        """Rename a file; what has the other name is replaced."""
        os.replace(self._at(name), self._at(other), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file or link."""
        os.unlink(self._at(name), dir_fd=self.descriptor)

    def make_directory(self, name: str) -> None:
        """Make a directory."""
        os.mkdir(self._at(name), dir_fd=self.descriptor)

    def remove_directory(self, name: str) -> None:
        """Remove an empty directory."""
        os.rmdir(self._at(name), dir_fd=self.descriptor)

    def names(self) -> list[str]:
        """Return what is in it."""
        if self.descriptor is None:
            return [found.name for found in self.path.iterdir()]
        readable = os.open(".", os.O_RDONLY, dir_fd=self.descriptor)
        try:
            with os.scandir(readable) as found:
                return [entry.name for entry in found]
        finally:
            os.close(readable)

    def _at(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)


class Root:
    """A directory out of which nothing is written, whatever links others put into it. May be used by many threads."""

    def __init__(self, path: Path) -> None:
        """Hold the directory that is at `path` now; raise OSError if there is none."""
        self.path = path
        self._descriptor = os.open(path, _SEARCH) if _CAN_HOLD else None
        self._identity = _identity(path.stat() if self._descriptor is None else os.fstat(self._descriptor))

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def directory(self, path: str) -> Iterator[Directory]:
        """Hold a directory below the root ("" is the root), through links too if they lead to inside.

        Raises UnsafeName for one that is outside, and OSError.
        """
        if self._descriptor is None or not path:
            yield Directory(self.path / path, self._descriptor)
            return
        descriptor = os.open(path, _SEARCH, dir_fd=self._descriptor)
        try:
            if not self._holds(descriptor, path.count("/") + 1):
                raise leads_out(path, self.path)
            yield Directory(self.path / path, descriptor)
        finally:
            os.close(descriptor)

    def _holds(self, descriptor: int, depth: int) -> bool:
        """Whether an open directory lies in the root, by climbing up from it, where there are no links."""
        if _identity(os.stat("/".join([".."] * depth), dir_fd=descriptor)) == self._identity:
            return True  # as its path says
        step, before = ".", None
        while (found := _identity(os.stat(step, dir_fd=descriptor))) != before:
            if found == self._identity:
                return True
            step, before = f"{step}/..", found
        return False  # what is its own parent is the root of all


def leads_out(path: str, root: Path) -> UnsafeName:
    """Return the error for a directory that is a link to outside."""
    return UnsafeName(
        f"{path!r} is a link that leads out of {str(root)!r}; nothing is written through it. Remove the link.",
        path=path,
    )


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
