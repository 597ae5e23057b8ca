"""The harness itself: each fault shows what it says, once, at its moment, and prints itself."""

from __future__ import annotations

import http.client
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.faults.http_messages import method_of
from tests.faults.proxy import AfterBytes, AtRequest, Effect, Moment, Proxy, Way

BODY = b"0123456789" * 10


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def proxy(server):
    proxy = Proxy(server.server_address, lambda head, _: method_of(head))
    yield proxy
    proxy.close()


def ask(proxy, times=1, timeout_s=5):
    """Send a request `times` times over one connection; return the last answer."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout_s)
    try:
        for _ in range(times):
            connection.request("POST", "/", BODY)
            answer = connection.getresponse().read()
        return answer
    finally:
        connection.close()


def test_without_a_fault_everything_is_carried_and_counted(proxy, server):
    assert ask(proxy, times=3) == BODY
    assert len(server.received) == proxy.traffic.kinds.count("POST") == 3
    assert proxy.traffic.connections == 1
    assert proxy.traffic.bytes[Way.UP] > 300
    assert proxy.traffic.bytes[Way.DOWN] > 300


@pytest.mark.parametrize("effect", [Effect.RESET, Effect.END])
@pytest.mark.parametrize(
    ("moment", "arrives"),
    [(Moment.BEFORE, False), (Moment.WITHIN, False), (Moment.UNANSWERED, True), (Moment.PARTLY, True)],
)
def test_a_connection_is_cut_at_its_moment(proxy, server, effect, moment, arrives):
    proxy.arm(AtRequest(effect, 2, moment=moment))
    assert ask(proxy) == BODY

    with pytest.raises((ConnectionResetError, http.client.HTTPException)) as cut:
        ask(proxy)

    assert server.received.count(BODY) == 1 + arrives
    if moment is Moment.PARTLY and effect is Effect.END:
        assert cut.value.partial == BODY[:50]
    assert ask(proxy) == BODY
    assert proxy.traffic.happened == 1


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.UNANSWERED])
def test_a_connection_stalls_until_the_fault_is_lifted(proxy, moment):
    proxy.arm(AtRequest(Effect.STALL, moment=moment))

    with pytest.raises(TimeoutError):
        ask(proxy, timeout_s=0.2)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(ask(proxy)))
    proxy.arm(AtRequest(Effect.STALL, moment=moment))
    waiting.start()
    assert proxy.happened.wait(5)
    proxy.lift()
    waiting.join(5)

    assert answers == [BODY]


@pytest.mark.parametrize("effect", [Effect.DELAY, Effect.TRICKLE])
@pytest.mark.parametrize("moment", list(Moment))
def test_what_is_slow_arrives_whole(proxy, effect, moment):
    proxy.arm(AtRequest(effect, moment=moment))
    assert ask(proxy) == BODY
    assert proxy.traffic.happened == 1


def test_connections_are_refused_until_they_are_accepted_again(proxy):
    proxy.arm(AtRequest(Effect.REFUSE))
    with pytest.raises(ConnectionResetError):
        ask(proxy)
    with pytest.raises(ConnectionRefusedError):
        ask(proxy)
    proxy.accept()
    assert ask(proxy) == BODY


@pytest.mark.parametrize("way", list(Way))
def test_a_connection_is_cut_after_so_many_bytes(proxy, way):
    proxy.arm(AfterBytes(Effect.END, 250, way))
    with suppress(ConnectionError, http.client.HTTPException):  # it takes a head that was cut for a whole one
        ask(proxy, times=10)
    assert proxy.traffic.happened == 1
    assert ask(proxy) == BODY


def test_a_fault_prints_itself():
    assert str(AtRequest(Effect.RESET, 2, "PUT", Moment.WITHIN, times=3)) == (
        "<PUT 2 to 4: reset when half of it is sent>"
    )
    assert repr(AfterBytes(Effect.STALL, 10, Way.UP)) == "<stalls after 10 bytes to the server>"
