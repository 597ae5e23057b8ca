"""Finds and signals everything that a job has started on this host.

Each rank leads a session of its own, which its descendants share unless they leave it on purpose; those still carry
the job's id in their environment.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "COLONIES_PROCESS_ID"
"""The environment variable by which the descendants of a job are known."""


def members(session: int) -> list[int]:
    """Return the ids of the processes in a session."""
    found = []
    for pid in psutil.pids():
        with suppress(OSError):
            if os.getsid(pid) == session:
                found.append(pid)
    return found


def send(session: int, signum: signal.Signals) -> None:
    """Signal every process of a session."""
    for pid in members(session):
        _send(pid, signum)


def alive(session: int) -> bool:
    """Whether anything in a session has not ended."""
    return any(map(_alive, members(session)))


def kill(session: int) -> None:
    """Kill every process of a session, those too that are started meanwhile."""
    _kill_all(lambda: members(session))


def kill_marked(process_id: str) -> None:
    """Kill every process of this user that has the job's id in its environment, wherever it has hidden."""
    _kill_all(lambda: [pid for pid in psutil.pids() if _mark(pid) == process_id])


def resident_bytes(sessions: list[int]) -> int:
    """Return the memory in use by the processes of some sessions; what they share counts each time."""
    wanted, total = set(sessions), 0
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            if os.getsid(pid) in wanted:
                total += psutil.Process(pid).memory_info().rss
    return total


def proportional_bytes(sessions: list[int]) -> int:
    """Return the memory in use, with shared pages counted once where the system can tell; slower."""
    total = 0
    for session in sessions:
        for pid in members(session):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                try:
                    full = process.memory_full_info()
                    total += getattr(full, "pss", full.uss)
                except psutil.AccessDenied:
                    total += process.memory_info().rss
    return total


def created(pid: int) -> float:
    """Return when a process was started (Unix seconds), 0 if there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def _kill_all(find: Callable[[], list[int]]) -> None:
    """Kill what is found until nothing new is: what was killed may stay visible until its parent has noticed."""
    seen: set[int] = set()
    while new := set(find()) - seen:
        seen |= new
        for pid in new:
            _send(pid, signal.SIGKILL)


def _send(pid: int, signum: signal.Signals) -> None:
    if pid != os.getpid():
        with suppress(OSError):
            os.kill(pid, signum)


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _mark(pid: int) -> str:
    file = Path(f"/proc/{pid}/environ")
    if not file.parent.exists():  # no Linux, or gone
        try:
            return psutil.Process(pid).environ().get(MARK, "")
        except (OSError, psutil.Error):
            return ""
    prefix = MARK.encode() + b"="
    try:
        entries = file.read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((entry[len(prefix) :].decode(errors="replace") for entry in entries if entry.startswith(prefix)), "")
