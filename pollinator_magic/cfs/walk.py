"""Which files lie in a directory.

Symbolic links: one that leads to a file or directory inside the root counts as what it leads to; one that leaves the
root, leads nowhere, or leads back to a directory that contains it is skipped and reported, and so are pipes, sockets
and devices. Names are held to the rules of `names`: a file that could not come down again raises UnsafeName, or is
left out and told of, as whoever walks wants it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.cfs.names import check_path
from pollinator_magic.errors import TransferError, UnsafeName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.cfs.ignore import Ignore


class Walk:
    """One walk through `root`; iterating yields every file's path and status (of what a link leads to)."""

    def __init__(self, root: Path, ignore: Ignore, refused: list[UnsafeName] | None = None) -> None:
        self.skipped: dict[str, str] = {}
        """Links and special files that were left out, each with a sentence for the user."""
        self._root = root.resolve()
        self._ignore = ignore
        self._refused = refused

    def __iter__(self) -> Iterator[tuple[str, os.stat_result]]:
        pending = [("", frozenset({self._root}))] if self._root.is_dir() else []
        while pending:
            directory, linked = pending.pop()
            for entry in self._entries(directory):
                path = directory + entry.name
                target = None
                try:
                    if entry.is_symlink() and not (target := self._follow(entry, path, linked)):
                        continue
                    status = target.stat() if target else entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # deleted since its directory was read
                except OSError as error:
                    raise unreadable(path, error) from None
                if stat.S_ISDIR(status.st_mode):
                    pending.append((path + "/", linked | {target} if target else linked))
                elif stat.S_ISREG(status.st_mode):
                    yield path, status
                else:
                    self.skipped[path] = f"{path!r} is not a regular file; it was left out."

    def _entries(self, directory: str) -> Iterator[os.DirEntry[str]]:
        """Yield what is in a directory and neither ignored nor impossible to carry."""
        try:
            entries = list(os.scandir(self._root / directory))
        except FileNotFoundError:
            return  # deleted since the directory above was read
        except OSError as error:
            raise unreadable(directory or ".", error) from None
        for entry in entries:
            path = directory + entry.name
            if (path + "/" if _is_directory(entry) else path) not in self._ignore:
                try:
                    check_path(path)
                except UnsafeName as error:
                    if self._refused is None:
                        raise
                    self._refused.append(error)
                    continue
                yield entry

    def _follow(self, link: os.DirEntry[str], path: str, linked: frozenset[Path]) -> Path | None:
        """Return what a link leads to if that is inside the root and no loop; else report it."""
        try:
            target = Path(link.path).resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
            self.skipped[path] = f"The link {path!r} leads nowhere; it was left out."
            return None
        if not target.is_relative_to(self._root):
            self.skipped[path] = f"The link {path!r} leads out of the directory; it was left out."
            return None
        if target in linked or Path(link.path).parent.resolve().is_relative_to(target):
            self.skipped[path] = f"The link {path!r} leads back to a directory that contains it; it was left out."
            return None
        return target


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself, or to where we may not look
        return False


def unreadable(path: str, error: OSError) -> TransferError:
    """Return the error for a file or directory that the system does not let us read."""
    return TransferError(
        f"Cannot read {path!r}: {error.strerror or error}. "
        "Make it readable, or name it in .pollinatorignore if it is not needed.",
        path=path,
    )
