"""Runs jobs as processes of this host: ranks side by side, limits enforced, nothing left behind."""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Capabilities, Software
from pollinator_magic.executors import thishost
from pollinator_magic.executors.guardian import Guardian
from pollinator_magic.executors.held import Held
from pollinator_magic.executors.leftovers import Leftovers
from pollinator_magic.executors.process.job import ProcessJob
from pollinator_magic.executors.process.pythons import Pythons

if TYPE_CHECKING:
    from collections.abc import Collection

    from pollinator_magic.executors.engine import Capacity, Task

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
        self.capacity: Capacity = thishost.capacity(cpu_millis, memory_bytes)
        """The processors and the memory of the host, unless less was given."""
        self.jobs: Held[ProcessJob] = Held()
        self._alias: Path | None = None

    @property
    def durable(self) -> bool:
        """No: jobs are children of this process."""
        return False

    @property
    def root(self) -> str:
        """`fs_dir` as jobs are told it: a path that needs no quoting in shells."""
        return str(self._alias or self.fs_dir)

    def describe(self) -> Capabilities:
        """Return what this host has."""
        hardware = thishost.hardware(self.capacity, self.fs_dir)
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

    def start(self, task: Task) -> ProcessJob:
        """Start a task; what is wrong with it shows as its outcome."""
        return self.jobs.take(ProcessJob(self, task))

    def leftovers(self) -> Collection[str]:
        """Return nothing: `open` has ended what was left."""
        return ()

    def resume(self, task: Task, position: str) -> None:
        """Return nothing to take up."""

    def discard(self, process_id: str) -> None:
        """Do nothing: nothing is left."""

    def close(self) -> None:
        """Kill what is still running, and end the guardian."""
        self.jobs.leave()  # none of them goes on alone
        self.guardian.close()
        if self._alias:
            with suppress(OSError):
                self._alias.unlink()
                self._alias.parent.rmdir()
            self._alias = None
