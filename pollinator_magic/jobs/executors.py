"""The executors of a colony as people choose between them: what each has, whether it lives, how much it has to do.

Completion, the picker and `%pollinator executors` all show what is described here. Everything that an executor says of
itself is text from outside: it is made one short printable line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import MAX_PROCESSES
from pollinator_magic.colonies.envelope import printable
from pollinator_magic.colonies.models import ExecutorState, Hardware, ProcessState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Executor, Process

QUIET_AFTER_S = 120.0
"""An executor that lives asks for work at least that often: ours every few seconds, or once a minute when they are
full; others hold one request open for up to 100 s."""
DROPPED_AFTER_S = 600.0
"""The server drops executors that it has not heard of for so long."""

_MILLICORES = re.compile(r"([0-9]{1,12})m")
_MEBIBYTES = re.compile(r"([0-9]{1,12})Mi")
_TEXT = 80


class Condition(Enum):
    """How an executor is; the value is the word that people read."""

    IDLE = "idle"
    BUSY = "busy"
    QUIET = "quiet"
    NEVER_HEARD = "never heard"
    ASLEEP = "on demand"
    """The embedded colony's, while that does not run: it starts when a job needs it."""
    PENDING = "pending"
    REJECTED = "rejected"
    GONE = "unregistered"
    UNKNOWN = "unknown"

    @property
    def alive(self) -> bool:
        """Whether a job for it may be expected to begin."""
        return self in {Condition.IDLE, Condition.BUSY, Condition.ASLEEP}


@dataclass(frozen=True)
class Work:
    """Numbers of processes. With `more` the server did not list them all, and the numbers are the least there are."""

    running: int = 0
    waiting: int = 0
    more_running: bool = False
    more_waiting: bool = False

    @property
    def running_text(self) -> str:
        """E.g. "3", or "3+"."""
        return f"{self.running}{'+' * self.more_running}"

    @property
    def waiting_text(self) -> str:
        """E.g. "3", or "100+"."""
        return f"{self.waiting}{'+' * self.more_waiting}"


@dataclass(frozen=True)
class ExecutorView:
    """One executor at one moment."""

    name: str
    """As the server has it: to be made printable wherever it is shown."""
    type: str = ""
    place: str = ""
    nodes: int = 0
    cpu: str = ""
    """E.g. "64 CPU", or nothing."""
    mem: str = ""
    """E.g. "256Gi", or nothing."""
    gpus: int = 0
    gpu_name: str = ""
    condition: Condition = Condition.UNKNOWN
    heard_s: float | None = None
    """Seconds since it last asked for work; None if it never has."""
    work: Work = Work()
    embedded: bool = False

    @property
    def gpu(self) -> str:
        """E.g. "4 x A100", or nothing."""
        return f"{self.gpus} x {self.gpu_name or 'GPU'}" if self.gpus else ""

    @property
    def hardware(self) -> str:
        """E.g. "4 nodes, 64 CPU, 256Gi, 4 x A100"; what it does not tell is left out."""
        nodes = f"{self.nodes} nodes" if self.nodes > 1 else ""
        return ", ".join(part for part in (nodes, self.cpu, self.mem, self.gpu) if part)

    @property
    def summary(self) -> str:
        """A few words that say whether it suits, e.g. "hpc · idle · 4 x A100"."""
        work = f"{self.work.waiting_text} waiting" if self.work.waiting else ""
        parts = (self.type, self.condition.value, self.gpu or self.cpu, work)
        return " · ".join(part for part in parts if part)

    @property
    def usable(self) -> bool:
        """Whether a job could name it: it is approved, and its name can be written in a line."""
        approved = self.condition not in {Condition.PENDING, Condition.REJECTED, Condition.GONE, Condition.UNKNOWN}
        return approved and self.name.isprintable() and 0 < len(self.name) <= 200


def survey(client: Colonies, *, now: datetime | None = None) -> list[ExecutorView]:
    """Ask a colony for its executors and their work: three requests, however many there are. Sorted by name."""
    return describe(
        client.executors(),
        running=client.processes(ProcessState.RUNNING),
        waiting=client.processes(ProcessState.WAITING),
        now=now,
    )


def describe(
    executors: Iterable[Executor],
    *,
    running: Sequence[Process],
    waiting: Sequence[Process],
    now: datetime | None = None,
) -> list[ExecutorView]:
    """Describe executors, and count which of these processes each of them runs or may take. Sorted by name."""
    moment = now or datetime.now(timezone.utc)
    views = [_describe(executor, running, waiting, moment) for executor in executors]
    return sorted(views, key=lambda view: view.name)


def _describe(
    executor: Executor, running: Sequence[Process], waiting: Sequence[Process], now: datetime
) -> ExecutorView:
    work = Work(
        running=sum(process.assignedexecutorid == executor.executorid for process in running),
        waiting=sum(may_take(executor, process) for process in waiting),
        more_running=len(running) >= MAX_PROCESSES,
        more_waiting=len(waiting) >= MAX_PROCESSES,
    )
    heard = executor.last_heard_at
    heard_s = None if heard is None else max((now - heard).total_seconds(), 0.0)
    hardware = executor.capabilities.hardware[0] if executor.capabilities.hardware else Hardware()
    return ExecutorView(
        name=executor.executorname,
        type=printable(executor.executortype, _TEXT),
        place=printable(executor.place, _TEXT),
        nodes=hardware.nodes,
        cpu=_cpu(hardware),
        mem=_mem(hardware.mem),
        gpus=hardware.gpu.count,
        gpu_name=printable(hardware.gpu.name, _TEXT),
        condition=_condition(executor.status, heard_s, work),
        heard_s=heard_s,
        work=work,
    )


def may_take(executor: Executor, process: Process) -> bool:
    """Whether the process is for this executor."""
    conditions = process.spec.conditions
    if conditions.executornames:
        return executor.executorname in conditions.executornames
    return conditions.executortype in {"", executor.executortype}


def _condition(status: ExecutorState, heard_s: float | None, work: Work) -> Condition:
    if status is not ExecutorState.APPROVED:
        return {
            ExecutorState.PENDING: Condition.PENDING,
            ExecutorState.REJECTED: Condition.REJECTED,
            ExecutorState.UNREGISTERED: Condition.GONE,
        }.get(status, Condition.UNKNOWN)
    if heard_s is None:
        return Condition.NEVER_HEARD
    # Some run one process at a time and do not ask for the next one meanwhile.
    if heard_s > (DROPPED_AFTER_S if work.running else QUIET_AFTER_S):
        return Condition.QUIET
    return Condition.BUSY if work.running else Condition.IDLE


def _cpu(hardware: Hardware) -> str:
    text = hardware.cpu.strip()
    if millicores := _MILLICORES.fullmatch(text):
        text = f"{int(millicores[1]) / 1000:g}"
    if text and text != "0":
        return f"{printable(text, _TEXT)} CPU"
    return f"{hardware.cores} cores" if hardware.cores else ""


def _mem(text: str) -> str:
    mebibytes = _MEBIBYTES.fullmatch(text.strip())
    if not mebibytes:
        return printable(text, _TEXT)
    amount = int(mebibytes[1])
    if amount == 0:
        return ""
    return f"{amount / 1024:.3g}Gi" if amount >= 1024 else f"{amount}Mi"
