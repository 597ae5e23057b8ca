"""Carries files between a directory and an object store: whole or not at all, verified, and never over a change.

A download goes to a temporary file beside its destination, is checked against the size and SHA-256 that the metadata
promises, and is renamed. Whatever would be overwritten or removed must still be what was looked at when the plan was
made, else FileChanged is raised and nothing is touched.
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

from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.cfs.index import Signature
from pollinator_magic.cfs.names import check_path
from pollinator_magic.cfs.walk import unreadable
from pollinator_magic.errors import DamagedFile, FileChanged, StorageError, TransferError, UnsafeName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from pollinator_magic.cfs.crew import Halt
    from pollinator_magic.cfs.objects import ObjectStore
    from pollinator_magic.cfs.plan import Entry
    from pollinator_magic.cfs.progress import Meter

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BACKDATE_NS = 20_000_000
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


def download(store: ObjectStore, cargo: Cargo, meter: Meter, halt: Halt, *, beside: Path | None = None) -> None:
    """Make a file have the content of the object, which must be what the cargo's entry says.

    A file that is replaced is first renamed to `beside` if that is given. The directory must exist (see `prepare`).
    """
    file = cargo.file
    part = file.with_name(PART_PREFIX + secrets.token_hex(8))
    try:
        with _writing(cargo.path, cargo.entry.size):
            _receive(store, cargo, part, meter, halt)
            halt.check()
            _check_unchanged(cargo)
            if cargo.expected is not None:
                part.chmod(stat.S_IMODE(file.stat().st_mode))
            if beside is not None:
                file.rename(beside)
            part.replace(file)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    meter.complete(cargo.path)


def prepare(root: Path, paths: Collection[str]) -> None:
    """Make the directories in which `paths` will be written, after checking every path and directory on the way.

    Raises UnsafeName, before anything is made, for a path that would leave `root`, by its name or through a link;
    TransferError for one that is a directory here.
    """
    _check_names(paths)
    with _writing(".", 0):
        root.mkdir(parents=True, exist_ok=True)
        real = root.resolve()
        directories = sorted({directory for path in paths for directory in _above(path)})
        for directory in directories:
            here = root / directory
            if here.is_symlink() and not here.resolve().is_relative_to(real):
                raise UnsafeName(
                    f"{directory!r} is a link that leads out of {str(root)!r}; nothing is written through it. "
                    "Remove the link.",
                    path=directory,
                )
            if (here.exists() or here.is_symlink()) and not here.is_dir():
                raise clash(directory)
        for path in paths:
            if (root / path).is_dir() and not (root / path).is_symlink():
                raise clash(path)
        for directory in directories:
            (root / directory).mkdir(exist_ok=True)


def remove(root: Path, path: str, expected: Signature | None) -> None:
    """Remove a file, if it still is what `expected` says, and the directories that become empty."""
    file = root / path
    with _writing(path, 0):
        _refuse_change(file, path, expected)
        file.unlink(missing_ok=True)
    for directory in reversed(_above(path)):
        try:
            (root / directory).rmdir()
        except OSError:
            return  # not empty


def clash(path: str) -> TransferError:
    """Return the error for a path that is a file on one side and a directory on the other."""
    return TransferError(
        f"{path!r} is a directory on one side and a file on the other. Rename one of them and run again.", path=path
    )


def _receive(store: ObjectStore, cargo: Cargo, part: Path, meter: Meter, halt: Halt) -> None:
    path, entry = cargo.path, cargo.entry
    if entry.size < 0 or not _SHA256.fullmatch(entry.checksum):
        raise DamagedFile(
            f"The server does not say what {path!r} should contain: its size or SHA-256 is not valid. Upload it again.",
            path=path,
        )
    digest, size = hashlib.sha256(), 0
    with part.open("xb") as sink, _naming("download", path):
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
    # A time in the past, so that a change right after the download shows in the file's signature (see index).
    now_ns = time.time_ns()
    os.utime(part, ns=(now_ns, now_ns - _BACKDATE_NS))


def _damaged(path: str, what: str) -> DamagedFile:
    return DamagedFile(f"{path!r} arrived damaged: {what}. The local file was left as it is.", path=path)


def _check_unchanged(cargo: Cargo) -> None:
    _refuse_change(cargo.file, cargo.path, cargo.expected)


def _refuse_change(file: Path, path: str, expected: Signature | None) -> None:
    """Raise FileChanged unless `file` is as expected; a link where nothing was expected may be replaced."""
    try:
        found = None if expected is None and file.is_symlink() else Signature.of(file.stat())
    except (FileNotFoundError, NotADirectoryError):
        found = None
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
