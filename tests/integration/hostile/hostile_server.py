"""A Colonies server that misbehaves: HTTP and websocket in front of a real embedded colony.

What a test does not say otherwise goes through unchanged, so that whole jobs run. `alters` changes the answers to an
operation, `instead` answers in the colony's place, `pubsub` is what becomes of subscriptions.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import tornado.httpserver
import tornado.netutil
import tornado.web
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClosedError, WebSocketHandler, websocket_connect

from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.envelope import seal
from pollinator_magic.colonies.keys import recover_identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.colony_server import RunningColony

    Change = Callable[["Exchange"], Awaitable[None] | None]

_PATIENCE_S = 120


@dataclass
class Exchange:
    """A request, and what will be answered."""

    server: HostileServer
    msgtype: str
    message: dict[str, Any]
    caller: str
    signed: bytes = field(repr=False)
    """The request as it came."""
    status: int = 200
    reply: Any = None
    """The decoded reply, which is sent in an envelope."""
    body: bytes | AsyncIterator[bytes] | None = None
    """Sent as it is, in the place of an envelope."""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """Whether the connection breaks instead of an answer."""

    def refuse(self, status: int, text: str) -> None:
        """Answer with an error."""
        self.status, self.reply = status, {"status": status, "message": text}

    async def carry_out(self) -> None:
        """Let the colony answer."""
        self.status, self.reply = await self.server.forward(self.signed)

    async def ask(self, msgtype: str, message: dict[str, Any]) -> Any:
        """Ask the colony something of one's own, as a member; return the decoded reply."""
        asked = {name: value for name, value in message.items() if name not in {"nonce", "issued"}}
        _, reply = await self.server.forward(seal(self.server.key, msgtype, asked))
        return reply


def envelope(reply: object, *, error: bool = False) -> bytes:
    payload = base64.b64encode(json.dumps(reply).encode()).decode()
    return json.dumps({"payloadtype": "error" if error else "x", "payload": payload, "error": error}).encode()


class Faithful:
    """Subscriptions reach the colony, and its frames whoever subscribed."""

    async def opened(self, connection: Connection) -> None:
        connection.behind = await websocket_connect(
            f"ws://127.0.0.1:{connection.server.colony.server.port}/pubsub", max_message_size=1 << 26
        )
        connection.carrying = asyncio.ensure_future(self._carry(connection))

    async def _carry(self, connection: Connection) -> None:
        while (frame := await connection.behind.read_message()) is not None:
            await connection.tell(frame)
        connection.drop()

    async def told(self, connection: Connection, frame: str) -> None:
        await connection.behind.write_message(frame)


class Silent:
    """Subscriptions never fire."""

    async def opened(self, connection: Connection) -> None:
        pass

    async def told(self, connection: Connection, frame: str) -> None:
        pass


class Dropping(Silent):
    """Connections end without a close frame as soon as something is asked."""

    async def told(self, connection: Connection, _frame: str) -> None:
        connection.drop()


class Telling(Faithful):
    """Whoever subscribes gets these frames first, whatever was subscribed to; then what the colony says."""

    def __init__(self, *frames: bytes | str) -> None:
        self._frames = frames

    async def told(self, connection: Connection, frame: str) -> None:
        for each in self._frames:
            await connection.tell(each)
        await super().told(connection, frame)


class Connection(WebSocketHandler):
    """One websocket."""

    def initialize(self, server: HostileServer) -> None:
        self.server = server
        self.behind: Any = None
        self.carrying: asyncio.Future[None] | None = None

    async def open(self) -> None:
        self.server.subscriptions += 1
        self.server.subscribed.set()
        await self.server.pubsub.opened(self)

    async def on_message(self, message: str) -> None:
        await self.server.pubsub.told(self, message)

    async def tell(self, frame: bytes | str) -> None:
        try:
            await self.write_message(frame if isinstance(frame, str) else frame.decode())
        except (WebSocketClosedError, StreamClosedError):
            self.on_close()

    def drop(self) -> None:
        """End without a close frame, as upstream does."""
        if self.ws_connection is not None and self.ws_connection.stream is not None:
            self.ws_connection.stream.close()

    def on_close(self) -> None:
        if self.behind is not None:
            self.behind.close()


class HostileServer:
    """The server on a thread of its own, until `stop`."""

    def __init__(self, colony: RunningColony) -> None:
        self.colony = colony
        self.key = colony.user_key
        self.asked: list[Exchange] = []
        """All requests, in their order."""
        self.subscriptions = 0
        self.subscribed = threading.Event()
        self.over = asyncio.Event()
        self._alterations: dict[str, Change] = {}
        self._replacements: dict[str, Change] = {}
        self.pubsub: Any = Faithful()
        self._port = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="hostile-server")
        self._thread.start()
        self._started.wait()

    @property
    def server(self) -> Server:
        """Where clients go."""
        return Server("127.0.0.1", self._port, tls=False)

    def alters(self, msgtype: str, change: Change) -> None:
        """Have the answers to an operation ("" for all) changed, until `relent`."""
        self._alterations[msgtype] = change

    def instead(self, msgtype: str, answer: Change) -> None:
        """Answer an operation in the colony's place, until `relent`."""
        self._replacements[msgtype] = answer

    def refuses(self, msgtype: str, status: int, text: str) -> None:
        """Refuse an operation, until `relent`."""
        self.instead(msgtype, lambda exchange: exchange.refuse(status, text))

    def relent(self) -> None:
        """Be a faithful server again."""
        self._alterations, self._replacements, self.pubsub = {}, {}, Faithful()
        self.asked, self.subscriptions = [], 0
        self.subscribed.clear()

    def counted(self) -> Counter[str]:
        """Return how often each operation was asked for."""
        return Counter(exchange.msgtype for exchange in list(self.asked))

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self.over.set)
        self._thread.join()

    async def answer(self, body: bytes) -> Exchange:
        request = json.loads(body)
        exchange = Exchange(
            self,
            request["payloadtype"],
            json.loads(base64.b64decode(request["payload"])),
            recover_identity(request["payload"], request["signature"]) if request["signature"] else "",
            body,
        )
        self.asked.append(exchange)
        replacement = self._replacements.get(exchange.msgtype) or self._replacements.get("")
        if replacement is not None:
            await _waited(replacement(exchange))
            return exchange
        await exchange.carry_out()
        for change in (self._alterations.get(exchange.msgtype), self._alterations.get("")):
            if change is not None:
                await _waited(change(exchange))
        return exchange

    async def forward(self, body: bytes) -> tuple[int, Any]:
        """Ask the colony; return the status and the decoded reply."""
        response = await self._client.fetch(
            f"{self.colony.server.url}/api",
            method="POST",
            body=body,
            raise_error=False,
            request_timeout=_PATIENCE_S,
            connect_timeout=_PATIENCE_S,
        )
        if not response.body:  # the colony stops
            return 502, {"status": 502, "message": "bad gateway"}
        return response.code, json.loads(base64.b64decode(json.loads(response.body)["payload"]))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = SimpleAsyncHTTPClient(force_instance=True, max_clients=500, max_body_size=1 << 28)
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        self._port = sockets[0].getsockname()[1]
        application = tornado.web.Application(
            [(r"/api", _Api, {"server": self}), (r"/pubsub", Connection, {"server": self}), (r"/health", _Health)],
            log_function=lambda _: None,
        )
        server = tornado.httpserver.HTTPServer(application, max_body_size=1 << 28)
        server.add_sockets(sockets)
        self._started.set()
        await self.over.wait()
        server.stop()
        await server.close_all_connections()
        self._client.close()


class _Health(tornado.web.RequestHandler):
    def get(self) -> None:
        pass


class _Api(tornado.web.RequestHandler):
    def initialize(self, server: HostileServer) -> None:
        self._server = server

    async def post(self) -> None:
        exchange = await self._server.answer(self.request.body)
        if exchange.cut:
            self.request.connection.stream.close()
            return
        self.set_status(exchange.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        for name, value in exchange.headers.items():
            self.set_header(name, value)
        if exchange.body is None:
            self.write(envelope(exchange.reply, error=exchange.status >= 400))
        elif isinstance(exchange.body, bytes):
            self.write(exchange.body)
        else:
            await self._drip(exchange.body)

    async def _drip(self, pieces: AsyncIterator[bytes]) -> None:
        try:
            async for piece in pieces:
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            return

    def log_exception(self, *_: object) -> None:
        """Say nothing: clients that go away are part of the play."""


async def _waited(result: Awaitable[None] | None) -> None:
    if isawaitable(result):
        await result
