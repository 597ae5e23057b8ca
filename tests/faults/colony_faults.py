"""What a Colonies server, or whatever stands before it, answers wrong. For `proxy.AtRequest`."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass


def kind_of_rpc(head: bytes, body: bytes) -> str:
    """Name a request to a colony by its operation, any other by its path."""
    try:
        return str(json.loads(body)["payloadtype"])
    except (ValueError, KeyError):
        return head.split(b" ", 2)[1].decode("ascii")


@dataclass(frozen=True)
class Refused:
    """The server fails in its own words, and does nothing."""

    status: int
    words: str

    def instead(self, _head: bytes, _body: bytes) -> bytes | None:
        payload = base64.b64encode(json.dumps({"status": self.status, "message": self.words}).encode()).decode()
        return _reply(self.status, json.dumps({"payloadtype": "error", "payload": payload, "error": True}).encode())

    def altered(self, head: bytes, body: bytes) -> bytes:
        return head + body

    def __str__(self) -> str:
        return f"{self.status} {self.words!r}"


@dataclass(frozen=True)
class Lost:
    """The server does what it is asked, and something answers in its place: by default with 500 and nothing else."""

    status: int = 500
    text: bytes = b""

    def instead(self, _head: bytes, _body: bytes) -> bytes | None:
        return None

    def altered(self, _head: bytes, _body: bytes) -> bytes:
        return _reply(self.status, self.text)

    def __str__(self) -> str:
        return f"answered with {self.status} {self.text!r}"


def _reply(status: int, text: bytes) -> bytes:
    return f"HTTP/1.1 {status} Status\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text
