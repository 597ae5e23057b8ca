"""Reading HTTP messages whole, as much as a proxy between known programs needs: lengths, chunks, and nothing else."""

from __future__ import annotations

import re
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_LENGTH = re.compile(rb"(?im)^content-length:\s*(\d+)\s*$")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding:\s*chunked\s*$")
_EXPECT = re.compile(rb"(?im)^expect:\s*100-continue\r\n")
_READ = 256 * 1024


class Gone(Exception):
    """The other side has closed its connection; `partial` is what it sent of a message."""

    def __init__(self, partial: bytes = b"") -> None:
        super().__init__("connection closed")
        self.partial = partial


class Reader:
    """Messages from one socket. `watch` is called while nothing comes, about ten times a second; it may raise."""

    def __init__(self, sock: socket.socket, watch: Callable[[], None]) -> None:
        self._sock = sock
        self._watch = watch
        self._buffer = bytearray()

    def request(self) -> tuple[bytes, bytes]:
        """Return the head and the body of the next request; raise Gone at the end."""
        head = self._head()
        if _EXPECT.search(head):  # as any proxy does that reads a request before it passes it on
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = _EXPECT.sub(b"", head)
        return head, self._body(head, to_the_end=False)

    def reply(self, *, to_head: bool) -> tuple[bytes, bytes]:
        """Return the head and the body of a reply, which has none if it answers a HEAD request."""
        head = self._head()
        while status_of(head) == 100:
            head = self._head()
        bodiless = to_head or status_of(head) in {101, 204, 304}
        return head, b"" if bodiless else self._body(head, to_the_end=True)

    def rest(self) -> bytes:
        """Return what was read beyond the last message."""
        rest, self._buffer = bytes(self._buffer), bytearray()
        return rest

    def _head(self) -> bytes:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._fill()
        return self._take(end + 4)

    def _body(self, head: bytes, *, to_the_end: bool) -> bytes:
        if _CHUNKED.search(head):
            return self._chunks()
        length = _LENGTH.search(head)
        if length:
            while len(self._buffer) < int(length[1]):
                self._fill()
            return self._take(int(length[1]))
        if not to_the_end:
            return b""
        try:
            while True:
                self._fill()
        except Gone as gone:
            return gone.partial

    def _chunks(self) -> bytes:
        at = 0
        while True:
            while (line := self._buffer.find(b"\r\n", at)) < 0:
                self._fill()
            size = int(bytes(self._buffer[at:line]).split(b";")[0], 16)
            at = line + 2 + size + 2
            while len(self._buffer) < at:
                self._fill()
            if size == 0:
                return self._take(at)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _fill(self) -> None:
        while not readable(self._sock, 0.1):
            self._watch()
        try:
            data = self._sock.recv(_READ)
        except OSError:
            data = b""
        if not data:
            raise Gone(bytes(self._buffer))
        self._buffer += data


def readable(sock: socket.socket, timeout_s: float) -> bool:
    """Whether there is something to read, or the end, within this time."""
    looking = select.poll()
    looking.register(sock, select.POLLIN)
    return bool(looking.poll(timeout_s * 1000))


def status_of(head: bytes) -> int:
    """Return the status of a reply."""
    return int(head.split(b" ", 2)[1])


def method_of(head: bytes) -> str:
    """Return the method of a request."""
    return head.split(b" ", 1)[0].decode("ascii")
