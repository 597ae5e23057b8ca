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
_HAS_PROC = Path("/proc/self/environ").exists()


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
    return any(map(is_alive, members(session)))


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


def birth(pid: int) -> str:
    """Return what tells a process from all others that ever had its number, "" if there is none.

    On Linux not its time of creation, which is computed from a time of boot that moves when the clock is set.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {status.rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        pass
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""


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


def is_alive(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _mark(pid: int) -> str:
    if not _HAS_PROC:
        try:
            return psutil.Process(pid).environ().get(MARK, "")
        except (OSError, psutil.Error):
            return ""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  after every job, for every process of the host
            environment = b"\0" + file.read()
    except OSError:
        return ""
    _, found, rest = environment.partition(f"\0{MARK}=".encode())
    return rest.partition(b"\0")[0].decode(errors="replace") if found else ""
