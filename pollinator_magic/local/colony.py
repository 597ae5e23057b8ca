"""The embedded colony as the rest of the package sees it: there when it is needed.

    connection = LocalColony().connection()

starts the daemon if it does not run, in whichever process comes first; the others wait for it.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout

from pollinator_magic.colonies.address import Server
from pollinator_magic.errors import LocalColonyError, PollinatorError, UsageError
from pollinator_magic.local.environment import Environment
from pollinator_magic.local.home import COLONY, DaemonRecord, Home, private
from pollinator_magic.local.rclone import HOW_TO_INSTALL, find_rclone
from pollinator_magic.local.status import LocalStatus, bytes_of
from pollinator_magic.local.version import VERSION
from pollinator_magic.settings import Connection, DirectorySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.colonies.client import Colonies

T = TypeVar("T")

_log = logging.getLogger(__name__)
_READY_WITHIN_S = 15.0
_LOOK_EVERY_S = 0.02
_HEALTH_TIMEOUT_S = 2.0
_TAIL_LINES = 15
_LITTLE = 512 * 1024  # bytes
_NOT_FOR_DAEMONS = ("COLONIES_", "AWS_", "EXECUTOR_", "JPY_", "MPLBACKEND", "PYTHONSTARTUP")

_started: list[subprocess.Popen[bytes]] = []  # so that a daemon that ends while this process lives is reaped


class LocalColony:
    """The embedded colony in a home directory (default: POLLINATOR_HOME, or the user's data directory)."""

    def __init__(self, home: Path | None = None, *, with_executor: bool = True) -> None:
        """Name the colony; nothing is started. Without an executor it serves, but runs nothing."""
        self._home = Home(home)
        self._with_executor = with_executor
        self._answered: DaemonRecord | None = None  # the daemon that has proved to answer

    @property
    def home(self) -> Path:
        """Where it keeps its things."""
        return self._home.root

    @property
    def running(self) -> bool:
        """Whether its daemon lives; it is not asked whether it answers."""
        return self._running() is not None

    def connection(self, *, start: bool = True) -> Connection:
        """Return how to reach the running colony; start it if need be, or raise LocalColonyError."""
        record = self._running()
        if start and (record is None or record.version != VERSION):
            try:
                record = self._start()
            except OSError as error:
                raise LocalColonyError(
                    f"The embedded colony cannot write to {str(self.home)!r}: {error.strerror or error}. "
                    "Free some space there, or set POLLINATOR_HOME to another directory."
                ) from None
        if record is None:
            raise LocalColonyError("The embedded colony is not running. Start it with `%pollinator local start`.")
        if record != self._answered:
            if not _healthy(record.port):
                raise LocalColonyError(
                    f"The embedded colony's daemon (process {record.pid}) does not answer. "
                    "`%pollinator local stop` ends it; the next job starts it again."
                )
            self._home = Home(self.home)  # somebody else may have reset it, and then its keys are others
        self._answered = record
        return Connection(
            server=Server("127.0.0.1", record.port, tls=False),
            colony=COLONY,
            key=self._home.keys.user,
            storage=DirectorySettings(self._home.objects),
            embedded=True,
        )

    def start(self) -> LocalStatus:
        """Start the colony if it does not run; return how it is."""
        self.connection()
        return self.status()

    def status(self) -> LocalStatus:
        """Return how the colony is; nothing is started."""
        record = self._running()
        disk = {kind: bytes_of(paths) for kind, paths in self._home.kinds().items()}
        if record is None:
            return LocalStatus(home=self.home, running=False, disk=disk)
        return LocalStatus(
            home=self.home,
            running=True,
            pid=record.pid,
            port=record.port,
            version=record.version,
            uptime_s=max(0.0, time.time() - record.started),
            counts=self._ask(lambda client: client.statistics()),
            files=self._ask(lambda client: sum(label.files for label in client.labels())),
            s3_port=record.s3_port or None,
            disk=disk,
        )

    def serve_objects(self, *, wanted: bool = True) -> None:
        """Serve the colony's objects over S3 too, now and whenever it runs, or not any more. It must be running.

        Returns when it is so; raises LocalColonyError if it cannot be done.
        """
        if wanted and find_rclone() is None:
            raise LocalColonyError(f"The embedded colony cannot serve S3: rclone is not installed. {HOW_TO_INSTALL}")
        self._home.wants_s3 = wanted
        deadline = time.monotonic() + _READY_WITHIN_S
        while (record := self._running()) and bool(record.s3_port) != wanted:
            if time.monotonic() > deadline:
                break
            time.sleep(_LOOK_EVERY_S)
        else:
            if record:
                return
        raise LocalColonyError(
            f"The embedded colony does not {'serve' if wanted else 'cease to serve'} S3. "
            "`%pollinator local logs` says why; `%pollinator local stop` lets it begin anew."
        )

    def environment(self) -> Environment:
        """Return the environment variables by which other tools reach this colony, which must be running."""
        record = self._running()
        if record is None:
            raise LocalColonyError("The embedded colony is not running. Start it with `%pollinator local start`.")
        return Environment.of(self._home, record)

    def stop(self, timeout_s: float = 10) -> bool:
        """Stop the colony, and whatever it runs; return whether it was running. It is killed after `timeout_s`."""
        with self._locked():
            return self._stop(timeout_s)

    def reset(self, *, confirmed: bool = False) -> None:
        """Stop the colony and delete everything in it: jobs, logs, files, keys. Cannot be undone."""
        if not confirmed:
            raise UsageError(
                f"This deletes all jobs, logs and files of the embedded colony in {str(self.home)!r}. "
                "Say `%pollinator local reset --yes` if that is meant."
            )
        with self._locked():
            self._stop(timeout_s=10)
            for path in self._home.contents():
                if path == self._home.start_lock:
                    continue  # held at this moment, and empty
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        self._home = Home(self.home)  # forgets the keys

    def logs(self, lines: int = 50) -> str:
        """Return the last lines of what the daemon had to say."""
        return _tail(self._home.log, lines)

    def _running(self) -> DaemonRecord | None:
        record = self._home.read_record()
        return record if record and record.alive else None

    def _start(self) -> DaemonRecord:
        keys = self._home.keys  # made before anything listens
        _log.debug("Starting the embedded colony for %s", keys.user.identity)
        with self._locked():
            record = self._running()
            if record and not self._to_be_replaced(record):
                return record
            self._stop(timeout_s=10)
            return self._spawn()

    def _spawn(self) -> DaemonRecord:
        command = [sys.executable, "-m", "pollinator_magic.local.daemon", "--home", str(self.home)]
        if not self._with_executor:
            command.append("--no-executor")
        with open(self._home.output, "wb", opener=private) as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.home,
                env=_environment(),
                start_new_session=True,
            )
        _started.append(process)
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline and process.poll() is None:
            record = self._home.read_record()
            if record and record.pid == process.pid:
                return record
            time.sleep(_LOOK_EVERY_S)
        why = f"ended at once (exit status {process.returncode})"
        if process.poll() is None:
            why = f"was not ready within {_READY_WITHIN_S:.0f} s"
            process.kill()
            process.wait()
        if shutil.disk_usage(self.home).free < _LITTLE:
            why += ": its disk is full. Free some space there"
        raise LocalColonyError(
            f"The embedded colony in {str(self.home)!r} {why}. The end of its log:\n"
            + (_tail(self._home.output, _TAIL_LINES) + _tail(self._home.log, _TAIL_LINES)).strip()
        )

    def _stop(self, timeout_s: float) -> bool:
        record = self._running()
        if record is None:
            self._home.remove_record()
            return False
        _send(record, signal.SIGTERM)
        if not _gone(record, timeout_s):
            _send(record, signal.SIGKILL)
            if not _gone(record, timeout_s):
                raise LocalColonyError(f"The embedded colony's daemon (process {record.pid}) does not end.")
        self._home.remove_record()
        return True

    def _to_be_replaced(self, record: DaemonRecord) -> bool:
        """Whether this daemon is of another version of the package and has nothing to do."""
        if record.version == VERSION:
            return False
        counts = self._ask(lambda client: client.statistics())
        if counts is None or counts.waitingprocesses + counts.runningprocesses == 0:
            return True
        _log.warning(
            "The embedded colony still runs version %s of pollinator_magic, because it has work. "
            "`%%pollinator local stop` ends it; version %s takes over at the next start.",
            *(record.version, VERSION),
        )
        return False

    def _ask(self, question: Callable[[Colonies], T]) -> T | None:
        from pollinator_magic.colonies.client import Colonies

        record = self._running()
        if record is None:
            return None
        server = Server("127.0.0.1", record.port, tls=False)
        try:
            with Colonies(server, COLONY, self._home.keys.user) as client:
                return question(client)
        except PollinatorError:
            return None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._home.make()
        try:
            with FileLock(self._home.start_lock, timeout=3 * _READY_WITHIN_S, mode=0o600):
                yield
        except Timeout:
            raise LocalColonyError(
                f"Another process has been starting or stopping the embedded colony in {str(self.home)!r} for too "
                "long. Try again, or look at `%pollinator local logs`."
            ) from None


def _environment() -> dict[str, str]:
    """Return this process's environment without what is meant for it alone: keys, and how it shows figures."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_DAEMONS)}
    paths = [str(Path(path).absolute()) for path in environment.pop("PYTHONPATH", "").split(os.pathsep) if path]
    source = str(Path(__file__).parents[2])
    if source not in {*paths, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        paths.append(source)
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _send(record: DaemonRecord, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(record.pid, number)


def _gone(record: DaemonRecord, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while record.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    for process in [process for process in _started if process.poll() is not None]:
        _started.remove(process)
    return True


def _tail(path: Path, lines: int) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(text.splitlines(keepends=True)[-lines:]) if lines > 0 else ""
