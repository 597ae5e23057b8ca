"""What the worker needs of an engine: a program that can be started, read, polled and stopped.

An engine knows hosts, queues or containers, and nothing of colonies, files on servers, or life cycles. The worker
never assumes that a job runs on this machine: a batch system or a cluster fits behind the same five verbs, with `read`
remembering how far its log has been read and `poll` asking for all its jobs at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.colonies.models import Capabilities


@dataclass(frozen=True)
class Task:
    """What shall run, as the function specification says it. Paths in it are those that the job sees (`mount`)."""

    process_id: str
    command: str
    """Words for a shell; `args` follow them, each as one word whatever it contains."""
    args: tuple[str, ...]
    mount: str = "/cfs"
    """Where the job sees the directory in which the worker lays out files (which the engine was told as well)."""
    init_command: str = ""
    """Run once before the command, however many ranks there are; empty for none."""
    image: str = ""
    nodes: int = 1
    processes_per_node: int = 1
    cpu_millis: int = 1000
    """Thousandths of a processor for each rank."""
    memory_bytes: int = 0
    """The limit for each node; 0 is none."""
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def ranks(self) -> int:
        """How many copies of the command run together."""
        return self.nodes * self.processes_per_node


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `error` says in the user's words what went wrong, and is empty if nothing did."""

    error: str = ""


@dataclass(frozen=True)
class Capacity:
    """What an engine can carry at the same time."""

    cpu_millis: int
    memory_bytes: int


class Running(Protocol):
    """A job that was started. One thread at a time uses it; it makes progress while it is read and polled."""

    def read(self, timeout_s: float) -> bytes:
        """Return what the job wrote since the last call, both streams in order; nothing at the latest after a while.

        Returns early when the job ends. After `poll` has given an outcome it returns the rest, and then nothing.
        """

    def poll(self) -> Outcome | None:
        """Return how the job ended, or None while any of it is running."""

    def cancel(self, *, grace_s: float) -> None:
        """Ask the job to end, and make it end if it has not after so long; returns at once, `poll` tells the rest."""

    def close(self) -> None:
        """Give back everything that belongs to the job. One that is still running is killed."""


class Engine(Protocol):
    """Runs tasks."""

    @property
    def capacity(self) -> Capacity:
        """How much can run side by side."""

    def describe(self) -> Capabilities:
        """Return the hardware and software that this engine offers."""

    def open(self) -> None:
        """Make ready; called once, before anything is started. What an earlier life left running is ended."""

    def start(self, task: Task) -> Running:
        """Start a task. What is wrong with it shows as its outcome."""

    def close(self) -> None:
        """End everything that is still running."""
