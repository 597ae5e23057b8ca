"""One request to the API and its reply, straight from tornado's connection.

A web framework's handler takes longer for a request than reading it, checking its signature and answering it together,
and there is nothing to route here: everything is a POST to one address. All else goes to the application, which also
refuses what does not come from this machine's own programs.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
import time
from email.utils import formatdate
from http.client import responses
from inspect import isawaitable
from typing import TYPE_CHECKING, cast

from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerConnectionDelegate, ResponseStartLine

from pollinator_magic.colonies.models import Process
from pollinator_magic.local import envelope
from pollinator_magic.local.loopback import is_of_a_program
from pollinator_magic.local.operations.processes import LongPoll
from pollinator_magic.local.routing import Refused
from pollinator_magic.local.scheduler import Poll

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tornado.http1connection import HTTP1Connection
    from tornado.httputil import HTTPConnection, RequestStartLine
    from tornado.web import Application

    from pollinator_magic.local.core import Core

_log = logging.getLogger(__name__)
_MOST_HELD = 256 * 2**20  # bytes of requests that have not come to their end
_HEAD_WITHIN_S = 300.0
"""Within what time the next request must come, or the first one."""
_BODY_WITHIN_S = 60.0
_LOOK_EVERY_S = 5.0


class Entrance(HTTPServerConnectionDelegate):
    """Takes what comes in over HTTP: requests to the API for `core`, all others for `application`."""

    def __init__(self, core: Core, application: Application) -> None:
        self.core = core
        self.application = application
        self.held = 0
        """How many bytes of unfinished requests are in memory."""
        self._expected: dict[object, tuple[float, HTTP1Connection]] = {}

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Begin to read a request."""
        connection = cast("HTTP1Connection", request_conn)
        self.expect(server_conn, connection, _HEAD_WITHIN_S)
        return _Incoming(self, server_conn, connection)

    def on_close(self, server_conn: object) -> None:
        """Pass on that a connection has ended."""
        self.expect_no_more(server_conn)
        self.application.on_close(server_conn)

    def expect(self, server_conn: object, connection: HTTP1Connection, within_s: float) -> None:
        """Expect the next part of a request within a time."""
        self._expected[server_conn] = time.monotonic() + within_s, connection

    def expect_no_more(self, server_conn: object) -> None:
        """Have no expectations: the request is complete, or nobody is there."""
        self._expected.pop(server_conn, None)

    async def watch(self) -> None:
        """Hang up on whoever keeps us waiting; one look at all costs less than the timers that tornado has for each."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            now = time.monotonic()
            for until, connection in list(self._expected.values()):
                if until < now:
                    connection.close()


class _Incoming(HTTPMessageDelegate):
    """A request of which nobody knows yet what it asks for."""

    def __init__(self, entrance: Entrance, server_conn: object, connection: HTTP1Connection) -> None:
        self._entrance = entrance
        self._server_conn = server_conn
        self._connection = connection
        self._target = HTTPMessageDelegate()

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        self._entrance.expect(self._server_conn, self._connection, _BODY_WITHIN_S)
        line = cast("RequestStartLine", start_line)
        if line.method == "POST" and line.path == "/api" and is_of_a_program(headers):
            self._target = Exchange(self._entrance, self._connection)
        else:
            self._target = self._entrance.application.start_request(self._server_conn, self._connection)
        return self._target.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._target.data_received(chunk)

    def finish(self) -> None:
        self._entrance.expect_no_more(self._server_conn)
        self._target.finish()

    def on_connection_close(self) -> None:
        self._target.on_connection_close()


class Exchange(HTTPMessageDelegate):
    """A request to the API: read, answered, at once if that is possible."""

    def __init__(self, entrance: Entrance, connection: HTTP1Connection) -> None:
        self._entrance = entrance
        self._core = entrance.core
        self._connection = connection
        self._chunks: list[bytes] = []
        self._held = 0
        self._later: asyncio.Task[None] | None = None

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body, unless all requests together are too much: nobody has shown a key so far."""
        self._chunks.append(chunk)
        self._hold(len(chunk))
        if self._entrance.held > _MOST_HELD:
            self._connection.stream.close()

    def on_connection_close(self) -> None:
        """Forget a request that does not come to its end."""
        self._let_go()

    def finish(self) -> None:
        """Answer: the request is here."""
        body = b"".join(self._chunks)
        self._let_go()
        try:
            payloadtype, reply = self._core.answer(body)
            if isinstance(reply, LongPoll):
                reply = self._wait_for_work(reply)
            if isawaitable(reply):
                self._later = asyncio.ensure_future(self._answer_later(payloadtype, reply))
            else:
                self._answer(payloadtype, reply)
        except Exception as error:  # noqa: BLE001  whatever it is, the client gets an answer
            self._fail(error)

    def _hold(self, size: int) -> None:
        self._held += size
        self._entrance.held += size

    def _let_go(self) -> None:
        self._chunks.clear()
        self._hold(-self._held)

    async def _answer_later(self, payloadtype: str, reply: Awaitable[object]) -> None:
        try:
            self._answer(payloadtype, await reply)
        except Exception as error:  # noqa: BLE001  the same
            self._fail(error)

    def _answer(self, payloadtype: str, reply: object) -> None:
        """Send the reply once all that it may tell of is kept."""
        body = envelope.success(payloadtype, reply)
        assigned = reply if payloadtype == "assignprocessmsg" and isinstance(reply, Process) else None
        self._when_kept(lambda: self._send(200, body, assigned))

    def _when_kept(self, send: Callable[[], None]) -> None:
        """Call `send` once all that was asked for so far is kept; refuse if that fails."""

        def go_on(failure: sqlite3.Error | None) -> None:
            try:
                self._refuse(failure) if failure else send()
            except Exception:  # noqa: BLE001  the others wait for their turn
                _log.exception("A reply could not be sent")

        self._core.database.when_committed(go_on)

    def _wait_for_work(self, request: LongPoll) -> Awaitable[Process]:
        """Return what gives work, and wait for it from now on."""
        if request.timeout_s <= 0:
            raise _no_work()
        poll = Poll(request, self._connected)
        self._connection.set_close_callback(lambda: poll.settle(None))  # nobody waits on behalf of who has gone
        return _work(self._core.scheduler.wait(poll))

    def _fail(self, error: Exception) -> None:
        """Refuse once all is kept that this may tell of."""
        self._when_kept(lambda: self._refuse(error))

    def _refuse(self, error: Exception) -> None:
        """Refuse, or say that something is wrong here and write the traceback to the log."""
        if not isinstance(error, Refused):
            _log.error("A request failed", exc_info=error)
            full = isinstance(error, sqlite3.Error) and self._core.database.is_full
            error = Refused(507, self._full()) if full else Refused(500, "The embedded colony failed; its log says why")
        self._send(error.status, envelope.failure(error))

    def _full(self) -> str:
        return f"The disk of the embedded colony is full: free some space for {str(self._core.database.path.parent)!r}"

    def _send(self, status: int, body: bytes, assigned: Process | None = None) -> None:
        """Send the answer. A process that was assigned to a client that has gone comes back into the queue."""
        if assigned and not self._connected():
            self._core.scheduler.take_back(assigned)
            assigned = None
        headers = HTTPHeaders(
            {
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Length": str(len(body)),
                "Date": formatdate(usegmt=True),
            }
        )
        line = ResponseStartLine("HTTP/1.1", status, responses.get(status, "Unknown"))
        written = self._connection.write_headers(line, headers, body)
        self._connection.finish()
        if assigned and written.done() and written.exception():
            self._core.scheduler.take_back(assigned)

    def _connected(self) -> bool:
        """Ask the socket itself: the event loop may not have looked at it yet."""
        stream = self._connection.stream
        if stream.closed():
            return False
        try:
            return stream.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


async def _work(outcome: Awaitable[Process | None]) -> Process:
    found = await outcome
    if found is None:
        raise _no_work()
    return found


def _no_work() -> Refused:
    return Refused(404, "No process available for assignment")
