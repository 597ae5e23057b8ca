"""Where the embedded colony of a user keeps its things, its keys, and who serves it at the moment.

keys/         private keys, readable by the user only
colony.db     the server's database
objects/      contents of files
cfs/          what jobs see as /cfs
daemon.json   process id, port and version of the daemon while it runs
daemon.log    what it has to say; daemon.out: what it printed when it was started last
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
from filelock import FileLock

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.errors import LocalColonyError

COLONY = "local"
EXECUTOR = "local"
_KEY_NAMES = ("server", "owner", "user", "executor")
_CLOCK_TOLERANCE_S = 2.0


class DaemonRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon that serves a home; `started` is the process's creation in Unix seconds."""

    pid: int
    port: int
    started: float
    version: str

    @property
    def alive(self) -> bool:
        """Whether that very process, and not a later one with its number, is running."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _CLOCK_TOLERANCE_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@dataclass(frozen=True)
class Keys:
    """The private keys of an embedded colony."""

    server: PrivateKey
    owner: PrivateKey
    user: PrivateKey
    executor: PrivateKey


class Home:
    """The directory of an embedded colony: by default POLLINATOR_HOME, or the user's data directory."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or _default_root()).expanduser().absolute()
        self.keys_directory = self.root / "keys"
        self.database = self.root / "colony.db"
        self.objects = self.root / "objects"
        self.cfs = self.root / "cfs"
        self.log = self.root / "daemon.log"
        self.output = self.root / "daemon.out"
        self.start_lock = self.root / "start.lock"
        self.daemon_lock = self.root / "daemon.lock"
        self._record = self.root / "daemon.json"
        self._port = self.root / "port"

    def make(self) -> None:
        """Make the directory for this user only; if others may enter it, what is in it is still closed to them."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for directory in (self.keys_directory, self.objects, self.cfs):
                directory.mkdir(exist_ok=True, mode=0o700)
            self.database.touch(mode=0o600)
        except OSError as error:
            raise LocalColonyError(
                f"The embedded colony cannot use {str(self.root)!r}: {error.strerror}. "
                "Set POLLINATOR_HOME to a directory that you can write to."
            ) from None

    @cached_property
    def keys(self) -> Keys:
        """The colony's keys, made the first time that they are asked for."""
        try:
            return self._read_keys()
        except (FileNotFoundError, NotADirectoryError):
            self.make()
        with FileLock(self.keys_directory / ".lock"):
            for path in map(self._key_file, _KEY_NAMES):
                if not path.exists():
                    write_atomically(path, PrivateKey.generate().reveal().encode())
            return self._read_keys()

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
        try:
            port = int(self._port.read_text())
        except (OSError, ValueError):
            return 0
        return port if 0 < port < 65536 else 0

    def contents(self) -> list[Path]:
        """Return what belongs to the embedded colony here; other files in the directory are not ours."""
        known = [self.keys_directory, self.objects, self.cfs, self._record, self._port, self.output]
        known += [self.start_lock, self.daemon_lock]
        patterns = (f"{self.database.name}*", f"{self.log.name}*")
        return [*known, *(path for pattern in patterns for path in self.root.glob(pattern))]

    def _key_file(self, name: str) -> Path:
        return self.keys_directory / f"{name}.key"

    def _read_keys(self) -> Keys:
        return Keys(**{name: PrivateKey.from_hex(self._key_file(name).read_text()) for name in _KEY_NAMES})


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole, readable by the user only."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _default_root() -> Path:
    configured = os.environ.get("POLLINATOR_HOME")
    if configured:
        return Path(configured)
    import platformdirs

    return Path(platformdirs.user_data_dir("pollinator_magic"))
