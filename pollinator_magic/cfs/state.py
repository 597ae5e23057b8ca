"""What is remembered between two synchronisations: the state both sides last agreed on, and the local index.

Everything lies in one directory that the caller names (a project's `.pollinator`), is written whole or not at all, and
may be deleted at any time: a state that is absent or damaged is an empty one, which costs time and loses nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.cfs.index import LocalIndex
from pollinator_magic.cfs.plan import Entry
from pollinator_magic.colonies.models import Snapshot, prepare_reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.cfs.plan import Tree

_VERSION = 1


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """A revision of a file on the server, as far as it is known."""

    size: int
    checksum: str
    object: str = ""
    """The name of the object that holds the content."""
    fileid: str = ""
    """The revision's id, "" if only a listing has been seen."""

    @property
    def entry(self) -> Entry:
        """What planning compares."""
        return Entry(self.size, self.checksum)


class Base(msgspec.Struct):
    """The state that a directory and a label last agreed on."""

    version: int = _VERSION
    label: str = ""
    files: dict[str, Stored] = msgspec.field(default_factory=dict)
    foreign: dict[str, str] = msgspec.field(default_factory=dict)
    """Ids and paths of files in the label that take no part here, because they are ignored."""
    snapshot: Snapshot | None = None
    """The last snapshot of this directory."""
    snapshot_of: str = ""
    """Digest of the tree that it froze."""
    abandoned: dict[str, int] = msgspec.field(default_factory=dict)
    """Objects, with their sizes, of files that were removed on the server: they wait for somebody to clean up."""

    @property
    def tree(self) -> dict[str, Entry]:
        """What planning compares."""
        return entries(self.files)


prepare_reading(Base)


def entries(files: Mapping[str, Stored]) -> dict[str, Entry]:
    """Return the tree of stored files."""
    return {path: stored.entry for path, stored in files.items()}


def without_lost(base: Mapping[str, Stored], remote: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return the base as far as it can be believed, given what the server has now.

    Where not one of its revisions is left, the server was reset or its files were purged; that must not be taken for
    colleagues who deleted files, because those would then be removed here.
    """
    if any(path in remote and remote[path].object == stored.object for path, stored in base.items()):
        return dict(base)
    return {path: stored for path, stored in base.items() if path in remote}


def digest(tree: Tree) -> str:
    """Return a text that is the same only for the same tree."""
    text = "".join(f"{path}\0{entry.size}\0{entry.checksum}\0" for path, entry in sorted(tree.items()))
    return hashlib.sha256(text.encode()).hexdigest()


class SyncState:
    """The memory in `directory`; without one, nothing is remembered."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory

    def index(self, root: Path) -> LocalIndex:
        """Return the index of the files below `root`."""
        return LocalIndex(self._file("index", self._relative(root)))

    def base_of_label(self, root: Path, server: str, colony: str, label: str) -> tuple[Path | None, Base]:
        """Return where the state of `root` and `label` is kept, and what it is."""
        return self._load(self._file("base", self._relative(root), server, colony, label))

    def base_of_directory(self, root: Path) -> tuple[Path | None, Base]:
        """Return where the state of `root` is kept that receives one label after another, and what it is."""
        return self._load(self._file("pulled", self._relative(root)))

    @staticmethod
    def save(file: Path | None, base: Base) -> None:
        """Keep a state for the next time; where that is impossible, the next time only takes longer."""
        if file is not None:
            with contextlib.suppress(OSError):
                write_atomically(file, msgspec.json.encode(base))

    def _file(self, kind: str, *key: str) -> Path | None:
        if self.directory is None:
            return None
        name = hashlib.sha256("\0".join(key).encode("utf-8", "surrogateescape")).hexdigest()[:24]
        return self.directory / "sync" / f"{kind}-{name}.json"

    def _relative(self, root: Path) -> str:
        """Return where `root` lies as seen from here, so that a project can be moved."""
        if self.directory is None:
            return ""
        with contextlib.suppress(ValueError):  # another drive, on Windows
            return Path(os.path.relpath(root.absolute(), self.directory.absolute())).as_posix()
        return str(root.absolute())

    @staticmethod
    def _load(file: Path | None) -> tuple[Path | None, Base]:
        if file is not None:
            with contextlib.suppress(OSError, ValueError):
                base = msgspec.json.decode(file.read_bytes(), type=Base)
                if base.version == _VERSION:
                    return file, base
        return file, Base()
