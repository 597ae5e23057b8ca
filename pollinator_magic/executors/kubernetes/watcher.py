"""Asks the cluster for all jobs of an executor at once: a list of pods each interval, nothing while there is no job.

The list of jobs is asked for only where their pods do not tell enough, and what went wrong only where a job does not
start. Intervals grow while nothing changes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pollinator_magic.executors.kubernetes import models
from pollinator_magic.executors.kubernetes.api import Refused, Unreachable
from pollinator_magic.executors.kubernetes.manifest import INSTANCE_LABEL, JOB_LABEL
from pollinator_magic.executors.kubernetes.states import has_begun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pollinator_magic.executors.kubernetes.api import Api

_log = logging.getLogger(__name__)
_GROWTH = 1.4
_HURRY_S = 0.3
_HURRIES = 6
_EVENTS_S = 5.0


@dataclass(frozen=True)
class View:
    """What was seen of one job."""

    asked_at: float
    """When the questions were asked (`time.monotonic`): what was made later need not be in it."""
    job: models.Job | None
    """None if it is not there; an empty one if nobody has asked, because its pods are there."""
    pods: Sequence[models.Pod] = ()
    events: Sequence[models.Event] = ()


@dataclass
class _Followed:
    uid: str
    nodes: int
    view: View | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def unbegun(self) -> bool:
        """Whether a pod is missing, or does not run for no known reason."""
        pods = self.view.pods if self.view else ()
        return len(pods) < self.nodes or not all(map(has_begun, pods))


class Watcher:
    """Follows jobs by their names, in one thread. Everything may be called from any thread.

    It asks every `shortest_s` while something changes, and more and more seldom up to `longest_s` while nothing does.
    """

    def __init__(self, api: Api, instance: str, *, shortest_s: float, longest_s: float) -> None:
        self._api = api
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self._selector = f"{INSTANCE_LABEL}={instance}"
        self._changed = threading.Condition()
        self._followed: dict[str, _Followed] = {}
        self._to_remove: dict[str, Callable[[], None]] = {}
        self._hurries = 0
        self._interval_s = shortest_s
        self._again = False
        self._closed = False
        self._seen: object = None
        self.queries = 0
        """How often the cluster was asked how jobs stand."""
        self._events: list[models.Event] = []
        self._events_at = float("-inf")
        self._silent = False
        self._thread = threading.Thread(target=self._run, name="kubernetes", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def follow(self, name: str, uid: str, nodes: int) -> None:
        """Look at a job from now on."""
        with self._changed:
            self._followed[name] = _Followed(uid, nodes)
            self._hurry(1)

    def forget(self, name: str) -> None:
        """Look at a job no more."""
        with self._changed:
            self._followed.pop(name, None)

    def view(self, name: str) -> View | None:
        """Return what was seen last of a job that is followed; None before that."""
        with self._changed:
            followed = self._followed.get(name)
            return followed.view if followed else None

    def hurry(self) -> None:
        """Ask soon, and a few times: something has changed that the API will know in a moment."""
        with self._changed:
            self._hurry(_HURRIES)

    def remove_later(self, name: str, remove: Callable[[], None]) -> None:
        """Have a job of this name removed as soon as that is possible."""
        with self._changed:
            self._to_remove[name] = remove
            self._hurry(1)

    def close(self) -> None:
        """End the thread, after the request that is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _hurry(self, times: int) -> None:
        self._hurries = max(self._hurries, times)
        self._interval_s = self._shortest_s
        self._again = True
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._followed or self._to_remove)
                if self._closed:
                    return
                self._again = False
            changed = self._round()
            with self._changed:
                self._pause(changed=changed)

    def _pause(self, *, changed: bool) -> None:
        """Wait until it is time to ask again; however many hurry, not at once."""
        asked_at = time.monotonic()
        if self._hurries:
            self._hurries -= 1
            pause_s = _HURRY_S
        else:
            self._interval_s = self._shortest_s if changed else min(self._interval_s * _GROWTH, self._longest_s)
            pause_s = self._interval_s
        self._changed.wait_for(lambda: self._closed or self._again, pause_s)
        self._changed.wait_for(lambda: self._closed, max(0.0, asked_at + _HURRY_S - time.monotonic()))

    def _round(self) -> bool:
        """Ask once; return whether anything is new."""
        try:
            self._remove()
            changed = self._look()
        except (Unreachable, Refused) as error:
            if not self._silent:
                _log.warning("%s Jobs go on; it is asked again.", error)
            self._silent = True
            return False
        if self._silent:
            _log.info("The Kubernetes API answers again.")
        self._silent = False
        return changed

    def _look(self) -> bool:
        asked_at = time.monotonic()
        with self._changed:
            if not self._followed:
                return False
        self.queries += 1
        listed = self._api.list(models.PodList, self._api.core("pods"), labelSelector=self._selector)
        pods: defaultdict[str, list[models.Pod]] = defaultdict(list)
        for pod in listed.items or ():
            pods[(pod.metadata.labels or {}).get(JOB_LABEL, "")].append(pod)
        with self._changed:
            followed = dict(self._followed)
        mine = {name: _of_job(pods[name], one.uid) for name, one in followed.items()}
        jobs = None
        if any(_needs_its_job(mine[name], one.nodes) for name, one in followed.items()):
            found = self._api.list(models.JobList, self._api.jobs(), labelSelector=self._selector)
            jobs = {job.metadata.uid: job for job in found.items or ()}
        events = self._warnings(asked_at, followed)
        with self._changed:
            for name, one in followed.items():
                job = models.Job() if jobs is None else jobs.get(one.uid)
                uids = {one.uid, *(pod.metadata.uid for pod in mine[name])}
                about = [event for event in events if event.involved_object.uid in uids]
                one.view = View(asked_at, job, mine[name], about)
        seen = sorted((pod.metadata.uid, pod.metadata.resource_version) for pod in listed.items or ())
        jobs_seen = sorted((job.metadata.uid, job.metadata.resource_version) for job in (jobs or {}).values())
        before, self._seen = self._seen, (seen, jobs_seen)
        return before != self._seen

    def _warnings(self, now: float, followed: dict[str, _Followed]) -> Sequence[models.Event]:
        """Return what the cluster warns of, looked at now and then while a job does not start."""
        if not any(one.unbegun and now > one.since + _EVENTS_S for one in followed.values()):
            return ()
        if now > self._events_at + _EVENTS_S:
            self._events_at = now
            try:
                found = self._api.list(models.EventList, self._api.core("events"), fieldSelector="type=Warning")
            except Refused as refusal:
                _log.debug("Events cannot be read: %s", refusal)
                self._events_at = float("inf")
            else:
                self._events = found.items or []
        return self._events

    def _remove(self) -> None:
        with self._changed:
            removals = dict(self._to_remove)
        for name, remove in removals.items():
            remove()
            with self._changed:
                if self._to_remove.get(name) is remove:
                    del self._to_remove[name]


def _needs_its_job(pods: Sequence[models.Pod], nodes: int) -> bool:
    """Whether the pods alone do not tell how a job stands: some are missing, or somebody has deleted one."""
    return len(pods) < nodes or any(pod.metadata.deletion_timestamp for pod in pods)


def _of_job(pods: Sequence[models.Pod], uid: str) -> list[models.Pod]:
    """Leave out the pods of an earlier job of the same name."""
    return [pod for pod in pods if any(owner.uid == uid for owner in pod.metadata.owner_references or ())]
