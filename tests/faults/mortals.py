"""Processes that may be killed at any step of their lives: the test's side of `inside/nursery.py`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.settings import Connection

_ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """Starts lives, and hears of their ends."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._ended: dict[int, dict[str, Any]] = {}

    def begin(self, life: str, *, die_at: int = 0, **order: object) -> int:
        """Start a life that is killed at a step, 0 for none; return its process id."""
        stdin = self._process.stdin
        assert stdin
        stdin.write(json.dumps({"life": life, "die_at": die_at, **order}) + "\n")
        stdin.flush()
        while "began" not in (answer := self._read()):
            self._ended[answer["ended"]] = answer
        return answer["began"]

    def end(self, pid: int) -> dict[str, Any]:
        """Wait for the end of a life; return what it had to say, and `killed`."""
        while pid not in self._ended:
            answer = self._read()
            self._ended[answer["ended"]] = answer
        said = self._ended.pop(pid)
        status = said["status"]
        return {**said, "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL}

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the nursery has ended"
        return json.loads(line)


@contextmanager
def running_nursery() -> Iterator[Nursery]:
    """Have a nursery until the block ends."""
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(
        [sys.executable, str(_ROOT / "tests" / "faults" / "inside" / "nursery.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        yield Nursery(process)
        assert process.stdin
        process.stdin.close()


def way_to(connection: Connection, key: str | None = None) -> dict[str, object]:
    """Return what a life is told of the colony."""
    storage = connection.storage
    return {
        "port": connection.server.port,
        "colony": connection.colony,
        "key": key or connection.key.reveal(),
        "objects": str(storage.path) if storage is not None else "",
        "embedded": connection.embedded,
    }
