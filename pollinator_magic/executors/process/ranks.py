"""The programs that a job runs at one time, each with everything that it starts: started, limited, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.executors import sessions
from pollinator_magic.executors.exitstatus import memory_words, status_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.executors.guardian import Guardian
    from pollinator_magic.executors.process.output import MergedOutput

_MEMORY_INTERVAL_S = 0.2


@dataclass
class _Rank:
    number: int
    node: int
    process: subprocess.Popen[bytes]
    ended: bool = False
    status: int = 0

    @property
    def session(self) -> int:
        """Each rank leads a session, whose number is its process id."""
        return self.process.pid


class Ranks:
    """Ranks on this host. Nothing happens by itself: `tend` notices what has ended and enforces what is due.

    `memory_bytes` is the limit for each node, 0 for none. When one rank fails, the others may end by themselves
    within `grace_s`; then they are asked to, and after as long again they are killed.
    """

    def __init__(self, guardian: Guardian, output: MergedOutput, *, memory_bytes: int, grace_s: float) -> None:
        self._guardian = guardian
        self._output = output
        self._memory_bytes = memory_bytes
        self._grace_s = grace_s
        self._ranks: list[_Rank] = []
        self._first_failed: _Rank | None = None
        self._over_memory = ""
        self._terminate_at: float | None = None
        self._kill_at: float | None = None
        self._memory_at = 0.0

    @property
    def sessions(self) -> list[int]:
        """The sessions that have not ended."""
        return [rank.session for rank in self._running()]

    @property
    def error(self) -> str:
        """What went wrong first, in the user's words; empty if nothing did."""
        failed = self._first_failed
        if self._over_memory or failed is None:
            return self._over_memory
        words = status_words(failed.status)
        return f"Rank {failed.number}: {words}" if len(self._ranks) > 1 else words[0].upper() + words[1:]

    def start(self, command: Sequence[str], env: Mapping[str, str], directory: Path, *, node: int = 0) -> None:
        """Start one more; raise OSError if that cannot be done."""
        reading, writing = os.pipe()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,  # one pipe keeps the order of both
                cwd=directory,
                env=env,
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._guardian.add(process.pid)
        self._output.add(reading)
        self._ranks.append(_Rank(len(self._ranks), node, process))

    def tend(self) -> bool:
        """Enforce what is due; return whether all have ended."""
        now = time.monotonic()
        if self._terminate_at is not None and now >= self._terminate_at:
            self.terminate(self._grace_s)
        if self._kill_at is not None and now >= self._kill_at:
            self.kill()
        if self._memory_bytes and now >= self._memory_at:
            self._memory_at = now + _MEMORY_INTERVAL_S
            self._check_memory()
        for rank in self._running():
            self._reap(rank)
        return not self._running()

    def terminate(self, grace_s: float) -> None:
        """Ask all to end, and kill after `grace_s` what has not."""
        self._terminate_at = None
        self._kill_at = time.monotonic() + grace_s
        for session in self.sessions:
            sessions.send(session, signal.SIGTERM)

    def kill(self) -> None:
        """Kill all at once."""
        self._kill_at = None
        for session in self.sessions:
            sessions.kill(session)

    def wait(self, timeout_s: float) -> None:
        """Return when something may have ended, or after the time."""
        running = self._running()
        if running:
            with suppress(subprocess.TimeoutExpired):
                running[0].process.wait(timeout_s)
        else:
            time.sleep(timeout_s)

    def close(self) -> None:
        """Kill what is left, and wait until it is gone."""
        self.kill()
        for rank in self._running():
            rank.process.wait()
            self._reap(rank)

    def _running(self) -> list[_Rank]:
        return [rank for rank in self._ranks if not rank.ended]

    def _reap(self, rank: _Rank) -> None:
        """Notice that a rank has ended, and kill what it has left running."""
        status = rank.process.poll()
        if status is None:
            return
        if self._kill_at is not None and sessions.alive(rank.session):
            return  # all of it was asked to end, and has until then
        sessions.kill(rank.session)
        self._guardian.remove(rank.session)
        rank.ended, rank.status = True, status
        if status != 0 and self._first_failed is None:
            self._first_failed = rank
            self._terminate_at = time.monotonic() + self._grace_s

    def _check_memory(self) -> None:
        for node in sorted({rank.node for rank in self._running()}):
            running = [rank.session for rank in self._running() if rank.node == node]
            # What forked processes share counts once for each in the quick sum, so a second look decides.
            if (
                sessions.resident_bytes(running) > self._memory_bytes
                and sessions.proportional_bytes(running) > self._memory_bytes
            ):
                where = f" on node {node}" if self._ranks[-1].node > 0 else ""
                self._over_memory = memory_words(self._memory_bytes, where)
                self.kill()
