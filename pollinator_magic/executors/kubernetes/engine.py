"""Runs jobs on a Kubernetes cluster.

The cluster keeps them: nothing needs to be written down here. A job has the name of its process and carries a mark of
this executor's directory, so that the next worker finds what this one has left, and none of another executor's.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.engine import Capacity
from pollinator_magic.executors.held import Held
from pollinator_magic.executors.kubernetes import hardware, manifest, models
from pollinator_magic.executors.kubernetes.api import Refused, Unreachable, connect
from pollinator_magic.executors.kubernetes.job import KubernetesJob
from pollinator_magic.executors.kubernetes.manifest import Identity, Place
from pollinator_magic.executors.kubernetes.submission import attempt_of, make_service, remove_job
from pollinator_magic.executors.kubernetes.watcher import Watcher
from pollinator_magic.executors.specs import STATE_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from pollinator_magic.colonies.models import Capabilities
    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.kubernetes.api import Api
    from pollinator_magic.executors.kubernetes.settings import KubernetesSettings

_log = logging.getLogger(__name__)
_ORDINARY_USER = 1000
_GONE_PAUSE_S = 0.5
_GONE_PATIENCE_S = 60.0


class KubernetesEngine:
    """An engine for the cluster of `settings`; `fs_dir` is what jobs see as `/cfs`, by the claim of the settings."""

    def __init__(self, settings: KubernetesSettings, fs_dir: Path) -> None:
        self.settings = settings
        self.fs_dir = fs_dir.absolute()
        self.place: Place
        self.watcher: Watcher
        self._api: Api | None = None
        self._nodes: Sequence[models.Node] | None = None
        self.jobs: Held[KubernetesJob] = Held()

    @property
    def api(self) -> Api:
        """The cluster; raises ConfigurationError where the configuration names none."""
        if self._api is None:
            self._api = connect(self.settings)
        return self._api

    @property
    def durable(self) -> bool:
        """Yes: jobs are the cluster's."""
        return True

    @property
    def queries(self) -> int:
        """How often the cluster was asked how jobs stand (see `Counting`); it is not before `open`."""
        return self.watcher.queries if hasattr(self, "watcher") else 0

    @property
    def capacity(self) -> Capacity:
        """What was set, or else what the nodes have; no limit where nobody may know."""
        cpu_millis, memory_bytes = self.settings.cpu_millis, self.settings.memory_bytes
        if cpu_millis is None or memory_bytes is None:
            total = hardware.capacity(self._known_nodes())
            cpu_millis = total.cpu_millis if cpu_millis is None else cpu_millis
            memory_bytes = total.memory_bytes if memory_bytes is None else memory_bytes
        return Capacity(cpu_millis, memory_bytes)

    def describe(self) -> Capabilities:
        """Return what the nodes have, where this account may list them; else what was set."""
        before, self._nodes = self._nodes, None
        found = self._known_nodes() or before or ()
        return hardware.describe(found, self.settings)

    def open(self) -> None:
        """Make ready; raise ConfigurationError if the cluster does not answer, or does not let jobs be listed."""
        user = self.settings.user or os.geteuid() or _ORDINARY_USER
        group = self.settings.group or os.getegid() or _ORDINARY_USER
        self.place = Place(self.api.namespace, self._instance(), Identity(user, group))
        try:
            there = {manifest.job_name(process_id) for process_id in self.leftovers()}
        except (Unreachable, Refused) as error:
            raise ConfigurationError(f"The Kubernetes engine cannot start. {error}") from error
        for directory in (self.fs_dir / manifest.SHARED_DIRECTORY).glob("*"):
            if not any(directory.name.startswith(name) for name in there):
                shutil.rmtree(directory, ignore_errors=True)
        shortest_s, longest_s = self.settings.query_s, self.settings.longest_query_s
        self.watcher = Watcher(self.api, self.place.instance, shortest_s=shortest_s, longest_s=longest_s)
        self.watcher.start()

    def start(self, task: Task) -> KubernetesJob:
        """Start a task; what is wrong with it shows as its outcome."""
        return self.jobs.take(KubernetesJob(self, task, attempt=secrets.token_hex(8)))

    def leftovers(self) -> Collection[str]:
        """Return the processes whose jobs are on the cluster, and not in the hands of this worker."""
        selector = f"{manifest.INSTANCE_LABEL}={self.place.instance}"
        found = self.api.list(models.JobList, self.api.jobs(), labelSelector=selector).items or ()
        annotations = [job.metadata.annotations or {} for job in found]
        return {one.get(manifest.PROCESS_ANNOTATION, "") for one in annotations} - self.jobs.process_ids - {""}

    def resume(self, task: Task, position: str) -> KubernetesJob | None:
        """Take up the job of this process, if there is one that this executor has made."""
        there = self._find(task.process_id)
        if there is None:
            return None
        uid, attempt = there.metadata.uid, attempt_of(there)
        make_service(self.api, task, self.place, uid, attempt)  # whoever made the job may have been killed then
        return self.jobs.take(KubernetesJob(self, task, attempt=attempt, uid=uid, position=position))

    def discard(self, process_id: str) -> None:
        """Delete the job of this process, and return when its pods are gone."""
        until = time.monotonic() + self.settings.grace_s + _GONE_PATIENCE_S
        name = manifest.job_name(process_id)
        while (there := self._find(process_id)) is not None:
            if not there.metadata.deletion_timestamp:
                remove_job(self.api, name, there.metadata.uid, pods_first=True)
            if time.monotonic() > until:
                raise Unreachable(f"The pods of the job {name} do not end; their node may be lost.")
            time.sleep(_GONE_PAUSE_S)
        self._remove_shared_directories(name)

    def close(self) -> None:
        """Leave the jobs to the cluster, and give back the connections."""
        self.jobs.leave()
        if hasattr(self, "watcher"):
            self.watcher.close()
        if self._api is not None:
            self._api.close()

    def make_shared_directory(self, task: Task, attempt: str) -> None:
        """Make what the pods of a job share apart from its files, if they need to; raise OSError if not."""
        directory = manifest.shared_directory(task, attempt)
        if directory is not None:
            self._remove_shared_directories(manifest.job_name(task.process_id))  # those of earlier attempts
            place = self.fs_dir / directory
            place.mkdir(mode=0o700, parents=True)
            if os.geteuid() == 0:
                os.chown(place, self.place.identity.user, self.place.identity.group)

    def remove_shared_directory(self, task: Task, attempt: str) -> None:
        """Remove it again, and none of another attempt."""
        directory = manifest.shared_directory(task, attempt)
        if directory is not None:
            shutil.rmtree(self.fs_dir / directory, ignore_errors=True)

    def _remove_shared_directories(self, name: str) -> None:
        for directory in (self.fs_dir / manifest.SHARED_DIRECTORY).glob(f"{name}*"):
            shutil.rmtree(directory, ignore_errors=True)

    def _find(self, process_id: str) -> models.Job | None:
        """Return the job of a process that this executor has made."""
        try:
            there = self.api.get(models.Job, self.api.jobs(manifest.job_name(process_id)))
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise
        ours = (there.metadata.labels or {}).get(manifest.INSTANCE_LABEL) == self.place.instance
        return there if ours else None

    def _known_nodes(self) -> Sequence[models.Node]:
        if self._nodes is None:
            try:
                found = self.api.list(models.NodeList, "/api/v1/nodes").items or []
            except (Unreachable, Refused) as error:
                _log.info("The nodes of the cluster cannot be listed: %s", error)
                return ()
            self._nodes = hardware.usable(found, self.settings)
        return self._nodes

    def _instance(self) -> str:
        """Return the id of the executor's directory, which is made when it is first used."""
        file = self.fs_dir / STATE_DIRECTORY / "kubernetes" / "instance"
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(file, secrets.token_hex(8).encode(), mode=0o600)
        return file.read_text(encoding="ascii").strip()
