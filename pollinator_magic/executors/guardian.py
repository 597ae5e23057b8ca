"""A small process of its own that kills the jobs of a worker that has died, however it died.

The worker holds the only writing end of the guardian's standard input and writes `+session` and `-session` lines. When
the pipe closes, the worker is gone: every session that is still registered is killed, and the guardian ends.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

from pollinator_magic.executors import sessions

_log = logging.getLogger(__name__)
_IMPORT_ROOT = Path(__file__).resolve().parents[2]


class Guardian:
    """The worker's side: register sessions here before they do anything and remove them when they have ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The guardian's process id, None before `start` and after `close`."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; it is up before any job needs it."""
        with self._lock:
            self._process = _start()

    def add(self, session: int) -> None:
        """Have a session killed if this process dies."""
        with self._lock:
            self._sessions.add(session)
            self._write(f"+{session}\n")

    def remove(self, session: int) -> None:
        """Forget a session that has ended: its number may soon mean another one."""
        with self._lock:
            self._sessions.discard(session)
            self._write(f"-{session}\n")

    def close(self) -> None:
        """End the guardian, and with it every session that is still registered."""
        with self._lock:
            process, self._process = self._process, None
            if process:
                process.communicate()

    def _write(self, line: str) -> None:
        if self._process is None or _told(self._process, line):
            return
        _log.warning("The guardian of the jobs was killed; starting another one.")
        self._process.communicate()
        self._process = _start()
        _told(self._process, "".join(f"+{session}\n" for session in sorted(self._sessions)))


def _start() -> subprocess.Popen[bytes]:
    # Blocked from its first moment on: a service manager signals all processes, and the worker must go first.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "pollinator_magic.executors.guardian"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=_IMPORT_ROOT,
            bufsize=0,
            start_new_session=True,  # not killed with the worker's terminal or process group
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told(guardian: subprocess.Popen[bytes], text: str) -> bool:
    if guardian.stdin is None:
        return False
    try:
        guardian.stdin.write(text.encode())
    except OSError:
        return False
    return True


def main() -> None:
    """Read registrations until the pipe closes, then kill what is still registered."""
    registered: dict[int, None] = {}
    for line in sys.stdin.buffer:
        session = int(line[1:])
        if line.startswith(b"+"):
            registered[session] = None
        else:
            registered.pop(session, None)
    for session in registered:
        sessions.kill(session)


if __name__ == "__main__":
    main()
