"""The embedded Colonies server: HTTP and websocket on a loopback port, one thread with an event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any, cast

import tornado.httpserver
import tornado.netutil
import tornado.web
from tornado.iostream import StreamClosedError

from pollinator_magic.colonies.models import Process
from pollinator_magic.errors import LocalColonyError
from pollinator_magic.local import envelope
from pollinator_magic.local.core import Core
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.loopback import ADDRESS, refuse_foreign_names
from pollinator_magic.local.operations.processes import LongPoll
from pollinator_magic.local.pubsub import Subscriber
from pollinator_magic.local.routing import Refused
from pollinator_magic.local.scheduler import Poll

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tornado.http1connection import HTTP1Connection


_log = logging.getLogger(__name__)
_LARGEST_BODY = 64 * 2**20


class _Handler(tornado.web.RequestHandler):
    def prepare(self) -> None:
        refuse_foreign_names(self)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish(f"{status_code} {self._reason}\n")


class _Health(_Handler):
    def get(self) -> None:
        """Say nothing: that it answers is the answer."""


class _Api(_Handler):
    def initialize(self, core: Core) -> None:
        self._core = core
        self._poll: Poll | None = None
        self._assigned: Process | None = None

    def get(self) -> None:
        raise tornado.web.HTTPError(404)

    async def post(self) -> None:
        body = await self._answer()
        if self._assigned and not self._connected():
            self._core.scheduler.take_back(self._assigned)
            return
        try:
            await self.finish(body)
        except StreamClosedError:
            if self._assigned:
                self._core.scheduler.take_back(self._assigned)

    def on_connection_close(self) -> None:
        """Stop waiting on behalf of a client that has gone."""
        if self._poll:
            self._poll.settle(None)

    async def _answer(self) -> bytes:
        try:
            payloadtype, reply = await self._core.answer(self.request.body)
            if isinstance(reply, LongPoll):
                reply = await self._wait_for_work(reply)
            if payloadtype == "assignprocessmsg" and isinstance(reply, Process):
                self._assigned = reply
            return envelope.success(payloadtype, reply)
        except Refused as refusal:
            self.set_status(refusal.status)
            return envelope.failure(refusal)
        except Exception:  # noqa: BLE001  whatever it is, the client gets an answer and the log the traceback
            _log.exception("A request failed")
            self.set_status(500)
            return envelope.failure(Refused(500, "The embedded colony failed; its log says why"))

    async def _wait_for_work(self, request: LongPoll) -> Process:
        found = None
        if request.timeout_s > 0:
            self._poll = Poll(request, self._connected)
            found = await self._core.scheduler.wait(self._poll)
        if found is None:
            raise Refused(404, "No process available for assignment")
        return found

    def _connected(self) -> bool:
        """Ask the socket itself: the event loop may not have looked at it yet."""
        stream = cast("HTTP1Connection", self.request.connection).stream
        if stream.closed():
            return False
        try:
            return stream.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


class LocalServer:
    """The server on a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        path: Path,
        *,
        owner_id: str,
        version: str = "",
        prepare: Callable[[Database], None] | None = None,
    ) -> None:
        """Serve the database at `path`; `prepare` may fill it, in one transaction, before the first request."""
        self._path = path
        self._facts = Facts(owner_id=owner_id, host=ADDRESS, version=version)
        self._prepare = prepare
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="colony-server", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._facts.port

    @property
    def running(self) -> bool:
        """Whether it serves."""
        return self._started.is_set() and self._thread.is_alive()

    def start(self, port: int = 0) -> None:
        """Listen on a loopback port (0: any free one); raise OSError if it is taken."""
        self._facts.port = port
        self._thread.start()
        self._started.wait()
        if self._failure:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Stop listening, end waiting calls, close the database."""
        if self._loop and self._stopping:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=10)
        if self._thread.is_alive():
            raise LocalColonyError("The embedded colony's server does not stop.")

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  handed to whoever starts the server, or logged
            if self._started.is_set():
                _log.exception("The server failed")
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        sockets = tornado.netutil.bind_sockets(self._facts.port, ADDRESS, family=socket.AF_INET)
        self._facts.port = sockets[0].getsockname()[1]
        try:
            core = Core(self._open())
            server = tornado.httpserver.HTTPServer(_application(core), max_body_size=_LARGEST_BODY)
            server.add_sockets(sockets)
        except BaseException:
            for listener in sockets:
                listener.close()
            raise
        deadlines = asyncio.create_task(core.scheduler.watch_deadlines())
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        try:
            await self._stopping.wait()
        finally:
            server.stop()
            deadlines.cancel()
            await core.scheduler.stop()
            await server.close_all_connections()
            core.close()

    def _open(self) -> Database:
        database = Database(self._path, self._facts)
        try:
            if self._prepare:
                with database.transaction():
                    self._prepare(database)
        except BaseException:
            database.close()
            raise
        return database


def _application(core: Core) -> tornado.web.Application:
    return tornado.web.Application(
        [
            (r"/api", _Api, {"core": core}),
            (r"/health", _Health),
            (r"/pubsub", Subscriber, {"hub": core.hub}),
        ],
        log_function=lambda _handler: None,
        websocket_max_message_size=2**20,
    )
