"""One job of a cluster, from its creation to its end."""

from __future__ import annotations

import logging
import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.engine import Outcome
from pollinator_magic.executors.kubernetes import manifest
from pollinator_magic.executors.kubernetes.api import Refused, Unreachable
from pollinator_magic.executors.kubernetes.logs import JobLog
from pollinator_magic.executors.kubernetes.obstacles import obstacle
from pollinator_magic.executors.kubernetes.states import has_begun, has_ended, index_of, standing
from pollinator_magic.executors.kubernetes.submission import Submission, remove_job
from pollinator_magic.executors.living import LivingJob

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.kubernetes.engine import KubernetesEngine
    from pollinator_magic.executors.kubernetes.obstacles import Obstacle
    from pollinator_magic.executors.kubernetes.watcher import View

_log = logging.getLogger(__name__)
_LONGEST_READ_S = 0.1
_LOST_NODE_S = 30.0


class KubernetesJob(LivingJob):
    """A `Running` on a cluster. One that is there already (`uid`) is taken up, its log from `position` on."""

    def __init__(
        self, engine: KubernetesEngine, task: Task, *, attempt: str, uid: str = "", position: str = ""
    ) -> None:
        super().__init__(task)
        self._engine = engine
        self._name = manifest.job_name(task.process_id)
        self._attempt = attempt
        self._uid = uid
        self._submission: Submission | None = None
        self._log = JobLog(engine.api, position, several=task.nodes > 1, wake=engine.watcher.hurry)
        self._attributes: dict[str, str] = {}
        self._blocked: Obstacle | None = None
        self._blocked_at = 0.0
        self._failure = ""
        self._given_up_at = math.inf
        self._given_back = False

    def _written(self, timeout_s: float) -> bytes:
        if self._outcome is not None:
            return self._log.take(0)
        return self._log.take(min(timeout_s, _LONGEST_READ_S))

    @property
    def position(self) -> str:
        """Up to where the log of each pod has been read."""
        return self._log.position

    @property
    def attributes(self) -> Mapping[str, str]:
        """KUBERNETES_JOB, its name, and NODES, where its pods run."""
        return self._attributes

    def cancel(self, *, grace_s: float) -> None:
        """Have the job deleted: its programs get SIGTERM, and SIGKILL after `grace_s`."""
        self._end("Cancelled.", grace_s)

    def leave(self) -> None:
        """Read and watch no more; the job goes on."""
        if self._given_back:
            return
        self._given_back = True
        self._life.close()
        self._log.close()
        self._engine.watcher.forget(self._name)
        self._engine.jobs.forget(self)

    def close(self) -> None:
        """Remove the job with all that belongs to it."""
        if self._given_back:
            return
        self.leave()
        try:
            self._remove()
        except (Unreachable, Refused) as error:
            _log.warning("%s Job %s is removed later.", error, self._name)
            self._engine.watcher.remove_later(self._name, self._remove)
        self._engine.remove_shared_directory(self._task, self._attempt)

    def _live(self) -> Generator[None, None, Outcome]:
        """Begin to end; returns the outcome."""
        if not self._uid:
            error = yield from self._submit()
            if error:
                return Outcome(error)
        self._attributes["KUBERNETES_JOB"] = self._name
        return Outcome((yield from self._follow()))

    def _submit(self) -> Generator[None, None, str]:
        """Make the job; return what is wrong with it."""
        task, engine = self._task, self._engine
        try:
            self._submission = Submission(
                engine.api, task, engine.settings, engine.place, attempt=self._attempt, say=self._say
            )
            engine.make_shared_directory(task, self._attempt)
            for name in manifest.left_out(task.env):
                self._say(f"The variable {name!r} is left out: containers have none of that name.")
            making = self._submission.run()
            while not self._failure:
                next(making)
                yield
        except StopIteration as made:
            self._uid = made.value
        except Refused as refusal:
            return f"Kubernetes does not take this job: {refusal}"
        except PollinatorError as error:
            return str(error)
        except OSError as error:
            return f"The directory that the nodes of this job share cannot be made: {error}"
        return "" if self._uid else self._failure

    def _follow(self) -> Generator[None, None, str]:
        """Follow the job to its end; return what went wrong."""
        begun_at = time.monotonic()
        watcher = self._engine.watcher
        watcher.follow(self._name, self._uid, self._task.nodes)
        known: View | None = None
        while True:
            view = watcher.view(self._name)
            if view is not None and view is not known and view.asked_at >= begun_at:
                known = view
                self._read_logs(known)
                self._note_nodes(known)
                state = standing(self._task, known.job, known.pods)
                if not state.error and not state.ended and known.job is not None:
                    self._judge(obstacle(self._task.nodes, known.job, known.pods, known.events))
            given_up = time.monotonic() >= self._given_up_at
            if given_up:
                self._log.close()
            if known is not None and (state.ended or given_up) and self._log.whole:
                if not self._failure:
                    for line in self._log.lost:
                        self._say(line)
                return self._failure or state.error
            yield

    def _read_logs(self, view: View) -> None:
        """Read the logs of pods that have begun, and note which of them have ended or are gone."""
        for pod in view.pods:
            if has_begun(pod):
                self._log.follow(pod.metadata.name)
        running = {pod.metadata.name for pod in view.pods if not has_ended(pod)}
        for name in self._log.followed - running:
            self._log.ended(name)

    def _note_nodes(self, view: View) -> None:
        nodes = {index_of(pod): pod.spec.node_name or "" for pod in view.pods}
        if "NODES" not in self._attributes and len(nodes) == self._task.nodes and all(nodes.values()):
            self._attributes["NODES"] = ",".join(nodes[index] for index in sorted(nodes))

    def _judge(self, found: Obstacle | None) -> None:
        """End a job that cannot start: at once if it never will, else when that has lasted for too long."""
        before = self._blocked
        if found is None or before is None or found.kind != before.kind:
            self._blocked, self._blocked_at = found, time.monotonic()
            if found is not None and not found.lasting and not self._failure:
                self._say(f"Waiting: {found.sentence}")
        elif len(found.sentence) > len(before.sentence):  # later ones may only say that it is tried again
            self._blocked = found
        if self._blocked is None:
            return
        patience_s = self._engine.settings.start_patience_s
        waited_s = time.monotonic() - self._blocked_at
        if self._blocked.lasting or (patience_s and waited_s >= patience_s):
            self._end(self._blocked.sentence, 0)

    def _end(self, failure: str, grace_s: float) -> None:
        """Have the job deleted, for this reason if there has been none yet."""
        if self._failure or self._outcome is not None:
            return
        self._failure = failure
        if not self._uid:
            return  # it is seen where the job is made
        self._given_up_at = time.monotonic() + grace_s + self._engine.settings.grace_s + _LOST_NODE_S
        api, watcher = self._engine.api, self._engine.watcher
        try:
            remove_job(api, self._name, self._uid, pods_first=True)
            if math.ceil(grace_s) < self._engine.settings.grace_s:
                with suppress(Refused):  # they have as long as every job, then
                    pods = {"labelSelector": f"{manifest.ATTEMPT_LABEL}={self._attempt}"}
                    api.delete(api.core("pods"), query=pods, gracePeriodSeconds=max(1, math.ceil(grace_s)))
        except (Unreachable, Refused) as error:
            _log.warning("%s Job %s is removed later.", error, self._name)
            watcher.remove_later(self._name, self._remove)
        watcher.hurry()

    def _remove(self) -> None:
        if self._uid:
            remove_job(self._engine.api, self._name, self._uid)
        elif self._submission is not None and self._submission.asked:
            self._submission.remove()
