"""Who waits for work, and what has waited or run for too long (protocol.md, section 8).

Everything here runs on the server's event loop, so nothing can happen between looking and doing. An assign call that
found no work parks a `Poll`. Whenever a process comes into the queue, the polls that could take it are tried in the
order in which they came, each on its own conditions, and the process is assigned in the name of the first that gets it:
there is no signal that could be lost.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.local import lifecycle, records
from pollinator_magic.local.operations.processes import LongPoll, assign_now
from pollinator_magic.local.routing import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.local.database import Database

_log = logging.getLogger(__name__)
_CHECK_EVERY_S = 1.0


class Poll:
    """One assign call that waits; `connected` tells whether its client is still there."""

    def __init__(self, request: LongPoll, connected: Callable[[], bool]) -> None:
        self.request = request
        self.connected = connected
        self.outcome: asyncio.Future[Process | None] = asyncio.get_running_loop().create_future()

    def settle(self, process: Process | None) -> None:
        """End the wait with a process, or without one."""
        if not self.outcome.done():
            self.outcome.set_result(process)

    def refuse(self, refusal: Refused) -> None:
        """End the wait with a refusal."""
        if not self.outcome.done():
            self.outcome.set_exception(refusal)


class Scheduler:
    """Hands out work and checks deadlines."""

    def __init__(self, database: Database, announce: Callable[[], None]) -> None:
        self._database = database
        self._announce = announce
        self._polls: dict[tuple[str, str], dict[Poll, None]] = {}

    def wait(self, poll: Poll) -> Awaitable[Process | None]:
        """Return what gives work, or nothing after the poll's own timeout; or raises Refused for who is dismissed.

        The poll counts from this call on, before anything is awaited: between an assign call that found nothing and
        this there must be no other request, or the work that it brings would be offered to nobody.
        """
        key = (poll.request.colony, poll.request.executortype)
        self._polls.setdefault(key, {})[poll] = None
        return self._outcome(poll, key)

    async def _outcome(self, poll: Poll, key: tuple[str, str]) -> Process | None:
        timer = asyncio.get_running_loop().call_later(poll.request.timeout_s, poll.settle, None)
        try:
            return await poll.outcome
        finally:
            timer.cancel()
            waiting = self._polls[key]
            waiting.pop(poll, None)
            if not waiting:
                del self._polls[key]

    def offer(self, process: Process) -> None:
        """Let the polls that wait for work of this kind try to get some."""
        conditions = process.spec.conditions
        for poll in list(self._polls.get((conditions.colonyname, conditions.executortype), ())):
            if poll.outcome.done():
                continue
            if not poll.connected():
                poll.settle(None)
                continue
            try:
                with self._database.transaction():
                    found = assign_now(self._database, poll.request)
            except Refused as refusal:
                poll.refuse(refusal)
                continue
            except sqlite3.Error:  # as on a full disk: it stays in the queue, and what brought it there has been done
                _log.exception("A process could not be assigned")
                return
            if found:
                poll.settle(found)
                return

    def take_back(self, process: Process) -> None:
        """Return a process to the queue whose assign reply could not be delivered."""
        with self._database.transaction():
            current = records.load(self._database, process.processid)
            same_attempt = current and current.starttime == process.starttime
            if current and same_attempt and current.status is ProcessState.RUNNING:
                lifecycle.release(self._database, current)
        self._announce()

    async def watch_deadlines(self) -> None:
        """End once a second what has waited or run for too long."""
        while True:
            try:
                with self._database.transaction():
                    lifecycle.expire(self._database)
                self._announce()
            except Exception:  # noqa: BLE001  a full disk must not end the checks for good
                _log.exception("The check of deadlines failed")
            await asyncio.sleep(_CHECK_EVERY_S)

    async def stop(self) -> None:
        """End all waits without work, and return when they have been answered."""
        while self._polls:
            for polls in self._polls.values():
                for poll in polls:
                    poll.settle(None)
            await asyncio.sleep(0)  # a wait that ends answers before it gives control back
