"""Runs jobs in containers of this host. They go on without the executor, and the next one takes them up again."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Capabilities, Gpu, Software
from pollinator_magic.executors import thishost
from pollinator_magic.executors.container.commandline import (
    EXECUTOR_LABEL,
    INIT,
    Names,
    executor_name,
    job_label,
    list_words,
    process_of,
)
from pollinator_magic.executors.container.job import ContainerJob
from pollinator_magic.executors.container.record import JobFiles
from pollinator_magic.executors.container.roster import Roster, standings
from pollinator_magic.executors.container.runtime import Runtime, RuntimeTrouble, find_runtime
from pollinator_magic.executors.container.shares import Devices, Fetching
from pollinator_magic.executors.held import Held

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from pollinator_magic.executors.container.record import Record
    from pollinator_magic.executors.container.settings import ContainerSettings
    from pollinator_magic.executors.engine import Capacity, Task

_log = logging.getLogger(__name__)
_AGAIN_S = 10.0


class ContainerEngine:
    """An engine for podman or docker on this host. `fs_dir` is the directory that jobs see as their mount."""

    def __init__(self, settings: ContainerSettings, fs_dir: Path) -> None:
        self.settings = settings
        self.fs_dir = fs_dir.absolute()
        self.state_dir = self.fs_dir / ".executor" / "container"
        self.name = executor_name(self.fs_dir)
        self.runtime = Runtime(find_runtime(settings.runtime) or "podman")
        self.roster = self._new_roster()
        self.devices = Devices(settings.gpus)
        self.fetching = Fetching()
        self.user = "" if settings.user == "image" else settings.user
        self.jobs: Held[ContainerJob] = Held()
        self._closed = threading.Event()

    @property
    def durable(self) -> bool:
        """Yes: the runtime keeps the containers."""
        return True

    @property
    def queries(self) -> int:
        """How often the runtime was asked how containers stand (see `Counting`)."""
        return self.roster.queries

    @property
    def capacity(self) -> Capacity:
        """The processors and the memory of the host, unless less was given."""
        return thishost.capacity(self.settings.cpu_millis, self.settings.memory_bytes)

    @property
    def own_home(self) -> bool:
        """Whether jobs have a home directory of their own: that of the image may be nothing that they can write in."""
        return bool(self.user) or self.settings.read_only

    def describe(self) -> Capabilities:
        """Return what this host has; raise RuntimeTrouble if the runtime does not work."""
        count = len(self.settings.gpus)
        gpu = Gpu(name=self.settings.gpu_name, mem="0Mi", count=count, nodecount=count)
        hardware = thishost.hardware(self.capacity, self.fs_dir, gpu)
        software = Software(name=self.runtime.name, type="container", version=self.runtime.version())
        return Capabilities(hardware=[hardware], software=[software])

    def open(self) -> None:
        """Make ready, and remove containers that an earlier life was about to make when it was killed."""
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._closed.is_set():
            self._closed.clear()
            self.roster = self._new_roster()
        for process_id in self.leftovers():
            record = self.files(process_id).record
            if record:
                self.devices.claim(process_id, record.devices)
        try:
            if not self.settings.user and os.geteuid() != 0 and self.runtime.info().root_is_root:
                self.user = f"{os.geteuid()}:{os.getegid()}"
            self._remove_strays()
        except RuntimeTrouble as trouble:
            _log.warning("%s does not work: %s", self.runtime.program, trouble)

    def start(self, task: Task) -> ContainerJob:
        """Start a task; what is wrong with it shows as its outcome."""
        return self.jobs.take(ContainerJob(self, task))

    def leftovers(self) -> Collection[str]:
        """Return the processes whose files are there, and which nobody has taken up."""
        if not self.state_dir.is_dir():
            return ()
        taken = self.jobs.process_ids
        return sorted(path.name for path in self.state_dir.iterdir() if path.name not in taken)

    def resume(self, task: Task, position: str) -> ContainerJob | None:
        """Take up the job that was left for a process; None if nothing of it has run."""
        record = self.files(task.process_id).record
        return self.jobs.take(ContainerJob(self, task, record, position)) if record else None

    def discard(self, process_id: str) -> None:
        """End and remove what was left of a process's job; raise OSError if the runtime does not do it."""
        try:
            self.remove(process_id)
        except RuntimeTrouble as trouble:
            raise OSError(f"The job of process {process_id} cannot be removed: {trouble}") from trouble

    def close(self) -> None:
        """Leave the jobs to the runtime."""
        self._closed.set()
        self.jobs.leave()
        self.roster.close()

    # For jobs

    def files(self, process_id: str) -> JobFiles:
        """Return the files of a process's job."""
        return JobFiles(self.state_dir / process_id)

    def remove(self, process_id: str) -> None:
        """End and remove everything that belongs to a process's job; raise RuntimeTrouble or OSError."""
        files = self.files(process_id)
        record = files.record
        if record is None or not self._removed(self._containers(process_id, record)):
            self._remove_containers(job_label(self.name, process_id))
        if record and record.network:
            with suppress(RuntimeTrouble):  # it may never have been made
                self.runtime.ask("network", "rm", record.network)
        if record and record.own_image:
            with suppress(RuntimeTrouble):
                self.runtime.ask("image", "rm", "--force", record.own_image)
        self.devices.give_back(process_id)
        try:
            files.remove()
        except PermissionError:  # of another user inside, whom only the runtime knows
            self.runtime.ask("unshare", "rm", "-rf", str(files.directory))

    def remove_soon(self, process_id: str) -> None:
        """Do the same now, or as soon as the runtime works again."""
        try:
            self.remove(process_id)
        except (RuntimeTrouble, OSError) as trouble:
            _log.warning("What is left of process %r cannot be removed yet: %s", process_id, trouble)
            threading.Thread(
                target=self._remove_on, args=(process_id,), name=f"container-remove-{process_id[:8]}", daemon=True
            ).start()

    def _remove_on(self, process_id: str) -> None:
        while not self._closed.wait(_AGAIN_S):
            with suppress(RuntimeTrouble, OSError):
                self.remove(process_id)
                return

    def _removed(self, containers: Sequence[str]) -> bool:
        """Remove containers; return whether that is done, which it is not if some of them are not there."""
        try:
            self.runtime.ask("rm", "--force", "--volumes", *containers)
        except RuntimeTrouble:
            return False
        return True

    def _containers(self, process_id: str, record: Record) -> list[str]:
        """Return the names of the containers that a job should have."""
        names = Names(self.name, process_id, record.attempt)
        ranks = [*([INIT] if record.own_image else []), *range(record.ranks)]
        return [names.container(number) for number in ([INIT] if record.stage == "init" else ranks)]

    def _remove_containers(self, label: str) -> None:
        names = list(standings(self.runtime.ask(*list_words(label))))
        if names and not self._removed(names) and standings(self.runtime.ask(*list_words(label))):
            raise RuntimeTrouble(f"{self.runtime.program} does not remove containers.")

    def _remove_strays(self) -> None:
        """Remove containers that nothing is known of: the command that makes one may outlive its executor."""
        found = standings(self.runtime.ask(*list_words(f"{EXECUTOR_LABEL}={self.name}")))
        strays = {process_of(container, self.name) for container in found}
        for process_id in strays - {path.name for path in self.state_dir.iterdir()}:
            self._remove_containers(job_label(self.name, process_id))

    def _new_roster(self) -> Roster:
        return Roster(
            self.runtime, self.name, shortest_s=self.settings.query_s, longest_s=self.settings.longest_query_s
        )
