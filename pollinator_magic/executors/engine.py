"""What the worker needs of an engine: a program that can be started, read, polled and stopped.

An engine knows hosts, queues or containers, and nothing of colonies, files on servers, or life cycles. The worker
never assumes that a job runs on this machine: a batch system or a cluster fits behind the same verbs, with `read`
remembering how far its log has been read and one question of the engine's answering `poll` for all its jobs.

Jobs of a `durable` engine go on without the worker: a batch system keeps them. The next worker finds them by the ids of
their processes (`leftovers`), takes up those that are still its own (`resume`), and has the others ended (`discard`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pollinator_magic.colonies.models import Allocations, Capabilities


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
    rebuild_image: bool = False
    """Whether the image shall be fetched anew although it is there."""
    nodes: int = 1
    processes_per_node: int = 1
    cpu_millis: int = 1000
    """Thousandths of a processor for each rank."""
    memory_bytes: int = 0
    """The limit for each node; 0 is none."""
    gpus: int = 0
    """Accelerators of each node."""
    gpu_name: str = ""
    """Which kind of accelerator, as the site calls it; empty for any."""
    walltime_s: int = 0
    """How long it may run, in seconds; 0 for as long as it likes. The worker cancels it in time; an engine whose jobs
    outlive the worker limits them too."""
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
    """What an engine can carry at the same time; None is no limit."""

    cpu_millis: int | None = None
    memory_bytes: int | None = None
    jobs: int | None = None
    """How many jobs it takes, whatever they need: those that a batch system queues itself count too."""


class Running(Protocol):
    """A job that was started. One thread at a time uses it; it makes progress while it is read and polled."""

    @property
    def position(self) -> str:
        """Up to where the log has been read, in the engine's own words: `resume` goes on there."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """What is known by now of where it runs, such as NODES; a key that is there neither changes nor goes."""

    def read(self, timeout_s: float) -> bytes:
        """Return what the job wrote since the last call, both streams in order; nothing at the latest after a while.

        Returns early when the job ends. After `poll` has given an outcome it returns the rest, and then nothing.
        """

    def poll(self) -> Outcome | None:
        """Return how the job ended, or None while any of it is running."""

    def cancel(self, *, grace_s: float) -> None:
        """Ask the job to end, and make it end if it has not after so long; returns at once, `poll` tells the rest."""

    def leave(self) -> None:
        """Give back what this worker holds of the job, which goes on if its engine is durable."""

    def close(self) -> None:
        """Give back everything that belongs to the job. One that is still running is killed."""


class Engine(Protocol):
    """Runs tasks."""

    @property
    def durable(self) -> bool:
        """Whether jobs go on when the worker is gone."""

    @property
    def capacity(self) -> Capacity:
        """How much can run side by side."""

    def describe(self) -> Capabilities:
        """Return the hardware and software that this engine offers."""

    def open(self) -> None:
        """Make ready; called once, before anything is started.

        What an earlier life left running is found (`leftovers`) if the engine is durable, and ended if it is not.
        """

    def start(self, task: Task) -> Running:
        """Start a task. What is wrong with it shows as its outcome."""

    def leftovers(self) -> Collection[str]:
        """Return the process ids of jobs that an earlier life has left, running or ended, and nobody has taken up."""

    def resume(self, task: Task, position: str) -> Running | None:
        """Take up the job that an earlier life has started for this process, or this one has left; None without one.

        Its log is read from `position` (empty: its beginning). Raises OSError while nobody can tell.
        """

    def discard(self, process_id: str) -> None:
        """End and remove what was left of a process's job; returns when it does not run any more.

        Raises OSError where that cannot be done now.
        """

    def close(self) -> None:
        """End what is still running if the engine is not durable, and give back what this worker holds."""


@runtime_checkable
class Accounting(Protocol):
    """What an engine has as well if it can tell what compute projects may use and have used."""

    def allocations(self) -> Allocations:
        """Return that as it is now, in hours; raise OSError or PollinatorError while nobody can tell."""


@runtime_checkable
class Counting(Protocol):
    """What an engine may have besides, for metrics."""

    @property
    def queries(self) -> int:
        """How often its batch system, cluster or runtime was asked how jobs stand."""
