"""Whoever can reach the embedded colony's port, as every program of the machine can, cannot use up what it has."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import socket
import time
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
import websocket
from signed import post, signed

from pollinator_magic.cfs.objects import S3Objects
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Conditions, FunctionSpec
from pollinator_magic.errors import ResultError
from pollinator_magic.jobs.results import Result
from pollinator_magic.local import exchange as exchange_module
from pollinator_magic.local import pubsub as pubsub_module
from pollinator_magic.local import server as server_module
from tests.colony_server import running_colony
from tests.s3_server import running_s3

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 2**20
WAIT_S = 20


@pytest.fixture
def colony():
    with running_colony() as running:
        yield running


@pytest.fixture
def knock(colony):
    """Open a plain connection, and send the beginning of something."""
    with ExitStack() as opened:

        def connect(begin: bytes = b"") -> socket.socket:
            connection = opened.enter_context(
                closing(socket.create_connection(("127.0.0.1", colony.server.port), timeout=WAIT_S))
            )
            connection.sendall(begin)
            return connection

        yield connect


def head(length: int | str, path: str = "/api") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()


def is_hung_up(connection: socket.socket) -> bool:
    """Whether the server ends the connection, possibly after some words."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def ends(again: Callable[[], object]) -> bool:
    """Do something on a connection again and again; return whether the server ends that."""
    for _ in range(5000):
        try:
            again()
        except (OSError, websocket.WebSocketConnectionClosedException):
            return True
    return False


def serves(colony) -> bool:
    status, _ = post(colony.server, signed(colony.user_key, "getcolonymsg", colonyname=colony.colony))
    return status == 200


@pytest.mark.parametrize("path", ["/api", "/health", "/pubsub", "/elsewhere"])
@pytest.mark.parametrize("length", [65 * MIB, 10**18, -1, "1e3", "5, 6"])
def test_a_body_that_is_too_large_or_of_no_size_is_not_waited_for(colony, knock, path, length):
    assert is_hung_up(knock(head(length, path)))
    assert serves(colony)


def test_a_body_without_an_end_is_cut_off(colony, knock, monkeypatch):
    monkeypatch.setattr(server_module, "_LARGEST_BODY", MIB)
    colony.restart()
    connection = knock(b"POST /api HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")

    assert ends(lambda: connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n"))
    assert serves(colony)


def test_headers_without_an_end_are_cut_off(colony, knock):
    connection = knock(b"POST /api HTTP/1.1\r\nHost: 127.0.0.1\r\n")

    with suppress(ConnectionError):
        for number in range(2000):
            connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))

    assert is_hung_up(connection)
    assert serves(colony)


def test_requests_that_were_begun_take_a_bounded_amount_of_memory_together(colony, knock, monkeypatch):
    monkeypatch.setattr(exchange_module, "_MOST_HELD", 8 * MIB)
    before = psutil.Process().memory_info().rss

    begun = [knock(head(16 * MIB)) for _ in range(12)]
    for connection in begun:
        with suppress(ConnectionError):
            connection.sendall(b"x" * 3 * MIB)

    assert sum(is_hung_up_soon(connection) for connection in begun) >= 8
    assert psutil.Process().memory_info().rss - before < 100 * MIB
    for connection in begun:
        connection.close()
    deadline = time.monotonic() + WAIT_S
    while not serves(colony):
        assert time.monotonic() < deadline


def is_hung_up_soon(connection: socket.socket) -> bool:
    connection.settimeout(0.5)
    return is_hung_up(connection)


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "_HEAD_WITHIN_S", 0.2)
    monkeypatch.setattr(exchange_module, "_BODY_WITHIN_S", 0.2)
    monkeypatch.setattr(exchange_module, "_LOOK_EVERY_S", 0.05)


def test_who_says_nothing_or_does_not_finish_is_hung_up_on(colony, knock, monkeypatch):
    be_impatient(monkeypatch)
    colony.restart()

    silent, slow_head, slow_body = knock(), knock(b"POST /api HTTP/1.1\r\nHo"), knock(head(100) + b"{")

    assert is_hung_up(silent)
    assert is_hung_up(slow_head)
    assert is_hung_up(slow_body)
    assert serves(colony)


def test_an_answer_that_is_waited_for_is_not_hung_up_on(colony, monkeypatch):
    be_impatient(monkeypatch)
    colony.restart()
    key = colony.new_executor("ex")

    with Colonies(colony.server, colony.colony, key) as executor:
        assert executor.assign(1) is None


def test_connections_are_bounded_and_the_next_ones_are_served_when_some_have_gone(colony, knock, monkeypatch):
    monkeypatch.setattr(server_module, "_MOST_CONNECTIONS", 20)
    colony.restart()

    taken = [knock() for _ in range(20)]
    answered = [knock(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") for _ in range(5)]
    assert [read_all(connection) for connection in answered] == [b""] * 5
    for connection in taken:
        connection.close()

    deadline = time.monotonic() + WAIT_S
    while True:
        with suppress(requests.ConnectionError):
            assert serves(colony)
            break
        assert time.monotonic() < deadline


def read_all(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1000)
    except ConnectionError:
        return b""


def listen(colony, *, little: bool = False) -> websocket.WebSocket:
    options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)] if little else []
    url = f"ws://127.0.0.1:{colony.server.port}/pubsub"
    return websocket.create_connection(url, timeout=WAIT_S, sockopt=options)


def subscription(colony, key) -> str:
    asked = {"colonyname": colony.colony, "executortype": "t", "state": 0, "timeout": 100}
    return signed(key, "subscribeprocessesmsg", **asked).decode()


def test_a_websocket_on_which_nobody_shows_a_key_is_hung_up_on(colony, monkeypatch):
    monkeypatch.setattr(pubsub_module, "_SUBSCRIBE_WITHIN_S", 0.3)
    member = colony.new_executor("ex")
    silent, stranger, subscribed = listen(colony), listen(colony), listen(colony)
    subscribed.send(subscription(colony, member))

    stranger.send(subscription(colony, PrivateKey.generate()))

    assert json.loads(stranger.recv())["error"]
    for given_up in (silent, stranger):
        with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
            given_up.recv()
    with Colonies(colony.server, colony.colony, colony.user_key) as user:
        user.submit(FunctionSpec(conditions=Conditions(colonyname=colony.colony, executortype="t")))
    assert not json.loads(subscribed.recv())["error"]
    subscribed.shutdown()


@pytest.mark.parametrize("message", ["", "{", "[" * 10_000, "x" * 2 * MIB, '{"payloadtype": "subscribeprocessmsg"}'])
def test_a_flood_of_messages_that_mean_nothing_ends_the_connection_and_nothing_else(colony, message):
    connection = listen(colony)

    assert ends(lambda: (connection.send(message), connection.recv()))
    connection.shutdown()
    assert serves(colony)


def test_a_subscriber_who_reads_nothing_is_hung_up_on_and_others_are_served(colony, monkeypatch):
    monkeypatch.setattr(pubsub_module, "_MOST_UNREAD", 2 * MIB)
    member = colony.new_executor("ex")
    deaf, hearing = listen(colony, little=True), listen(colony)
    for connection in (deaf, hearing):
        connection.send(subscription(colony, member))
    large = FunctionSpec(
        conditions=Conditions(colonyname=colony.colony, executortype="t"), kwargs={"text": "x" * 400_000}
    )
    heard = 0

    with Colonies(colony.server, colony.colony, colony.user_key) as user:
        for _ in range(24):
            user.submit(large)
            heard += not json.loads(hearing.recv())["error"]

    assert heard == 24
    assert ends(deaf.ping)
    hearing.shutdown()


def test_what_an_object_says_of_its_encoding_unpacks_nothing():
    bomb = gzip.compress(b"\0" * 50 * MIB)
    with running_s3() as s3:
        store = S3Objects(s3.settings())
        store._client.create_bucket(Bucket="test-bucket")
        store._client.put_object(
            Bucket="test-bucket", Key="bomb", Body=bomb, ContentEncoding="gzip", ContentType="text/plain"
        )

        assert b"".join(store.read("bomb")) == bomb


def test_a_message_as_deep_as_it_can_be_is_refused_like_any_other(colony, caplog):
    payload = base64.b64encode(b'{"msgtype":' * 200_000).decode()
    body = json.dumps(
        {"payloadtype": "getcolonymsg", "payload": payload, "signature": colony.user_key.sign(payload)}
    ).encode()

    with caplog.at_level(logging.ERROR):
        status, _ = post(colony.server, body)

    assert status == 400
    assert not caplog.records


@pytest.mark.parametrize("shape", [(10**13,), (10**30,), (10**9, 10**9, 10**9), (2**62, 4)])
def test_headers_that_promise_terabytes_take_no_memory(tmp_path, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape!r}}}".encode().ljust(117) + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"x" * 64)
    before = psutil.Process().memory_info().rss

    with pytest.raises((ResultError, MemoryError)):
        Result("a.npy", tmp_path / "a.npy").load()

    assert psutil.Process().memory_info().rss - before < 100 * MIB
