"""What an object store does wrong: refusals, and replies that are not what was stored. For `proxy.AtRequest`."""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.http_messages import method_of, status_of


def kind_of_s3(head: bytes, body: bytes) -> str:
    """Name a request to an object store by its method."""
    return method_of(head)


@dataclass(frozen=True)
class Refused:
    """The store answers with a status and a code and does nothing."""

    status: int
    code: str

    def instead(self, head: bytes, _body: bytes) -> bytes | None:
        xml = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{self.code}</Code><Message>No.</Message></Error>'
        text = xml.encode() if method_of(head) != "HEAD" else b""
        about = f"Content-Type: application/xml\r\nContent-Length: {len(text)}"
        return f"HTTP/1.1 {self.status} {self.code}\r\n{about}\r\n\r\n".encode() + text

    def altered(self, head: bytes, body: bytes) -> bytes:
        return head + body

    def __str__(self) -> str:
        return f"{self.status} {self.code}"


BROKEN = Refused(500, "InternalError")
SLOW_DOWN = Refused(503, "SlowDown")
DENIED = Refused(403, "AccessDenied")
MISSING = Refused(404, "NoSuchKey")


class _Altering:
    def instead(self, _head: bytes, _body: bytes) -> bytes | None:
        return None


@dataclass(frozen=True)
class Truncated(_Altering):
    """The connection ends within the body of a reply."""

    def altered(self, head: bytes, body: bytes) -> bytes:
        return head + body[: len(body) // 2]

    def __str__(self) -> str:
        return "reply truncated"


@dataclass(frozen=True)
class Damaged(_Altering):
    """One bit of the content of a reply is another."""

    def altered(self, head: bytes, body: bytes) -> bytes:
        if status_of(head) not in {200, 206} or not body:
            return head + body
        middle = len(body) // 2
        return head + body[:middle] + bytes([body[middle] ^ 4]) + body[middle + 1 :]

    def __str__(self) -> str:
        return "one bit of the reply flipped"


@dataclass(frozen=True)
class Shortened(_Altering):
    """A whole reply with less in it than was stored: the length says so too."""

    def altered(self, head: bytes, body: bytes) -> bytes:
        if status_of(head) not in {200, 206} or not body:
            return head + body
        half = body[: len(body) // 2]
        return head.replace(f"Content-Length: {len(body)}".encode(), f"Content-Length: {len(half)}".encode()) + half

    def __str__(self) -> str:
        return "reply shortened"
