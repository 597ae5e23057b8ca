"""Files that hold values: hashed while they are written, whole or not there at all, checked before they are read."""

from __future__ import annotations

import binascii
import hashlib
import os
import stat

from .problems import TooLarge, Unreadable, shown

TYPE_CHECKING = False  # importing typing, or pathlib, takes longer than writing a value
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    Place = str | os.PathLike[str]
    Write = Callable[["Sink"], None]
    """Writes a content into what it is given."""

PART_PREFIX = ".pollinator-part-"
"""How names of unfinished files begin; the meta-filesystem never carries such a file."""
_BLOCK = 1 << 20


class Sink:
    """What a value is written into, piece by piece: counts, hashes, and keeps the pieces only if there is a file.

    Raises TooLarge as soon as there are more than `limit` bytes. It can be given to whoever writes to files, but it
    cannot be searched.
    """

    def __init__(self, file: BinaryIO | None = None, limit: int | None = None) -> None:
        self.size = 0
        self.closed = False
        self._file = file
        self._limit = limit
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The checksum of everything so far."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Take the next piece, any buffer of bytes."""
        view = memoryview(data)
        self.size += view.nbytes
        if self._limit is not None and self.size > self._limit:
            raise TooLarge(None, self._limit)
        self._digest.update(view)
        if self._file is not None:
            self._file.write(view)
        return view.nbytes

    def writable(self) -> bool:
        """Say that this is a file to write to."""
        return True

    def flush(self) -> None:
        """Nothing is held back here."""


def put(data: bytes, sink: Sink) -> None:
    """Write all of it."""
    sink.write(data)


def measure(write: Write, limit: int | None = None) -> Sink:
    """Return the size and checksum of what `write` would write."""
    sink = Sink(None, limit)
    write(sink)
    return sink


def store(path: Place, write: Write, limit: int | None = None) -> Sink:
    """Write a file beside its place and rename it; return its size and checksum."""
    temporary = os.path.join(os.path.dirname(path), PART_PREFIX + binascii.hexlify(os.urandom(8)).decode())
    try:
        with open(temporary, "wb") as file:
            sink = Sink(file, limit)
            write(sink)
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise
    return sink


def remove(path: Place) -> None:
    """Remove a file that may not be there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def is_stored(path: Place, size: int) -> bool:
    """Whether there is a regular file of this size."""
    try:
        return _regular_size(path) == size
    except Unreadable:
        return False


def read_small(path: Place, most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes; raise Unreadable."""
    if _regular_size(path) > most:
        raise Unreadable(f"{shown(os.path.basename(path))} is larger than any that is written here")
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError as error:
        raise _unreadable(path, error) from None


def check(path: Place, size: int, sha256: str) -> None:
    """Raise Unreadable unless there is a regular file of exactly this size and checksum."""
    found = _regular_size(path)
    if found != size:
        raise Unreadable(f"{shown(os.path.basename(path))} has {found} bytes where its record says {size}")
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(_BLOCK), b""):
                digest.update(block)
    except OSError as error:
        raise _unreadable(path, error) from None
    if digest.hexdigest() != sha256:
        raise Unreadable(f"{shown(os.path.basename(path))} is damaged: its SHA-256 is not the one in its record")


def _regular_size(path: Place) -> int:
    """Return the size of a file that is no link, pipe or device; raise Unreadable."""
    try:
        status = os.lstat(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(f"{shown(os.path.basename(path))} is not a file")
    return status.st_size


def _unreadable(path: Place, error: OSError) -> Unreadable:
    if isinstance(error, FileNotFoundError):
        return Unreadable(f"there is no file {shown(os.path.basename(path))}")
    return Unreadable(f"{shown(os.path.basename(path))} cannot be read ({error.strerror})")
