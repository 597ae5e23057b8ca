"""Writes into the job's log, in the order in which things happen.

Rich outputs go to the file descriptor behind stdout, wherever `sys.stdout` leads: as in a notebook, where redirecting
printed text does not redirect pictures. What has been printed before is flushed first. If the program has given that
descriptor to something else (a file, a daemon's /dev/null), it gets nothing that it did not ask for.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

_ATOMIC = 4096
"""PIPE_BUF of Linux: a pipe does not mix what is written with so few bytes with what others write."""


class Stream:
    """Standard output or standard error as it was when the job started."""

    def __init__(self, name: str, descriptor: int) -> None:
        self._name = name
        self._descriptor = descriptor
        self._original: TextIO | None = getattr(sys, name)
        self._file = _identity(descriptor) if self._original is not None else None
        self._encoding = getattr(self._original, "encoding", None) or "utf-8"

    @property
    def is_log(self) -> bool:
        """Whether the descriptor still leads where it did."""
        return self._file is not None and _identity(self._descriptor) == self._file

    @property
    def is_redirected(self) -> bool:
        """Whether what is printed goes elsewhere."""
        return getattr(sys, self._name, None) is not self._original or not self.is_log

    def write(self, text: str) -> bool:
        """Write to the log after everything that was printed; return whether it has been written."""
        flush()
        try:
            for piece in _pieces(text.encode(self._encoding, "backslashreplace")):
                _write(self._descriptor, piece)
        except (OSError, LookupError):
            return False
        return True

    def print(self, text: str) -> bool:
        """Write as `print` does, to wherever that goes; return whether it could be written."""
        stream: Any = getattr(sys, self._name, None)
        if stream is self._original:
            # Not through its buffer: what cannot be written would stay there, and change the exit status at the end.
            return self.is_log and self.write(text)
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        except Exception:  # noqa: BLE001  the program's own stream may raise anything
            return False
        return True


def flush() -> None:
    """Let what was printed go before what comes now."""
    for stream in (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__):
        try:
            stream.flush()  # type: ignore[union-attr]  # AttributeError is among what may come
        except Exception:  # noqa: BLE001, S112  a closed one has nothing to flush
            continue


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _pieces(text: bytes) -> list[bytes]:
    """Cut behind and before control sequences, so that none of ours is in two pieces; other text behind lines."""
    pieces: list[bytes] = []
    rest = b""
    for part in text.split(b"\x07"):
        rest += part + b"\x07"
        while len(rest) > _ATOMIC:
            end = rest.rfind(b"\n", 0, _ATOMIC) + 1 or max(rest.rfind(b"\x1b", 1, _ATOMIC), 0) or _ATOMIC
            pieces.append(rest[:end])
            rest = rest[end:]
        pieces.append(rest)
        rest = b""
    pieces[-1] = pieces[-1][:-1]
    return [piece for piece in pieces if piece]


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            import select

            select.select([], [descriptor], [])
