"""Where the embedded colony of a user keeps its things, its keys, and who serves it at the moment.

keys/         private keys, readable by the user only
colony.db     the server's database
objects/      contents of files
cfs/          what jobs see as /cfs
daemon.json   process id, ports and version of the daemon while it runs
s3            is there if the objects shall be served over S3 too
limits.yaml   how much is kept, if the user says so: see `limits`
daemon.log    what it has to say; daemon.out: what it printed when it was started last
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.errors import LocalColonyError
from pollinator_magic.hidden import Hidden
from pollinator_magic.settings import home_directory

if TYPE_CHECKING:
    from pathlib import Path

COLONY = "local"
EXECUTOR = "local"
_KEY_NAMES = ("server", "owner", "user", "executor")
_ROOT = 0
_WRITING = stat.S_IWGRP | stat.S_IWOTH
_EVERYTHING = stat.S_IRWXG | stat.S_IRWXO


class DaemonRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon that serves a home; `started` is the process's creation in Unix seconds."""

    pid: int
    port: int
    started: float
    version: str
    birth: str = ""
    """Tells the process from later ones with its number, whatever becomes of the clock."""
    s3_port: int = 0
    """Where the objects are served over S3, 0 while they are not."""

    @property
    def alive(self) -> bool:
        """Whether that very process, and not a later one with its number, is running."""
        from pollinator_magic.executors import sessions

        return bool(self.birth) and sessions.birth(self.pid) == self.birth and sessions.is_alive(self.pid)


@dataclass(frozen=True)
class Keys:
    """The private keys of an embedded colony."""

    server: PrivateKey
    owner: PrivateKey
    user: PrivateKey
    executor: PrivateKey


@dataclass(frozen=True)
class S3Keys:
    """What opens the objects that an embedded colony serves over S3. They are not shown."""

    access: Hidden = field(repr=False)
    secret: Hidden = field(repr=False)


class Home:
    """The directory of an embedded colony: by default POLLINATOR_HOME, or the user's data directory."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or home_directory()).expanduser().absolute()
        self.keys_directory = self.root / "keys"
        self.database = self.root / "colony.db"
        self.objects = self.root / "objects"
        self.cfs = self.root / "cfs"
        self.limits = self.root / "limits.yaml"
        self.log = self.root / "daemon.log"
        self.output = self.root / "daemon.out"
        self.start_lock = self.root / "start.lock"
        self.daemon_lock = self.root / "daemon.lock"
        self._record = self.root / "daemon.json"
        self._port = self.root / "port"
        self.s3_running = self.root / "s3.running"
        self._s3_port = self.root / "s3.port"
        self._s3_wish = self.root / "s3"

    def make(self) -> None:
        """Make the directory for this user only; if others may enter it, what is in it is still closed to them.

        Raises LocalColonyError if it, or anything of the colony in it, belongs to somebody else, who could then read
        the keys, or put others in their place.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._take(self.root, closed_to=_WRITING)
            for directory in (self.keys_directory, self.objects, self.cfs):
                directory.mkdir(exist_ok=True, mode=0o700)
            self.database.touch(mode=0o600)
            for path in (*self.contents(), self.limits, *self.keys_directory.glob("*.key")):
                if os.path.lexists(path):
                    self._take(path, closed_to=_EVERYTHING)
        except OSError as error:
            raise LocalColonyError(
                f"The embedded colony cannot use {str(self.root)!r}: {error.strerror}. "
                "Set POLLINATOR_HOME to a directory that you can write to."
            ) from None

    @cached_property
    def keys(self) -> Keys:
        """The colony's keys, made the first time that they are asked for."""
        self.make()
        with contextlib.suppress(FileNotFoundError):
            return self._read_keys()
        with FileLock(self.keys_directory / ".lock"):
            for path in map(self._key_file, _KEY_NAMES):
                if not path.exists():
                    write_atomically(path, PrivateKey.generate().reveal().encode())
            return self._read_keys()

    @cached_property
    def s3_keys(self) -> S3Keys:
        """The keys of the objects over S3, made the first time that they are asked for."""
        file = self._key_file("s3")
        self.make()
        with FileLock(self.keys_directory / ".lock"):
            if not file.exists():
                write_atomically(file, f"{secrets.token_hex(10)} {secrets.token_hex(20)}".encode())
        return S3Keys(*map(Hidden, file.read_text().split()))

    @property
    def wants_s3(self) -> bool:
        """Whether the objects shall be served over S3 too, now and whenever the daemon runs."""
        return self._s3_wish.exists()

    @wants_s3.setter
    def wants_s3(self, wanted: bool) -> None:
        if wanted:
            self.make()
            self._s3_wish.touch(mode=0o600)
        else:
            self._s3_wish.unlink(missing_ok=True)

    def read_record(self) -> DaemonRecord | None:
        """Return what the daemon wrote when it was ready; it may be dead by now. None if there is nothing."""
        try:
            return msgspec.json.decode(self._record.read_bytes(), type=DaemonRecord)
        except (OSError, msgspec.MsgspecError):
            return None

    def write_record(self, record: DaemonRecord) -> None:
        """Tell everyone who serves this home, and remember the port for the next time."""
        write_atomically(self._port, str(record.port).encode())
        write_atomically(self._record, msgspec.json.encode(record))

    def remove_record(self) -> None:
        """Tell everyone that nobody serves this home any more."""
        self._record.unlink(missing_ok=True)

    def remembered_port(self) -> int:
        """Return the port of the last daemon, 0 for none."""
        return _read_port(self._port)

    def remember_s3_port(self, port: int) -> None:
        """Remember where S3 is served, for the next time."""
        write_atomically(self._s3_port, str(port).encode())

    def remembered_s3_port(self) -> int:
        """Return where S3 was served last, 0 for nowhere."""
        return _read_port(self._s3_port)

    def kinds(self) -> dict[str, list[Path]]:
        """Return what belongs to the embedded colony here, by what it is; other files in the directory are not ours."""
        return {
            "objects": [self.objects],
            "database": sorted(self.root.glob(f"{self.database.name}*")),
            "cfs": [self.cfs],
            "logs": [self.output, *sorted(self.root.glob(f"{self.log.name}*"))],
            "other": [
                *(self.keys_directory, self._record, self._port, self._s3_port, self._s3_wish, self.s3_running),
                *(self.start_lock, self.daemon_lock),
            ],
        }

    def contents(self) -> list[Path]:
        """Return everything that belongs to the embedded colony here."""
        return [path for paths in self.kinds().values() for path in paths]

    def _take(self, path: Path, *, closed_to: int) -> None:
        """Make sure that a file or directory is this user's, and that others have none of the rights `closed_to`."""
        status = path.stat()
        trusted = {os.geteuid(), _ROOT}
        if {path.lstat().st_uid, status.st_uid} - trusted:
            raise self._not_ours(f"{str(path)!r} belongs to another user")
        if status.st_uid == os.geteuid():
            if status.st_mode & closed_to:
                path.chmod(stat.S_IMODE(status.st_mode) & ~closed_to)
        elif status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            raise self._not_ours(f"everybody can change {str(path)!r}")

    def _not_ours(self, reason: str) -> LocalColonyError:
        return LocalColonyError(
            f"The embedded colony does not keep its keys in {str(self.root)!r}: {reason}. "
            "Set POLLINATOR_HOME to a directory of your own."
        )

    def _key_file(self, name: str) -> Path:
        return self.keys_directory / f"{name}.key"

    def _read_keys(self) -> Keys:
        return Keys(**{name: PrivateKey.from_hex(self._key_file(name).read_text()) for name in _KEY_NAMES})


def private(path: str, flags: int) -> int:
    """Open a file, for `open`, so that a new one is readable by the user only."""
    return os.open(path, flags, 0o600)


def _read_port(path: Path) -> int:
    try:
        port = int(path.read_text())
    except (OSError, ValueError):
        return 0
    return port if 0 < port < 65536 else 0


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole, readable by the user only."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
