"""How a running rclone is told that a directory has changed: its remote control, on a socket of the user's own.

Where the path is too long for a socket rclone remembers nothing instead, which is slow with many objects.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING

from pollinator_magic.cfs.objects import BUCKET

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_SOCKET_NAME = 100  # systems allow 103 bytes and more


class ControlLine:
    """The remote control of one rclone after the other."""

    def __init__(self, path: Path) -> None:
        """Use a socket at `path`, in a directory that only the user may enter."""
        self.open = False
        """Whether there is somebody to tell."""
        self._path = path
        self._usable = len(os.fsencode(path)) < _LONGEST_SOCKET_NAME
        self._user, self._password = secrets.token_hex(8), secrets.token_hex(16)

    @property
    def options(self) -> list[str]:
        """What rclone needs on its command line."""
        if not self._usable:
            return ["--dir-cache-time=0s"]
        self._path.unlink(missing_ok=True)
        return ["--dir-cache-time=1m", "--rc", f"--rc-addr=unix://{self._path}"]

    @property
    def environment(self) -> dict[str, str]:
        """What rclone needs in its environment."""
        return {"RCLONE_RC_USER": self._user, "RCLONE_RC_PASS": self._password} if self._usable else {}

    async def forget(self) -> None:
        """Let rclone read the bucket again; raise OSError or EOFError if it cannot be told."""
        if not self._usable:
            return
        body = json.dumps({"file": f"{BUCKET}/any", "file2": BUCKET}).encode()
        login = b64encode(f"{self._user}:{self._password}".encode()).decode()
        head = (
            "POST /vfs/forget HTTP/1.1\r\nHost: rclone\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Authorization: Basic {login}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_unix_connection(self._path)
        try:
            writer.write(head.encode() + body)
            status = await reader.readuntil(b"\r\n")
        finally:
            writer.close()
        if b" 200 " not in status:
            raise OSError(f"rclone answers {status.decode(errors='replace').strip()}")
