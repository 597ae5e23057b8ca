"""Reads what the ranks of a job write, and merges it without tearing a line."""

from __future__ import annotations

import os
import selectors
from dataclasses import dataclass

from pollinator_magic.executors import lines

_READ_BYTES = 64 * 1024


@dataclass
class _Source:
    unfinished: bytes = b""


class MergedOutput:
    """The reading ends of pipes. One alone passes through as it is; of several, lines are kept whole and ended."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._several = False

    def add(self, descriptor: int) -> None:
        """Read from this pipe too, and close it at its end."""
        self._several = self._several or bool(self._selector.get_map())
        self._selector.register(descriptor, selectors.EVENT_READ, _Source())

    @property
    def open(self) -> bool:
        """Whether anybody may still write."""
        return bool(self._selector.get_map())

    def read(self, timeout_s: float) -> bytes:
        """Return what can be read within the time, possibly nothing."""
        pieces = []
        for key, _ in self._selector.select(timeout_s):
            data = os.read(key.fd, _READ_BYTES)
            if not data:
                pieces.append(self._end(key))
            elif self._several:
                pieces.append(_whole_lines(key.data, data))
            else:
                pieces.append(data)
        return b"".join(pieces)

    def drain(self) -> bytes:
        """Return what is there now, and stop reading even if somebody may still write."""
        pieces = []
        while self.open and self._selector.select(0):
            pieces.append(self.read(0))
        return b"".join(pieces + [self._end(key) for key in list(self._selector.get_map().values())])

    def close(self) -> None:
        """Stop reading."""
        self.drain()
        self._selector.close()

    def _end(self, key: selectors.SelectorKey) -> bytes:
        self._selector.unregister(key.fd)
        os.close(key.fd)
        source: _Source = key.data
        rest, source.unfinished = source.unfinished, b""
        if not self.open:
            self._several = False
        return rest + b"\n" if rest else b""


def _whole_lines(source: _Source, data: bytes) -> bytes:
    """Return the finished lines, and keep the rest."""
    text = source.unfinished + data
    end = lines.finished(text)
    source.unfinished = text[end:]
    return text[:end]
