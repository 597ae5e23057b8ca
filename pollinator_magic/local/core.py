"""Answers requests from the database; transport is the server's business."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import File, ProcessState
from pollinator_magic.local import envelope, lifecycle
from pollinator_magic.local.database import Database
from pollinator_magic.local.freshness import Freshness
from pollinator_magic.local.pubsub import Hub
from pollinator_magic.local.routing import Refused
from pollinator_magic.local.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pollinator_magic.local.routing import Operation

_log = logging.getLogger(__name__)


class Core:
    """The database with those who wait for its changes. Everything but slow reads happens on the event loop."""

    def __init__(self, database: Database, file_added: Callable[[File], File | Awaitable[File]] | None = None) -> None:
        """`file_added` may put off the acknowledgement of a file's metadata."""
        self.database = database
        database.when_set_forward = partial(lifecycle.postpone, database)
        self._file_added = file_added
        self.freshness = Freshness()
        self.hub = Hub(database, self.freshness)
        self.scheduler = Scheduler(database, self.announce)
        self._keeping: asyncio.Handle | None = None
        self._slow_reads = ThreadPoolExecutor(1, "colony-reader")
        self._reader: Database | None = None  # belongs to the thread of the slow reads

    def answer(self, body: bytes) -> tuple[str, object]:
        """Return the payload type and the reply to a request, or what to await for it; or raise Refused.

        Either is to be passed on `database.when_committed`, and no sooner. That is soon: after the requests that have
        arrived already, so that they share a commit.
        """
        request = envelope.read_envelope(body)
        caller = envelope.caller_of(request)
        operation = envelope.route(request)
        message = envelope.read_message(request, operation)
        self.freshness.check(message)
        reply: object
        if operation.slow:
            loop = asyncio.get_running_loop()
            reply = loop.run_in_executor(self._slow_reads, self._read_slowly, operation, caller, message)
        elif operation.writes:
            self._keep_soon()
            with self.database.part():
                reply = _handle(self.database, operation, caller, message)
            if self._file_added and isinstance(reply, File):
                reply = self._file_added(reply)
        else:
            reply = _handle(self.database, operation, caller, message)
        return operation.msgtype, reply

    def keep(self) -> None:
        """Commit all that was answered so far, and announce it."""
        self._keeping = None
        try:
            self.database.commit()
        except sqlite3.Error:  # whoever waits for it has been told, and writes it to the log
            _log.debug("A commit failed")
        self.announce()

    def _keep_soon(self) -> None:
        """Commit once the event loop has dealt with what is there."""
        if self._keeping is None:
            self._keeping = asyncio.get_running_loop().call_soon(self.keep)

    def announce(self) -> None:
        """Tell subscribers and waiting executors what was committed since the last time."""
        while self.database.logged:
            self.hub.publish_log(self.database.logged.pop())
        while self.database.changed:
            changed, self.database.changed = self.database.changed, []
            for process in changed:
                self.hub.publish(process)
            for process in changed:
                if process.status is ProcessState.WAITING:
                    self.scheduler.offer(process)

    def close(self) -> None:
        """Keep what was answered, drop subscribers, and release the database."""
        self.keep()
        self.hub.close()
        self._slow_reads.submit(self._close_reader).result()
        self._slow_reads.shutdown()
        self.database.close()

    def _read_slowly(self, operation: Operation, caller: str, message: object) -> object:
        if self._reader is None:
            self._reader = Database(self.database.path, self.database.facts, readonly=True)
        return _handle(self._reader, operation, caller, message)

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()


def _handle(database: Database, operation: Operation, caller: str, message: object) -> object:
    try:
        return operation.handler(database, caller, message)
    except (OverflowError, UnicodeEncodeError):  # numbers and texts that the database cannot hold
        raise Refused(400, f"{operation.failure}, invalid JSON") from None
