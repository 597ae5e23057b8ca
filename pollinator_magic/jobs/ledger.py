"""Which cell of which notebook, or which project, submitted which process, so that a front end can lead back to it.

One file for the user, beside the embedded colony: a line of JSON for each process, the newest last. Kernels append to
it at the same time; lines that make no sense are passed over, and nothing that goes wrong disturbs a submission.

A kernel knows its notebook by the name that it had when the kernel was started. When it is renamed, a line says what
the notebook of that kernel is called by now; that holds for all its processes, also for those that come later.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from filelock import FileLock, Timeout

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.settings import home_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import BinaryIO

_log = logging.getLogger(__name__)

MOST = 5000
"""Processes that are remembered."""
LARGEST = 4 << 20
"""Bytes that the file may have; from there the oldest half is forgotten."""
_PATIENCE_S = 1
_OPENING = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)

_Text = Annotated[str, msgspec.Meta(max_length=4096)]


@dataclass(frozen=True)
class Origin:
    """Where a submission was made."""

    notebook: Path | None = None
    """None where the notebook cannot be told, and in a terminal."""
    cell: str = ""
    """The id of its cell, or nothing."""
    kernel: str = ""
    """The id of the kernel, by which its server knows what the notebook is called by now; or nothing."""


NOWHERE = Origin()
"""A terminal, or a program: only the project is known."""


@dataclass(frozen=True)
class Entry(Origin):
    """Where a process was submitted, and the project that it is of."""

    project: Path = Path()


class _Line(msgspec.Struct, omit_defaults=True):
    process: Annotated[str, msgspec.Meta(pattern="^[0-9a-zA-Z]{1,64}$")]
    project: _Text
    notebook: _Text = ""
    cell: _Text = ""
    kernel: _Text = ""


class _Name(msgspec.Struct, forbid_unknown_fields=True):
    """What the notebook of a kernel is called from now on."""

    kernel: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    notebook: Annotated[_Text, msgspec.Meta(min_length=1)]


prepare_reading(_Line, _Name)


class Ledger:
    """The file, by default the user's. Safe to use from several threads."""

    def __init__(self, directory: Path | None = None) -> None:
        self.file = (directory or home_directory()) / "ledger.jsonl"
        self._guard = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._entries: dict[str, Entry] = {}

    def note(self, processes: Iterable[str], project: Path, origin: Origin) -> None:
        """Remember where these processes were submitted, and forget the oldest. Never raises."""
        notebook = "" if origin.notebook is None else str(origin.notebook)
        self._write(_Line(process, str(project), notebook, origin.cell, origin.kernel) for process in processes)

    def rename(self, names: Mapping[str, Path]) -> None:
        """Remember what the notebooks of these kernels are called by now. Never raises."""
        self._write(_Name(kernel, str(notebook)) for kernel, notebook in names.items())

    def read(self) -> Mapping[str, Entry]:
        """Return what is known, by process id; the file is read again only if it has changed."""
        with self._guard:
            try:
                status = self.file.stat()
            except OSError:
                if self._seen is not None:
                    self._seen, self._entries = None, {}
                return self._entries
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen != self._seen:
                self._entries = _entries(self._lines())
                self._seen = seen
            return self._entries

    def _write(self, lines: Iterable[_Line | _Name]) -> None:
        try:
            self._append(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        except (OSError, Timeout, NotImplementedError, ValueError) as error:
            _log.info("It cannot be remembered which notebook has submitted a job: %s", error)

    def _append(self, lines: bytes) -> None:
        if not lines:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self.file.with_suffix(".lock"), timeout=_PATIENCE_S, mode=0o600):
            with os.fdopen(os.open(self.file, _OPENING, 0o600), "r+b", buffering=0) as file:
                # What was cut off when its writer was killed shall not take the next line with it.
                file.write(lines if _ends_a_line(file) else b"\n" + lines)
                size = file.tell()
            if size > LARGEST:
                write_atomically(self.file, _newest(self._lines(), LARGEST // 2), mode=0o600)

    def _lines(self) -> list[bytes]:
        """Return the last lines."""
        try:
            with self.file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LARGEST - (1 << 20)))
                return file.read().split(b"\n")[-MOST - 1 :]
        except OSError:
            return []


def _ends_a_line(file: BinaryIO) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _newest(lines: list[bytes], size: int) -> bytes:
    """Return the last lines, whole and of so many bytes at most."""
    kept: deque[bytes] = deque()
    for line in reversed(lines):
        size -= len(line) + 1
        if size < 0:
            break
        if line:
            kept.appendleft(line + b"\n")
    return b"".join(kept)


def _entries(lines: Iterable[bytes]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    names: dict[str, Path] = {}
    for text in lines:
        try:
            line = _read(text)
        except (ValueError, RecursionError):  # damaged, or of another version
            continue
        notebook = Path(line.notebook) if line.notebook else None
        if isinstance(line, _Line):
            entries[line.process] = Entry(notebook, line.cell, line.kernel, Path(line.project))
        elif notebook is not None:
            names[line.kernel] = notebook
    return {
        process: replace(entry, notebook=names[entry.kernel]) if entry.kernel in names else entry
        for process, entry in entries.items()
    }


def _read(text: bytes) -> _Line | _Name:
    try:
        return msgspec.json.decode(text, type=_Line)
    except msgspec.ValidationError:
        return msgspec.json.decode(text, type=_Name)
