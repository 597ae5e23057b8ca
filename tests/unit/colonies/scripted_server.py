"""A real HTTP server on loopback that says what a test tells it to say, and misbehaves as told."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.keys import recover_identity
from pollinator_magic.settings import Server

if TYPE_CHECKING:
    import ssl
    from email.message import Message

Play = Callable[[BaseHTTPRequestHandler], None]


def asked(payload: str) -> dict[str, object]:
    """Return the message of a request, without what makes it unlike all others."""
    message = json.loads(base64.b64decode(payload))
    del message["nonce"], message["issued"]
    return message


def envelope(value: object, *, status: int = 200) -> bytes:
    payload = base64.b64encode(json.dumps(value).encode()).decode()
    return json.dumps({"payloadtype": "x", "payload": payload, "error": status >= 400}).encode()


def says(body: bytes | str, status: int = 200, **headers: str) -> Play:
    """Answer with this body."""
    raw = body.encode() if isinstance(body, str) else body

    def play(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return play


def replies(value: object) -> Play:
    """Answer with a success envelope."""
    return says(envelope(value))


def refuses(status: int, text: str) -> Play:
    """Answer with an error envelope."""
    return says(envelope({"status": status, "message": text}, status=status), status)


def slowly(delay_s: float, play: Play) -> Play:
    """Take that long to answer."""

    def delayed(handler: BaseHTTPRequestHandler) -> None:
        handler.server.over.wait(delay_s)
        play(handler)

    return delayed


def cuts(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection although the request was read."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def truncates(handler: BaseHTTPRequestHandler) -> None:
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(envelope({})[:20])
    handler.close_connection = True


def sleeps(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing until the test is over."""
    handler.server.over.wait(60)
    handler.close_connection = True


class ScriptedServer(ThreadingHTTPServer):
    """Plays `script` one request after the other, the last play for ever; keeps what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script: deque[Play] = deque()
        self.messages: list[dict[str, Any]] = []
        self.callers: list[str] = []
        self.paths: list[str] = []
        self.headers: list[Message] = []
        self.connections = 0
        self.hang_up = False
        self.over = threading.Event()
        self._context = context
        self._playing = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, name="scripted-server"
        )
        self._thread.start()

    @property
    def address(self) -> Server:
        return Server("127.0.0.1", self.server_address[1], tls=self._context is not None)

    def plays(self, *script: Play) -> None:
        self.script = deque(script)

    def next_play(self, request: dict[str, Any]) -> Play:
        with self._playing:
            payload = request["payload"]
            self.messages.append(asked(payload))
            self.callers.append(recover_identity(payload, request["signature"]))
            return self.script.popleft() if len(self.script) > 1 else self.script[0]

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        if self.hang_up:
            return
        if self._context is not None:
            try:
                request = self._context.wrap_socket(request, server_side=True)
            except OSError:  # the client does not trust us, or does not speak TLS
                return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the play."""

    def stop(self) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        self.server.headers.append(self.headers)
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.next_play(request)(self)

    def do_GET(self) -> None:
        (says("") if self.path == "/health" else says("404 page not found", 404))(self)

    def log_message(self, *_: object) -> None:
        pass
