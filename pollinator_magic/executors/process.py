"""Runs jobs as processes of this host: ranks side by side, limits enforced, nothing left behind."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psutil
from msgspec import Meta

from pollinator_magic.colonies.models import Capabilities, Gpu, Hardware, Software
from pollinator_magic.executors.engine import Capacity
from pollinator_magic.executors.guardian import Guardian
from pollinator_magic.executors.hostjob import HostJob
from pollinator_magic.executors.kinds import EngineKind, Finding, Settings
from pollinator_magic.executors.leftovers import Leftovers
from pollinator_magic.executors.pythons import Pythons
from pollinator_magic.project.units import parse_cpu, parse_mem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pollinator_magic.executors.engine import Task

_MEBIBYTE = 1024 * 1024
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+@%:,=-]+")


class ProcessEngine:
    """An engine for this host. `fs_dir` is the directory that jobs see as `/cfs`, the same as the worker's.

    With `trust_python`, a job may name the interpreter that `python3` shall mean (`POLLINATOR_PYTHON` in its
    environment): for a colony whose jobs all come from the user that this process belongs to. `grace_s` is how long
    the other ranks of a job may take to end when one has failed.
    """

    def __init__(
        self,
        fs_dir: Path,
        *,
        cpu_millis: int | None = None,
        memory_bytes: int | None = None,
        trust_python: bool = False,
        grace_s: float = 5.0,
    ) -> None:
        self.fs_dir = fs_dir.absolute()
        self.trust_python = trust_python
        self.grace_s = grace_s
        self.guardian = Guardian()
        self.state_dir = self.fs_dir / ".executor"
        self.noted = Leftovers(self.state_dir / "jobs")
        self.pythons = Pythons(self.state_dir / "pythons")
        self.cpu_millis = cpu_millis if cpu_millis is not None else (os.cpu_count() or 1) * 1000
        self.memory_bytes = memory_bytes if memory_bytes is not None else psutil.virtual_memory().total
        self._alias: Path | None = None
        self._jobs: set[HostJob] = set()
        self._lock = threading.Lock()

    @property
    def durable(self) -> bool:
        """No: jobs are children of this process."""
        return False

    @property
    def capacity(self) -> Capacity:
        """The processors and the memory of the host, unless less was given."""
        return Capacity(self.cpu_millis, self.memory_bytes)

    @property
    def root(self) -> str:
        """`fs_dir` as jobs are told it: a path that needs no quoting in shells."""
        return str(self._alias or self.fs_dir)

    def describe(self) -> Capabilities:
        """Return what this host has."""
        hardware = Hardware(
            model=platform.processor() or platform.machine(),
            nodes=1,
            cpu=f"{self.cpu_millis}m",
            cores=os.cpu_count() or 1,
            mem=f"{self.memory_bytes // _MEBIBYTE}Mi",
            storage=f"{shutil.disk_usage(self.fs_dir).total // _MEBIBYTE}Mi",
            gpu=Gpu(mem="0Mi"),
            platform=platform.system().lower(),
            architecture=platform.machine(),
        )
        software = Software(name=platform.system(), type="process", version=platform.release())
        return Capabilities(hardware=[hardware], software=[software])

    def open(self) -> None:
        """Make ready, and kill what jobs of an earlier worker have left running on this host."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.noted.sweep()
        shutil.rmtree(self.state_dir / "work", ignore_errors=True)
        self.pythons.prune()
        self.guardian.start()
        if not _PLAIN_PATH.fullmatch(str(self.fs_dir)):
            # mkdtemp: nobody else can put another link there
            self._alias = Path(tempfile.mkdtemp(prefix="cfs-")) / "cfs"
            self._alias.symlink_to(self.fs_dir)

    def start(self, task: Task) -> HostJob:
        """Start a task; what is wrong with it shows as its outcome."""
        job = HostJob(self, task, self._forget)
        with self._lock:
            self._jobs.add(job)
        return job

    def leftovers(self) -> Collection[str]:
        """Return nothing: `open` has ended what was left."""
        return ()

    def resume(self, task: Task, position: str) -> None:
        """Return nothing to take up."""

    def discard(self, process_id: str) -> None:
        """Do nothing: nothing is left."""

    def close(self) -> None:
        """Kill what is still running, and end the guardian."""
        with self._lock:
            jobs = list(self._jobs)
        for job in jobs:
            job.close()
        self.guardian.close()
        if self._alias:
            with suppress(OSError):
                self._alias.unlink()
                self._alias.parent.rmdir()
            self._alias = None

    def _forget(self, job: HostJob) -> None:
        with self._lock:
            self._jobs.discard(job)


class ProcessSettings(Settings, frozen=True):
    """What a site sets for this host."""

    cpu: Annotated[
        str, Meta(description="Processors for all jobs together: cores, or thousandths as in 4000m; empty for all.")
    ] = ""
    memory: Annotated[str, Meta(description="Memory for all jobs together, such as 16Gi; empty for all of it.")] = ""
    grace_s: Annotated[
        float,
        Meta(ge=0, description="Seconds in which the other ranks of a job may end by themselves when one has failed."),
    ] = 5.0

    def __post_init__(self) -> None:
        """Refuse amounts that are none."""
        for name, amount, read in (("cpu", self.cpu, parse_cpu), ("memory", self.memory, parse_mem)):
            try:
                _ = amount and read(amount)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

    @property
    def cpu_millis(self) -> int | None:
        """Thousandths of a processor; None for all there are."""
        return int(parse_cpu(self.cpu)[:-1]) if self.cpu else None

    @property
    def memory_bytes(self) -> int | None:
        """The memory for all jobs; None for all there is."""
        return int(parse_mem(self.memory)[:-2]) * _MEBIBYTE if self.memory else None


def _make(settings: ProcessSettings, fs_dir: Path) -> ProcessEngine:
    return ProcessEngine(
        fs_dir, cpu_millis=settings.cpu_millis, memory_bytes=settings.memory_bytes, grace_s=settings.grace_s
    )


def _check(settings: ProcessSettings, fs_dir: Path) -> Iterator[Finding]:
    if os.name != "posix":
        yield Finding("this is not a POSIX system", good=False, remedy="Use Linux or macOS.")
        return
    engine = _make(settings, fs_dir)
    yield Finding(f"{engine.cpu_millis / 1000:g} processors, {engine.memory_bytes // _MEBIBYTE} MiB of memory for jobs")
    cores, memory = (os.cpu_count() or 1) * 1000, psutil.virtual_memory().total
    if engine.cpu_millis > cores or engine.memory_bytes > memory:
        yield Finding(
            f"that is more than this host has: {cores // 1000} processors and {memory // _MEBIBYTE} MiB",
            good=False,
            remedy="Lower cpu or memory in [process], or jobs will slow each other down.",
            fatal=False,
        )
    python = shutil.which("python3") or "python3"
    if not _works(python, "-c", "import ensurepip, venv"):
        yield Finding(
            f"{python} cannot make virtual environments, which jobs with an init-cmd run in",
            good=False,
            remedy="Install what is missing: on Debian and Ubuntu, python3-venv.",
            fatal=False,
        )
    if os.geteuid() == 0:
        yield Finding(
            "jobs would run as root, without isolation",
            good=False,
            remedy="Start the executor as a user of its own.",
            fatal=False,
        )


def _works(*command: str) -> bool:
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


KIND = EngineKind(
    name="process",
    summary="Jobs run directly on this host, as the executor's user, without isolation.",
    settings=ProcessSettings,
    make=_make,
    check=_check,
)
