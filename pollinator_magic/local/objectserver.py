"""The embedded colony's objects over S3, for tools that know nothing else: `rclone serve s3`, kept running.

It shows the very files of the directory store, as bucket `pollinator` on a loopback port, to whoever has the keys that
were made for it. rclone remembers what is in a directory, because it would otherwise read all of it for each request;
so it is told, before a file's metadata is acknowledged, that others have added its object to the directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, cast

from pollinator_magic.cfs.objects import BUCKET
from pollinator_magic.executors.guardian import Guardian
from pollinator_magic.executors.leftovers import Leftovers
from pollinator_magic.local.controlline import ControlLine
from pollinator_magic.local.loopback import ADDRESS
from pollinator_magic.local.rclone import find_rclone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pollinator_magic.colonies.models import File
    from pollinator_magic.local.home import Home

_log = logging.getLogger(__name__)
_READY_WITHIN_S = 15.0
_ENDS_WITHIN_S = 5.0
_PORT_IS_FREE_WITHIN_S = 3.0
_LOOK_EVERY_S = 0.02
_TOLD_WITHIN_S = 2.0
_NAME = "rclone"
_ATTEMPTS = 5
_FIRST_PAUSE_S = 0.2
_SETTLED_AFTER_S = 30.0
_LONGEST_LINE = 500
_START = 'umask 077; read -r _ && exec "$@" </dev/null'  # not before the guardian knows of it


class ObjectServer:
    """Serves the objects of a home over S3 from `start` to `stop`; restarts rclone, but not endlessly, when it dies."""

    def __init__(self, home: Home, changed: Callable[[], None] = lambda: None) -> None:
        """Name the home. `changed` is called, from another thread, when `port` has a new value."""
        self._home = home
        self._changed = changed
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian = Guardian()
        self._leftovers = Leftovers(home.s3_running)
        self._thread: threading.Thread | None = None
        self._turn = asyncio.Lock()
        self._next_telling: asyncio.Future[None] | None = None
        self._line = ControlLine(home.keys_directory / "s3.sock")
        self._port = 0

    @property
    def port(self) -> int:
        """Where S3 is served, 0 while it is not."""
        return self._port

    def follow_wish(self) -> None:
        """Start it if the home wants it and it was not started yet; stop it if the home does not want it any more."""
        if self._home.wants_s3 and self._thread is None:
            self.start()
        elif not self._home.wants_s3 and self._thread is not None:
            self.stop()

    def start(self) -> None:
        """Begin to serve; `port` says when it is so far."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="object-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. Does nothing if it was not started."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ENDS_WITHIN_S)
            process.kill()
        thread.join()

    def show(self, file: File) -> File | Awaitable[File]:
        """Return the file; or, if it was stored without S3, what returns it once S3 shows its object too.

        Called on an event loop, when the file's metadata is about to be acknowledged.
        """
        if not self._line.open or file.ref.s3object.server:
            return file
        return self._show(file)

    async def _show(self, file: File) -> File:
        if self._next_telling is None:
            self._next_telling = asyncio.ensure_future(self._tell_in_turn())
        await asyncio.shield(self._next_telling)  # others may wait for it too
        return file

    async def _tell_in_turn(self) -> None:
        async with self._turn:  # while rclone is told, the next ones gather
            self._next_telling = None
            if (process := self._process) is not None:
                await self._tell(process)

    async def _tell(self, process: subprocess.Popen[bytes]) -> None:
        """Have rclone read the directory again. If it cannot be told it is ended, and the next one reads it afresh."""
        try:
            await asyncio.wait_for(self._line.forget(), _TOLD_WITHIN_S)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            if process.poll() is None:
                _log.warning("rclone cannot be told of a new object (%r).", error)
                process.kill()

    def _run(self) -> None:
        try:
            self._leftovers.sweep()
            self._guardian.start()
            attempt = 0
            while not self._stopping.is_set() and attempt < _ATTEMPTS:
                began = time.monotonic()
                status = self._serve()
                attempt = 1 if time.monotonic() - began > _SETTLED_AFTER_S else attempt + 1
                if not self._stopping.is_set():
                    _log.warning("rclone has ended with status %s; it is started again.", status)
                    self._stopping.wait(_FIRST_PAUSE_S * 2**attempt)
            if not self._stopping.is_set():
                _log.error("rclone has ended %d times in a row; S3 is served again after the next start.", attempt)
        except OSError:
            _log.exception("S3 cannot be served")
        finally:
            self._guardian.close()

    def _serve(self) -> int | None:
        """Run rclone until it ends; return its exit status."""
        port = _free_port(self._home.remembered_s3_port())
        with self._lock:
            if self._stopping.is_set():
                return None
            process = self._process = self._spawn(port)
        try:
            self._leftovers.note(_NAME, [process.pid])
            self._guardian.add(process.pid)
            with contextlib.suppress(BrokenPipeError), cast("IO[bytes]", process.stdin) as start:
                start.write(b"\n")
            if _answers(port, process):
                self._line.open = True
                asyncio.run(self._tell(process))  # of what came since it has first been asked
                with contextlib.suppress(OSError):  # a full disk is no reason not to serve
                    self._home.remember_s3_port(port)
                self._say_port(port)
            self._pass_on_log(process)
        except OSError:
            process.kill()
            raise
        finally:
            self._line.open = False
            self._say_port(0)
            status = process.wait()
            self._guardian.remove(process.pid)
            self._leftovers.forget(_NAME)
        return status

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        objects, keys = self._home.objects, self._home.s3_keys
        (objects / BUCKET).mkdir(mode=0o700, parents=True, exist_ok=True)
        program = find_rclone()
        if program is None:
            raise FileNotFoundError("rclone is not installed")
        options = [
            "--config=",  # none: what the user has set for rclone is meant for something else
            f"--addr={ADDRESS}:{port}",
            "--no-cleanup",
            "--vfs-cache-mode=off",
            f"--exclude=/{BUCKET}/.*.part",  # what DirectoryObjects is about to store
            *self._line.options,
        ]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GOMEMLIMIT": "96MiB",  # it would take three times as much for parts of large files, and be no faster
            "HOME": str(self._home.root),
            "RCLONE_AUTH_KEY": f'"{keys.access},{keys.secret}"',
            **self._line.environment,
        }
        return subprocess.Popen(
            ["/bin/sh", "-c", _START, "sh", program, "serve", "s3", str(objects), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self._home.root,
            env=environment,
            start_new_session=True,  # which the guardian kills as a whole
        )

    def _say_port(self, port: int) -> None:
        if port != self._port:
            self._port = port
            self._changed()

    def _pass_on_log(self, process: subprocess.Popen[bytes]) -> None:
        """Write what rclone says to the log until it ends, without what nobody shall read there."""
        keys = self._home.s3_keys
        with cast("IO[bytes]", process.stderr) as lines:
            for line in lines:
                text = line.decode(errors="replace").strip()
                for hidden in (keys.access, keys.secret, *self._line.environment.values()):
                    text = text.replace(hidden, "…")
                _log.info("rclone: %s", text[:_LONGEST_LINE])


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a process listens; return whether it does. It is ended if it does not."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((ADDRESS, port), timeout=1).close()
        except OSError:
            time.sleep(_LOOK_EVERY_S)
        else:
            return process.poll() is None
    process.terminate()
    return False


def _free_port(remembered: int) -> int:
    """Return the remembered port if it is free, or soon: its last owner may be about to end. Else another one."""
    deadline = time.monotonic() + _PORT_IS_FREE_WITHIN_S
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while time.monotonic() < deadline:
            try:
                probe.bind((ADDRESS, remembered))
            except OSError:
                time.sleep(_LOOK_EVERY_S)
            else:
                break
        else:
            probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
