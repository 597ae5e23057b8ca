"""The directory of one attempt to run a process under Slurm: everything by which it is found and judged later.

It lies below `<state>/<process id>/<attempt>`, on the file system that the nodes share. An attempt has a directory of
its own so that a job which is still ending never writes into what a newer one is judged by. The directory appears
whole, before anything is submitted.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.executors.slurm.verdict import End, read_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_BYTES = 262_144
_NOISE_BYTES = 65_536
_WRITTEN_LATER = ("log", "noise", "started", "end")
"""What the node writes: there from the beginning, because network file systems remember for long what was not there,
while they look after a file that is opened again."""
_NEW = ".new-"
"""Begins the names of directories that are not whole yet, beside those of the processes."""


@dataclass(frozen=True)
class Started:
    """What the script of a job says when it begins."""

    job: str
    restarts: int
    nodes: str
    """Slurm's short form, such as n[1-4]."""
    home: str


class Attempt:
    """One attempt; nothing is read before it is asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def new(cls, parent: Path) -> Attempt:
        """Return one whose directory is not there yet (see `write`)."""
        return cls(parent / secrets.token_hex(4))

    @classmethod
    def all_of(cls, parent: Path) -> list[Attempt]:
        """Return those of a process, the newest last."""
        with suppress(FileNotFoundError):
            return [cls(path) for path in sorted(parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)]
        return []

    def write(self, files: Mapping[str, bytes]) -> None:
        """Make the directory with these files, all at once; raise OSError."""
        parent = self.directory.parent
        new = parent.parent / f"{_NEW}{self.directory.name}"
        new.mkdir(mode=0o700)
        for name in ("directory", "home"):
            (new / name).mkdir(mode=0o700)
        for name, content in {**dict.fromkeys(_WRITTEN_LATER, b""), **files}.items():
            (new / name).write_bytes(content)
        parent.mkdir(mode=0o700, exist_ok=True)
        try:
            new.rename(self.directory)
        except FileNotFoundError:  # what was left of an earlier attempt has just been removed, with the parent
            parent.mkdir(mode=0o700, exist_ok=True)
            new.rename(self.directory)

    def remove(self) -> None:
        """Remove it, and the process's directory with the last one."""
        shutil.rmtree(self.directory, ignore_errors=True)
        with suppress(OSError):
            self.directory.parent.rmdir()

    def lock(self) -> int | None:
        """Return a locked file descriptor; None while somebody else has it: an sbatch that is still running.

        Where the file system has no locks everybody gets one.
        """
        descriptor = os.open(self.directory / "submitting", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            pass
        return descriptor

    @property
    def job(self) -> str:
        """The number that Slurm has given to the job; empty if that is not known from here."""
        number = self._text("job").strip().partition(";")[0]  # a name of the cluster may follow
        if number.isdigit():
            return number
        started = self.started
        return started.job if started else ""

    @property
    def started(self) -> Started | None:
        """What the script has said at its beginning; None before."""
        words = self._text("started").split("\0")
        if len(words) != 5 or not words[0].isdigit():
            return None
        return Started(words[0], int(words[1]) if words[1].isdigit() else 0, words[2], words[3])

    @property
    def end(self) -> End | None:
        """What the script has said at its end; None before, or if it could not."""
        return read_end(self._text("end"))

    @property
    def noise(self) -> str:
        """What Slurm and shells have printed beside the job."""
        return self._text("noise")

    def log(self, position: int) -> bytes:
        """Return some of what the job has printed from a position on.

        The file is opened each time: a network file system looks for what is new only then.
        """
        try:
            with (self.directory / "log").open("rb") as file:
                file.seek(position)
                return file.read(_MOST_BYTES)
        except FileNotFoundError:
            return b""

    def _text(self, name: str) -> str:
        try:
            with (self.directory / name).open("rb") as file:
                return file.read(_NOISE_BYTES).decode(errors="surrogateescape")
        except FileNotFoundError:
            return ""


def processes(state: Path) -> list[str]:
    """Return the processes that have attempts below a directory."""
    if not state.is_dir():
        return []
    return sorted(path.name for path in state.iterdir() if path.is_dir() and not path.name.startswith("."))


def remove_half_made(state: Path) -> None:
    """Remove what somebody was making who was killed."""
    for directory in state.glob(f"{_NEW}*"):
        shutil.rmtree(directory, ignore_errors=True)
