"""Waiting for what will come, for as long as a slow machine may need, and not a moment longer than it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.executors.engine import Outcome, Running

T = TypeVar("T")

WAIT_S = 60.0


def eventually(
    condition: Callable[[], T], *, within_s: float = WAIT_S, what: object = "it did not happen in time"
) -> T:
    """Return what the condition gives once that is true; fail with `what` after a while."""
    deadline = time.monotonic() + within_s
    while not (result := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return result


def read_to_the_end(job: Running, *, within_s: float = WAIT_S) -> tuple[str, Outcome]:
    """Read an engine's job to its end; return the log and the outcome."""
    pieces: list[bytes] = []
    deadline = time.monotonic() + within_s
    while (outcome := job.poll()) is None:
        assert time.monotonic() < deadline, b"".join(pieces)
        pieces.append(job.read(0.1))
    while data := job.read(0):
        pieces.append(data)
    return b"".join(pieces).decode(), outcome


def read_until(job: Running, text: str, *, within_s: float = WAIT_S) -> str:
    """Read an engine's job until it has written `text`; return everything read."""
    found, deadline = "", time.monotonic() + within_s
    while text not in found:
        assert time.monotonic() < deadline, found
        assert job.poll() is None, (found, job.poll())
        found += job.read(0.1).decode()
    return found
