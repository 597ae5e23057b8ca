"""A server that does not stop talking takes neither the memory nor the time of who listens."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
import time
from contextlib import suppress

import pytest

from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.events import ProcessWatch
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import LogEntry, Process, ProcessState
from pollinator_magic.jobs import follow as follow_module
from pollinator_magic.jobs.events import LogText, StateChanged
from pollinator_magic.jobs.follow import follow
from pollinator_magic.jobs.log import PAGE

WAIT_S = 30
_MIB = 1024 * 1024
_TEXT, _CONTINUED, _PING = 0x1, 0x0, 0x9


class EndlessWebsocket:
    """Accepts one websocket connection and writes `header` and zeros for as long as it is listened to."""

    def __init__(self, header, piece):
        self.header, self.piece = header, piece
        self.written = 0
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.server = Server("127.0.0.1", self._listener.getsockname()[1], tls=False)
        self._thread = threading.Thread(target=self._serve, name="endless")
        self._thread.start()

    def close(self):
        self._listener.close()
        self._thread.join(WAIT_S)

    def _serve(self):
        connection, _ = self._listener.accept()
        connection.settimeout(WAIT_S)
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            accepted = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n" + self.header
            )
            while self.written < 200 * _MIB:
                connection.sendall(self.piece)
                self.written += len(self.piece)
        self.ended.set()


def frame(opcode, content, *, last):
    return bytes([opcode | (0x80 if last else 0), 127]) + struct.pack("!Q", len(content)) + content


@pytest.mark.parametrize(
    ("header", "piece"),
    [
        (bytes([0x81, 127]) + struct.pack("!Q", 2**62), bytes(65536)),
        (frame(_TEXT, b"[", last=False), frame(_CONTINUED, b" " * 65536, last=False)),
        (b"", bytes([0x80 | _PING, 0]) * 30_000),
    ],
    ids=["one frame", "one message of many frames", "pings"],
)
def test_a_hint_without_an_end_is_given_up(header, piece):
    """Found: what a websocket sends was taken in without a limit."""
    endless = EndlessWebsocket(header, piece)
    try:
        with ProcessWatch(endless.server, PrivateKey.generate(), "test", "0" * 64) as watch:
            assert endless.ended.wait(WAIT_S)
            assert not watch.wait(0)
    finally:
        endless.close()

    assert endless.written < 40 * _MIB  # 16 MiB, and what lies in between


class Talkative:
    """What `follow` asks of a client, from a job that says more than can be read, and ends nevertheless."""

    def __init__(self):
        self.now_ns = 1
        self.asked = 0

    def process(self, _process_id):
        self.asked += 1
        return process_in(ProcessState.SUCCESS if self.asked > 2 else ProcessState.RUNNING)

    def logs(self, _process_id, **_):
        if self.asked > 2:
            return []
        first, self.now_ns = self.now_ns, self.now_ns + PAGE
        time.sleep(0.001)
        return [LogEntry(message=".", timestamp=number) for number in range(first + 1, first + 1 + PAGE)]


def process_in(state):
    return Process(processid="0" * 64, state=state)


def test_a_job_that_says_more_than_can_be_read_is_seen_to_end(monkeypatch):
    """Found: while full pages came, the state was never asked for."""
    monkeypatch.setattr(follow_module, "STATE_POLL_S", 0.05)

    events = list(follow(Talkative(), process_in(ProcessState.RUNNING)))

    assert isinstance(events[-1], StateChanged)
    assert events[-1].state is ProcessState.SUCCESS
    assert any(isinstance(event, LogText) for event in events)
