"""Where the contents of files lie: objects with random names, written once, never changed.

A store knows nothing of labels and checksums; whoever reads an object checks it against the file's metadata.
"""

from __future__ import annotations

import errno
import re
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from pollinator_magic.cfs.s3 import GONE, S3Objects
from pollinator_magic.colonies.models import Reference, S3Object
from pollinator_magic.errors import ObjectMissing, StorageError, UnsafeName
from pollinator_magic.settings import DirectorySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pollinator_magic.settings import StorageSettings

__all__ = ["DirectoryObjects", "ObjectStore", "S3Objects", "new_object_name", "open_store"]

BUCKET = "pollinator"
_CHUNK = 1024 * 1024
_OBJECT_NAME = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,254}")


class ObjectStore(Protocol):
    """Objects by name. May be used by many threads at once. Every method raises StorageError or one of its kinds."""

    def put(self, name: str, file: Path, advance: Callable[[int], None]) -> None:
        """Store the content of `file` as the object `name`.

        `advance` is told how many bytes more have been carried, from any thread; what it raises ends the transfer. An
        OSError says that `file` itself cannot be read.
        """

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the content of an object in chunks of at most 1 MiB; raise ObjectMissing if there is none."""

    def delete(self, name: str) -> None:
        """Delete an object; no error if there is none."""

    def reference(self, name: str) -> Reference:
        """Return what the metadata of a file says of its object. Keys are never in it."""


def open_store(settings: StorageSettings, *, threads: int = 16) -> ObjectStore:
    """Return the store that the settings describe; nothing is connected before it is used."""
    if isinstance(settings, DirectorySettings):
        return DirectoryObjects(settings.path)
    return S3Objects(settings, connections=threads)


def new_object_name() -> str:
    """Return 64 random hex characters: every revision of a file has an object of its own."""
    return secrets.token_hex(32)


class DirectoryObjects:
    """Objects as plain files `path`/pollinator/NAME, just as an S3 server over `path` would show them in a bucket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bucket = path / BUCKET

    def put(self, name: str, file: Path, advance: Callable[[int], None]) -> None:
        """Store the content of `file`; see ObjectStore."""
        target = self._file(name)
        temporary = target.with_name(f".{name[:200]}.part")
        with file.open("rb", buffering=0) as source:
            try:
                with _storage_errors("write", self.path):
                    self._bucket.mkdir(parents=True, exist_ok=True, mode=0o700)
                    sink = temporary.open("wb")
                with sink:
                    while chunk := source.read(_CHUNK):
                        with _storage_errors("write", self.path):
                            sink.write(chunk)
                        advance(len(chunk))
                    with _storage_errors("write", self.path):
                        sink.flush()
                with _storage_errors("write", self.path):
                    temporary.replace(target)
            finally:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the content of an object; see ObjectStore."""
        with _storage_errors("read", self.path, name):
            source = self._file(name).open("rb", buffering=0)
        with source:
            while True:
                with _storage_errors("read", self.path, name):
                    chunk = source.read(_CHUNK)
                if not chunk:
                    return
                yield chunk

    def delete(self, name: str) -> None:
        """Delete an object; see ObjectStore."""
        with _storage_errors("delete from", self.path):
            self._file(name).unlink(missing_ok=True)

    def reference(self, name: str) -> Reference:
        """Return what the metadata of a file says of its object."""
        return Reference(s3object=S3Object(bucket=BUCKET, object=name))

    def __repr__(self) -> str:
        return f"DirectoryObjects({str(self.path)!r})"

    def _file(self, name: str) -> Path:
        if not _OBJECT_NAME.fullmatch(name):  # metadata comes from others; it must not name files outside
            raise UnsafeName(f"{name!a} is not a name of an object. The file's metadata is damaged.", path=name)
        return self._bucket / name


@contextmanager
def _storage_errors(doing: str, path: Path, name: str = "") -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if name:
            raise ObjectMissing(f"The object store {str(path)!r} has no object {name}. {GONE}") from None
        raise StorageError(f"Cannot {doing} the object store {str(path)!r}: {error.strerror}. Try again.") from None
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        advice = "Free some space there." if full else "Check that it can be read and written."
        raise StorageError(f"Cannot {doing} the object store {str(path)!r}: {error.strerror}. {advice}") from None
