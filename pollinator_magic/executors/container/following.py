"""Follows containers that were started together to their end, and ends them where that is due.

What they write themselves at their end is enough, and comes at once. The runtime's answer counts for those that could
not write any more.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.executors.container.record import end_text
from pollinator_magic.executors.container.roster import GONE
from pollinator_magic.executors.container.runtime import RuntimeTrouble
from pollinator_magic.executors.container.verdict import end_error, overdue_error, read_end, stopped_error, was_overdue

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pollinator_magic.executors.container.commandline import Rank
    from pollinator_magic.executors.container.roster import Roster
    from pollinator_magic.executors.container.runtime import Command, Runtime
    from pollinator_magic.executors.engine import Task

_TERMINATE = "kill -TERM -1"  # everything in the container but its first process, which tells how that ends
_KILL_AGAIN_S = 2.0


@dataclass
class Member:
    """A container that was started."""

    container: str
    rank: Rank
    ended: bool = False


class Following:
    """Containers of one job. When one fails, the others may end by themselves within `grace_s`; then they are ended."""

    def __init__(
        self, runtime: Runtime, roster: Roster, task: Task, members: Sequence[Member], *, grace_s: float
    ) -> None:
        self._runtime = runtime
        self._roster = roster
        self._task = task
        self._members = members
        self._grace_s = grace_s
        self._error = ""
        self._terminate_at: float | None = None
        self._kill_at: float | None = None
        self._killing: Command | None = None
        self._asking: list[Command] = []

    def cancel(self, grace_s: float) -> None:
        """Ask all to end now, and kill after `grace_s` what has not."""
        self._grace_s = grace_s
        self._terminate_at = time.monotonic()

    def steps(self) -> Generator[None, None, str]:
        """Yield until all have ended; return what went wrong first."""
        names = [member.container for member in self._members]
        self._roster.watch(*names)
        try:
            while running := self._running():
                for member in sorted(running, key=_last_word_at):
                    error = yield from self._look(member)
                    if error and not self._error:
                        self._error = error
                        self._terminate_at = self._terminate_at or time.monotonic() + self._grace_s
                if self._running():
                    self._enforce()
                    yield
        finally:
            self._roster.forget(*names)
            for command in [*self._asking, *([self._killing] if self._killing else [])]:
                command.close()
        return self._error

    def _running(self) -> list[Member]:
        return [member for member in self._members if not member.ended]

    def _look(self, member: Member) -> Generator[None, None, str]:
        """Notice whether a container has ended; return what went wrong with it."""
        status = self._roster.status(member.container)
        text = end_text(member.rank.end)
        end = read_end(text)  # after the status, so that one that has ended has written it
        number, node = max(0, member.rank.number), member.rank.node
        if end is not None:
            member.ended = True
            return (
                overdue_error(self._task) if was_overdue(text) else end_error(self._task, end, rank=number, node=node)
            )
        error = stopped_error(self._task, status, rank=number, node=node, out_of_memory=False)
        if error:
            member.ended = True
            if status != GONE and (yield from self._was_out_of_memory(member.container)):
                error = stopped_error(self._task, status, rank=number, node=node, out_of_memory=True)
        return error

    def _was_out_of_memory(self, container: str) -> Generator[None, None, bool]:
        asking = self._runtime.begin("container", "inspect", "--format", "{{.State.OOMKilled}}", container)
        try:
            return (yield from asking.steps()).strip() == "true"
        except RuntimeTrouble:
            return False

    def _enforce(self) -> None:
        now = time.monotonic()
        if self._terminate_at is not None and now >= self._terminate_at:
            self._terminate_at, self._kill_at = None, now + self._grace_s
            self._asking = [
                self._runtime.begin("exec", member.container, "/bin/sh", "-c", _TERMINATE) for member in self._running()
            ]
        if self._kill_at is not None and now >= self._kill_at and self._killing is None:
            names = [member.container for member in self._running()]
            self._killing = self._runtime.begin("kill", "--signal", "KILL", *names)
        if self._killing is not None and not self._killing.running:
            self._see_killed(self._killing)

    def _see_killed(self, killing: Command) -> None:
        """Count as ended what was killed; where that went wrong, some may have ended by themselves before."""
        self._killing, self._kill_at = None, time.monotonic() + _KILL_AGAIN_S
        with suppress(RuntimeTrouble):
            killing.result()
            for member in self._running():
                member.ended = True


def _last_word_at(member: Member) -> int:
    """Return when a container has last written how it ended, so that the first that has failed is the one to blame."""
    with suppress(FileNotFoundError):
        return member.rank.end.stat().st_mtime_ns
    return 0
