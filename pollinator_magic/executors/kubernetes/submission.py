"""Making a job of a cluster, exactly once, whatever answers are lost; and removing that one and no other.

A job has the name of its process, so that it is found again; an attempt and an id of its own, so that it is not taken
for one that another attempt or another executor has made for the same process.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pollinator_magic.executors.kubernetes import manifest, models
from pollinator_magic.executors.kubernetes.api import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.kubernetes.api import Api
    from pollinator_magic.executors.kubernetes.manifest import Place
    from pollinator_magic.executors.kubernetes.settings import KubernetesSettings

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_GONE_PAUSE_S = 0.3


class Submission:
    """Makes the job of `task`, as this `attempt` of it. Raises TaskRefused for a task that can be none.

    `say` is told, once, if it takes longer than it should.
    """

    def __init__(
        self,
        api: Api,
        task: Task,
        settings: KubernetesSettings,
        place: Place,
        *,
        attempt: str,
        say: Callable[[str], None],
    ) -> None:
        self._api = api
        self._task = task
        self._place = place
        self._say = say
        self._attempt = attempt
        self._name = manifest.job_name(task.process_id)
        self._wanted = manifest.job(task, settings, place, attempt)
        self.asked = False
        """Whether there may be a job, although nobody has said so."""

    def run(self) -> Generator[None, None, str]:
        """Make the job and return its id; yields while it has to wait. Raises Refused if that is not allowed."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                uid = yield from self._make()
                make_service(self._api, self._task, self._place, uid, self._attempt)
            except Unreachable as error:
                if pause_s == _FIRST_PAUSE_S:
                    self._say(f"{error} The job is submitted as soon as that is possible.")
                yield from _wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                return uid

    def remove(self) -> None:
        """Remove the job that may have been made; raise Unreachable or Refused if that cannot be done now."""
        there = _find(self._api, self._name)
        if there is not None and self._is_ours(there):
            remove_job(self._api, self._name, there.metadata.uid)

    def _make(self) -> Generator[None, None, str]:
        """Make the job; end what an earlier attempt of the same process has left."""
        waited = False
        while True:
            self.asked = True
            try:
                return self._api.create(models.Job, self._api.jobs(), self._wanted).metadata.uid
            except Refused as refusal:
                if refusal.status != 409:
                    raise
            there = _find(self._api, self._name)
            if there is not None and self._is_ours(there):
                return there.metadata.uid
            if there is not None and not there.metadata.deletion_timestamp:
                remove_job(self._api, self._name, there.metadata.uid, pods_first=True)
            if there is not None and not waited:
                self._say("Waiting until what an earlier attempt of this job has left is gone.")
                waited = True
            yield from _wait(_GONE_PAUSE_S)

    def _is_ours(self, job: models.Job) -> bool:
        return attempt_of(job) == self._attempt


def attempt_of(job: models.Job) -> str:
    """Return the attempt that a job is."""
    return (job.metadata.labels or {}).get(manifest.ATTEMPT_LABEL, "")


def make_service(api: Api, task: Task, place: Place, uid: str, attempt: str) -> None:
    """Make what the pods of a job over several nodes find each other by, if it is not there."""
    if task.nodes == 1:
        return
    try:
        api.create(dict[str, Any], api.core("services"), manifest.service(task, place, uid, attempt))
    except Refused as refusal:
        if refusal.status != 409:
            remove_job(api, manifest.job_name(task.process_id), uid)
            raise


def remove_job(api: Api, name: str, uid: str, *, pods_first: bool = False) -> None:
    """Have a job deleted with all that belongs to it; nothing happens to another one of its name.

    With `pods_first` it is there until its pods are gone.
    """
    policy = "Foreground" if pods_first else "Background"
    try:
        api.delete(api.jobs(name), propagationPolicy=policy, preconditions={"uid": uid})
    except Refused as refusal:
        if refusal.status != 409:
            raise


def _find(api: Api, name: str) -> models.Job | None:
    try:
        return api.get(models.Job, api.jobs(name))
    except Refused as refusal:
        if refusal.status == 404:
            return None
        raise


def _wait(pause_s: float) -> Generator[None, None, None]:
    until = time.monotonic() + pause_s
    while time.monotonic() < until:
        yield
