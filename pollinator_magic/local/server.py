"""The embedded Colonies server: HTTP and websocket on a loopback port, one thread with an event loop."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
from typing import TYPE_CHECKING, Any

import tornado.httpserver
import tornado.netutil
import tornado.web

from pollinator_magic.errors import LocalColonyError
from pollinator_magic.local.core import Core
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.exchange import Entrance
from pollinator_magic.local.loopback import ADDRESS, refuse_web_pages
from pollinator_magic.local.pubsub import Subscriber

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from tornado.iostream import IOStream

    from pollinator_magic.colonies.models import File
    from pollinator_magic.local.pubsub import Hub


_log = logging.getLogger(__name__)
_LARGEST_BODY = 64 * 2**20
_MOST_CONNECTIONS = 4096


class _Handler(tornado.web.RequestHandler):
    def prepare(self) -> None:
        refuse_web_pages(self)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish(f"{status_code} {self._reason}\n")


class _Health(_Handler):
    def get(self) -> None:
        """Say nothing: that it answers is the answer."""


class _Api(_Handler):
    def get(self) -> None:
        """Say that there is nothing to read: what is asked of the API properly never gets here (see `exchange`)."""
        raise tornado.web.HTTPError(404)

    post = get


class _BoundedServer(tornado.httpserver.HTTPServer):
    """Hangs up on whoever comes when there are too many already: files must be left to open, and to listen with."""

    hub: Hub
    most: int

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Take a new connection."""
        if len(self._connections) + self.hub.connected < self.most:
            super().handle_stream(stream, address)
        else:
            stream.close()


def _most_connections() -> int:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(allowed // 2, _MOST_CONNECTIONS) if allowed > 0 else _MOST_CONNECTIONS


class LocalServer:
    """The server on a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        path: Path,
        *,
        owner_id: str,
        version: str = "",
        prepare: Callable[[Database], None] | None = None,
        file_added: Callable[[File], File | Awaitable[File]] | None = None,
        beside: Callable[[Database], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Serve the database at `path`; `prepare` may fill it, in one transaction, before the first request.

        `file_added` is called, on the event loop, before a file's metadata is acknowledged; what it returns is.
        `beside` runs on the event loop while requests are served, and is cancelled at the end.
        """
        self._path = path
        self._facts = Facts(owner_id=owner_id, host=ADDRESS, version=version)
        self._prepare = prepare
        self._file_added = file_added
        self._beside = beside
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
            core = Core(self._open(), self._file_added)
            entrance = Entrance(core, _application(core))
            server = _BoundedServer(entrance, max_body_size=_LARGEST_BODY)
            server.conn_params.header_timeout = None  # the entrance looks after that, for a tenth of a request less
            server.hub, server.most = core.hub, _most_connections()
            server.add_sockets(sockets)
        except BaseException:
            for listener in sockets:
                listener.close()
            raise
        tasks = [asyncio.create_task(core.scheduler.watch_deadlines()), asyncio.create_task(entrance.watch())]
        if self._beside:
            tasks.append(asyncio.create_task(self._beside(core.database)))
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        try:
            await self._stopping.wait()
        finally:
            server.stop()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
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
            (r"/api", _Api),
            (r"/health", _Health),
            (r"/pubsub", Subscriber, {"hub": core.hub}),
        ],
        log_function=lambda _handler: None,
        websocket_max_message_size=2**20,
    )
