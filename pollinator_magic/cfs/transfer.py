"""Carries files between a directory and an object store: whole or not at all, verified, and never over a change.

A download goes to a temporary file beside its destination, is checked against the size and SHA-256 that the metadata
promises, and is renamed. Whatever would be overwritten or removed must still be what was looked at when the plan was
made, else FileChanged is raised and nothing is touched. All writing happens in directories that are held open (`held`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import sys
import time
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.cfs.held import Root, leads_out
from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.cfs.index import Signature
from pollinator_magic.cfs.names import check_path
from pollinator_magic.cfs.walk import unreadable
from pollinator_magic.errors import DamagedFile, FileChanged, StorageError, TransferError, UnsafeName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from pollinator_magic.cfs.crew import Halt
    from pollinator_magic.cfs.held import Directory
    from pollinator_magic.cfs.objects import ObjectStore
    from pollinator_magic.cfs.plan import Entry
    from pollinator_magic.cfs.progress import Meter

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BACKDATE_NS = 20_000_000
_STALE_S = 86_400
_PERMISSIONS = 0o777  # not setuid: what comes from a colony is not what was given that right
_FOLDS_NAMES = sys.platform in {"darwin", "win32"}


@dataclass(frozen=True)
class Cargo:
    """One file to carry: `file` on this side, the object `name` on the other."""

    path: str
    """What messages call it: the path in the synchronised directory."""
    file: Path
    entry: Entry
    name: str
    expected: Signature | None
    """The signature of `file` when the transfer was planned, None if there was none."""


def upload(store: ObjectStore, cargo: Cargo, meter: Meter, halt: Halt) -> None:
    """Store the content of a file.

    Raises FileChanged if it is not the expected one any more; the object is then useless, but nothing refers to it.
    """

    def advance(count: int) -> None:
        halt.check()
        meter.advance(count)

    try:
        _check_unchanged(cargo)
        with _naming("upload", cargo.path):
            store.put(cargo.name, cargo.file, advance)
        _check_unchanged(cargo)
    except FileNotFoundError:
        raise _changed(cargo.path, "vanished") from None
    except OSError as error:
        raise unreadable(cargo.path, error) from None
    meter.complete(cargo.path)


def download(root: Root, store: ObjectStore, cargo: Cargo, meter: Meter, halt: Halt, *, beside: str = "") -> None:
    """Make a file below `root` have the content of the object, which must be what the cargo's entry says.

    A file that is replaced is first renamed to `beside`, a path in the same directory, if that is given. The directory
    must exist (see `prepare`).
    """
    above, _, name = cargo.path.rpartition("/")
    part = PART_PREFIX + secrets.token_hex(8)
    with _writing(cargo.path, cargo.entry.size), root.directory(above) as directory:
        try:
            with directory.create(part) as sink:
                _receive(store, cargo, sink, meter, halt)
                halt.check()
                _refuse_change(directory, name, cargo.path, cargo.expected)
                if cargo.expected is not None:
                    os.fchmod(sink.fileno(), directory.status(name).st_mode & _PERMISSIONS)
            if beside:
                directory.replace(name, beside.rpartition("/")[2])
            directory.replace(part, name)
        except BaseException:
            with contextlib.suppress(OSError):
                directory.unlink(part)
            raise
    meter.complete(cargo.path)


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Root]:
    """Hold a directory open to write below it; it is made if it is not there. Raises TransferError."""
    with _writing(".", 0):
        root.mkdir(parents=True, exist_ok=True)
        held = Root(root)
    with held:
        yield held


def prepare(root: Root, paths: Collection[str]) -> None:
    """Make the directories in which `paths` will be written, after checking every path and directory on the way.

    Raises UnsafeName, before anything is made, for a path that would leave `root`, by its name or through a link;
    TransferError for one that is a directory here.
    """
    _check_names(paths)
    with _writing(".", 0):
        real = root.path.resolve()
        directories = sorted({directory for path in paths for directory in _above(path)})
        for directory in directories:
            here = root.path / directory
            if here.is_symlink() and not here.resolve().is_relative_to(real):
                raise leads_out(directory, root.path)
            if (here.exists() or here.is_symlink()) and not here.is_dir():
                raise clash(directory)
        for path in paths:
            if (root.path / path).is_dir() and not (root.path / path).is_symlink():
                raise clash(path)
        for directory in directories:
            above, _, name = directory.rpartition("/")
            with root.directory(above) as place, contextlib.suppress(FileExistsError):
                place.make_directory(name)
        for directory in {path.rpartition("/")[0] for path in paths}:
            with root.directory(directory) as place:
                _sweep(place)


def _sweep(directory: Directory) -> None:
    """Remove what downloads of processes that were killed have left, if it is old enough to be nobody's any more."""
    before = time.time() - _STALE_S
    with contextlib.suppress(OSError):
        for name in directory.names():
            if name.startswith(PART_PREFIX) and directory.status(name, follow_links=False).st_mtime < before:
                directory.unlink(name)


def remove(root: Root, path: str, expected: Signature | None) -> None:
    """Remove a file below `root`, if it still is what `expected` says, and the directories that become empty."""
    above, _, name = path.rpartition("/")
    with _writing(path, 0):
        try:
            with root.directory(above) as directory:
                _refuse_change(directory, name, path, expected)
                directory.unlink(name)
        except (FileNotFoundError, NotADirectoryError):  # the file if none was expected, or its directory
            if expected is not None:
                raise _changed(path, "vanished") from None
    for emptied in reversed(_above(path)):
        above, _, name = emptied.rpartition("/")
        try:
            with root.directory(above) as directory:
                directory.remove_directory(name)
        except OSError:
            return  # not empty


def clash(path: str) -> TransferError:
    """Return the error for a path that is a file on one side and a directory on the other."""
    return TransferError(
        f"{path!r} is a directory on one side and a file on the other. Rename one of them and run again.", path=path
    )


def _receive(store: ObjectStore, cargo: Cargo, sink: BinaryIO, meter: Meter, halt: Halt) -> None:
    path, entry = cargo.path, cargo.entry
    if entry.size < 0 or not _SHA256.fullmatch(entry.checksum):
        raise DamagedFile(
            f"The server does not say what {path!r} should contain: its size or SHA-256 is not valid. Upload it again.",
            path=path,
        )
    digest, size = hashlib.sha256(), 0
    with _naming("download", path):
        # A file of no bytes may have no object: other tools make none.
        for chunk in store.read(cargo.name) if entry.size else ():
            halt.check()
            size += len(chunk)
            if size > entry.size:
                raise _damaged(path, f"it is longer than the {entry.size} bytes that were promised")
            digest.update(chunk)
            sink.write(chunk)
            meter.advance(len(chunk))
    if size < entry.size:
        raise _damaged(path, f"it has {size} bytes instead of {entry.size}")
    if digest.hexdigest() != entry.checksum:
        raise _damaged(path, "its SHA-256 is another than was promised")
    sink.flush()  # before the time is set
    # A time in the past, so that a change right after the download shows in the file's signature (see index).
    now_ns = time.time_ns()
    os.utime(sink.fileno(), ns=(now_ns, now_ns - _BACKDATE_NS))


def _damaged(path: str, what: str) -> DamagedFile:
    return DamagedFile(f"{path!r} arrived damaged: {what}. Nothing was overwritten. Run again.", path=path)


def _check_unchanged(cargo: Cargo) -> None:
    try:
        found = Signature.of(cargo.file.stat())
    except (FileNotFoundError, NotADirectoryError):
        found = None
    _compare(found, cargo.expected, cargo.path)


def _refuse_change(directory: Directory, name: str, path: str, expected: Signature | None) -> None:
    """Raise FileChanged unless a file is as expected; a link where nothing was expected may be replaced."""
    try:
        status = directory.status(name, follow_links=expected is not None)
        found = None if stat.S_ISLNK(status.st_mode) else Signature.of(status)
    except (FileNotFoundError, NotADirectoryError):
        found = None
    _compare(found, expected, path)


def _compare(found: Signature | None, expected: Signature | None, path: str) -> None:
    if found != expected:
        what = "vanished" if found is None else "was changed" if expected else "appeared"
        raise _changed(path, what)


def _changed(path: str, what: str) -> FileChanged:
    return FileChanged(f"{path!r} {what} while files were being carried. Run again.", path=path)


def _check_names(paths: Collection[str]) -> None:
    folded: dict[str, str] = {}
    for path in paths:
        check_path(path)
        if _FOLDS_NAMES:
            other = folded.setdefault(unicodedata.normalize("NFC", path).casefold(), path)
            if other != path:
                raise UnsafeName(f"{path!r} and {other!r} are the same file on this system. Rename one.", path=path)


def _above(path: str) -> list[str]:
    """Return the directories in which `path` lies, outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


@contextlib.contextmanager
def _naming(doing: str, path: str) -> Iterator[None]:
    """Make errors of the store name the file."""
    try:
        yield
    except StorageError as error:
        raise type(error)(f"Cannot {doing} {path!r}. {error}") from None


@contextlib.contextmanager
def _writing(path: str, size: int) -> Iterator[None]:
    """Turn what the file system refuses into an error that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            reason = f"the disk has no room for its {size:,} bytes. Free some space and run again"
        else:
            reason = f"{error.strerror or error}"
        raise TransferError(f"Cannot write {path!r}: {reason}.", path=path) from None
