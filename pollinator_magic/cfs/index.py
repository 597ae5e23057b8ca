"""What a directory holds: a walk, and for every file its SHA-256, remembered as long as the file does not change.

A file counts as unchanged while its size, modification time, change time and inode are the same. File systems stamp
times in ticks (4 ms on Linux, up to 2 s elsewhere): a file that was hashed in the very tick in which it was written
could be written again without a trace, so such a checksum is used but not remembered. What "now" is, the file system
itself says, by the time of a file that is touched for this; over NFS that is the server's clock.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.cfs.crew import Crew, Halt
from pollinator_magic.cfs.ignore import Ignore
from pollinator_magic.cfs.plan import Entry
from pollinator_magic.cfs.walk import Walk, unreadable
from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.errors import FileChanged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pollinator_magic.errors import UnsafeName

_CHUNK = 256 * 1024  # each thread that hashes keeps so much
_THREADS = 8
_PARALLEL_FROM = 8 * 1024 * 1024  # bytes, or 64 files: below, starting threads costs more than it gains
_TRIES = 3
_TICKS = 10  # of 2 ms: how long to wait for the tick to pass in which a file was written


class Signature(NamedTuple):
    """What changes when a file changes. Times are nanoseconds since 1970."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Return the signature in a result of os.stat."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    @property
    def settled_ns(self) -> int:
        """A change after the tick of this time shows in the signature.

        Writing sets both times, so that the earlier one decides; but on Windows `ctime` is the creation.
        """
        return min(self.mtime_ns, self.ctime_ns) if os.name == "posix" else self.mtime_ns


class _Known(NamedTuple):
    signature: Signature
    checksum: str


class _Cache(msgspec.Struct):
    version: int = 1
    files: dict[str, _Known] = msgspec.field(default_factory=dict)


prepare_reading(_Cache)


@dataclass
class Scan:
    """What was found: files by path, and what was left out and why."""

    tree: dict[str, Entry] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """Links and special files that were left out, each with a sentence for the user."""
    hashed: int = 0
    """How many files had to be read."""


class LocalIndex:
    """Checksums of the files of one directory, remembered in `cache_file` (or only while this object lives)."""

    def __init__(self, cache_file: Path | None = None, *, threads: int = _THREADS) -> None:
        self.hashed = 0
        """How many files have been read since this index was made."""
        self._cache_file = cache_file
        self._threads = threads
        self._known = _load(cache_file)
        self._changed = False

    def scan(self, root: Path, ignore: Ignore | None = None, refused: list[UnsafeName] | None = None) -> Scan:
        """Return all files below `root` that are not ignored; a root that does not exist is empty.

        Raises TransferError or UnsafeName, naming the file that is in the way. With `refused` an UnsafeName is put
        there instead, and the file or directory is left out.
        """
        walk = Walk(root, ignore or Ignore.nothing(), refused)
        statuses = dict(walk)
        found = Scan(skipped=walk.skipped)
        gone = self._known.keys() - statuses.keys()
        for path in gone:
            del self._known[path]
        self._changed |= bool(gone)
        self._fill(found, root, statuses)
        return found

    def look(self, root: Path, paths: Iterable[str]) -> Scan:
        """Return those of `paths` that exist as files (not links) below `root`, without looking for others."""
        statuses = {}
        for path in paths:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                status = os.lstat(root / path)
                if stat.S_ISREG(status.st_mode):
                    statuses[path] = status
        found = Scan()
        self._fill(found, root, statuses)
        return found

    def learn(self, path: str, file: Path, checksum: str) -> None:
        """Remember the checksum of a file whose content was seen while it was written.

        Its time must lie before any later change, see `transfer`, which sets it back by a little.
        """
        signature = Signature.of(os.lstat(file))
        if signature.mtime_ns % 1_000_000_000:  # else the file system may count in seconds
            self._known[path] = _Known(signature, checksum)
            self._changed = True

    def save(self) -> None:
        """Write what is known to disk, if anything was learnt. An index that cannot be written is only slower."""
        if self._cache_file is None or not self._changed:
            return
        with contextlib.suppress(OSError):
            write_atomically(self._cache_file, msgspec.json.encode(_Cache(files=self._known)))
            self._changed = False

    def _fill(self, found: Scan, root: Path, statuses: dict[str, os.stat_result]) -> None:
        unknown = []
        for path, status in statuses.items():
            signature = Signature.of(status)
            known = self._known.get(path)
            if known is not None and known.signature == signature:
                found.signatures[path] = signature
                found.tree[path] = Entry(signature.size, known.checksum)
            else:
                unknown.append(path)
        if unknown:
            now_ns = self._wait_for_tick(max(Signature.of(statuses[path]).settled_ns for path in unknown))
            size = sum(statuses[path].st_size for path in unknown)
            for path, known in zip(unknown, self._hash_all(root, unknown, size), strict=True):
                found.signatures[path] = known.signature
                found.tree[path] = Entry(known.signature.size, known.checksum)
                if known.signature.settled_ns < now_ns:
                    self._known[path] = known
                    self._changed = True
        found.hashed = len(unknown)
        self.hashed += len(unknown)

    def _hash_all(self, root: Path, paths: list[str], size: int) -> list[_Known]:
        def one(path: str, halt: Halt) -> _Known:
            return _hash_stable(root / path, path, halt)

        if size < _PARALLEL_FROM and len(paths) < 64:
            return [one(path, Halt()) for path in paths]
        with Crew(self._threads, "pollinator-hash") as crew:
            return crew.each(one, paths)

    def _wait_for_tick(self, newest_ns: int) -> int:
        """Return the file system's time, if possible after the tick in which the newest file was written."""
        if self._cache_file is None:
            return 0  # nothing outlives this index for long; trust no checksum twice
        clock = self._cache_file.with_suffix(".clock")
        try:
            clock.parent.mkdir(parents=True, exist_ok=True)
            for _ in range(_TICKS):
                clock.touch()
                now_ns = clock.stat().st_mtime_ns
                if newest_ns < now_ns or newest_ns > now_ns + 1_000_000_000:
                    return now_ns
                time.sleep(0.002)
        except OSError:
            return 0
        return now_ns


def hash_file(file: Path, halt: Halt | None = None) -> tuple[str, Signature]:
    """Return the SHA-256 of a file and its signature before it was read. Memory does not grow with the file."""
    digest = hashlib.sha256()
    buffer = memoryview(_buffers())
    with file.open("rb", buffering=0) as stream:
        signature = Signature.of(os.fstat(stream.fileno()))
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
            if halt is not None:
                halt.check()
    return digest.hexdigest(), signature


_of_thread = threading.local()


def _buffers() -> bytearray:
    """Return this thread's own buffer: a new one for every small file would cost more than reading it."""
    buffer: bytearray | None = getattr(_of_thread, "buffer", None)
    if buffer is None:
        buffer = _of_thread.buffer = bytearray(_CHUNK)
    return buffer


def _hash_stable(file: Path, path: str, halt: Halt) -> _Known:
    """Hash a file that does not change meanwhile; one that is being written gets a few chances."""
    try:
        for _ in range(_TRIES):
            checksum, before = hash_file(file, halt)
            if Signature.of(file.stat()) == before:
                return _Known(before, checksum)
    except FileNotFoundError:
        raise FileChanged(f"{path!r} vanished while it was being read. Run again.", path=path) from None
    except OSError as error:
        raise unreadable(path, error) from None
    raise FileChanged(
        f"{path!r} is being written at this moment. Run again when it is complete, or name it in .pollinatorignore.",
        path=path,
    )


def _load(cache_file: Path | None) -> dict[str, _Known]:
    if cache_file is None:
        return {}
    try:
        cache = msgspec.json.decode(cache_file.read_bytes(), type=_Cache)
    except (OSError, ValueError):  # absent or damaged: everything is hashed once more
        return {}
    return cache.files if cache.version == _Cache().version else {}
