"""Reads what the containers of a job write, from where it was read last, and merges it without tearing a line."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.executors import lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_READ_BYTES = 64 * 1024


@dataclass
class _Source:
    name: str
    path: Path
    offset: int
    unfinished: bytes = b""
    descriptor: int = -1


class JobLog:
    """The logs of several containers, by name; `offsets` is where each was read up to, as `position` has told it.

    One alone passes through as it is; of several, lines are kept whole and ended.
    """

    def __init__(self, paths: Mapping[str, Path], offsets: Mapping[str, int]) -> None:
        self._sources = [_Source(name, path, offsets.get(name, 0)) for name, path in paths.items()]
        self._several = len(self._sources) > 1

    @property
    def offsets(self) -> dict[str, int]:
        """Up to where each was returned."""
        return {source.name: source.offset - len(source.unfinished) for source in self._sources}

    def read(self) -> bytes:
        """Return some of what is new, possibly nothing."""
        pieces = []
        for source in self._sources:
            data = _new_bytes(source)
            source.offset += len(data)
            pieces.append(_whole_lines(source, data) if self._several and data else data)
        return b"".join(pieces)

    def rest(self) -> bytes:
        """Return what is new, and lines that nobody will finish; to be called until there is nothing."""
        data = self.read()
        while not data and any(_new_size(source) for source in self._sources):
            data = self.read()
        if data:
            return data
        pieces = [source.unfinished + b"\n" for source in self._sources if source.unfinished]
        for source in self._sources:
            source.unfinished = b""
        return b"".join(pieces)

    def close(self) -> None:
        """Read no more."""
        for source in self._sources:
            if source.descriptor >= 0:
                os.close(source.descriptor)
                source.descriptor = -1


def _new_bytes(source: _Source) -> bytes:
    if source.descriptor < 0:
        with suppress(FileNotFoundError):  # not begun, or removed
            source.descriptor = os.open(source.path, os.O_RDONLY | os.O_NOFOLLOW)
    return os.pread(source.descriptor, _READ_BYTES, source.offset) if source.descriptor >= 0 else b""


def _new_size(source: _Source) -> int:
    return max(0, os.fstat(source.descriptor).st_size - source.offset) if source.descriptor >= 0 else 0


def _whole_lines(source: _Source, data: bytes) -> bytes:
    """Return the finished lines, and keep the rest."""
    text = source.unfinished + data
    end = lines.finished(text)
    source.unfinished = text[end:]
    return text[:end]
