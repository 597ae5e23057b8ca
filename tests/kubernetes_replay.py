"""Recorded behaviour of Kubernetes 1.36.2 behind its real REST paths, over real HTTP: not a cluster.

A Job that is created here lives as one of the recordings in `vectors/kubernetes` (`play`), object by object and at the
recorded times; or, where none is chosen, as its own program, which runs as a process of this host (`kubernetes_pods`)
while its objects change as those of the recorded Jobs did.
"""

from __future__ import annotations

import copy
import json
import re
import secrets
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import yaml

from tests.kubernetes_pods import LocalPod, Log
from tests.kubernetes_rules import problem

RECORDINGS = Path(__file__).parent / "vectors" / "kubernetes"
NAMESPACE = "jobs"
_INDEX = "batch.kubernetes.io/job-completion-index"
_KINDS = {"jobs": "Job", "pods": "Pod", "services": "Service", "events": "Event", "nodes": "Node"}
_KINDS |= {"persistentvolumeclaims": "PersistentVolumeClaim", "selfsubjectaccessreviews": "SelfSubjectAccessReview"}


@cache
def recording(case: str) -> dict:
    return json.loads((RECORDINGS / f"{case}.json").read_text(encoding="utf-8"))


def cases() -> list[str]:
    return sorted(path.stem for path in RECORDINGS.glob("*.json"))


class Refusal(Exception):
    """What the API answers instead."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self.body |= {"message": message, "reason": reason, "code": status}


class ReplayedCluster:
    """An API server on a free port; `kubeconfig` is how to reach it.

    `claims` are the directories that stand for volumes. `requests` has all that was asked for. Times of recordings are
    divided by `speed`.
    """

    def __init__(self, directory: Path, *, claims: dict[str, Path] | None = None, speed: float = 1.0) -> None:
        self.directory = directory
        self.claims = claims or {}
        self.speed = speed
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.created: list[dict] = []
        """Every manifest of a Job that was accepted."""
        self.forbidden: set[tuple[str, str]] = set()
        """What the executor's account may not do: (verb, resource)."""
        self.quota = 1000
        """How many pods each Job may have."""
        self.page_size = 500
        self.conflicts: list[str] = []
        """Of which kinds (jobs, services) the next creation meets a quota that somebody else changes meanwhile."""
        self.unheard = 0
        """How many of the next creations are carried out and not answered."""
        self.seen_late_s = 0.1
        """How long after a container has ended the API knows of it."""
        self.token = secrets.token_hex(16)
        self.lock = threading.Condition(threading.RLock())
        self.jobs: dict[str, dict] = {}
        self.pods: dict[str, dict] = {}
        self.services: dict[str, dict] = {}
        self.events: list[dict] = []
        self.logs: dict[str, Log] = {}
        self.lives: dict[str, _Life] = {}
        self.away = False
        self._version = 1000
        self._plays: deque[str] = deque()
        handler = type("Handler", (_Handler,), {"cluster": self})
        self._http = _Server(("127.0.0.1", 0), handler)
        self.kubeconfig = directory / "kubeconfig"
        directory.mkdir(parents=True, exist_ok=True)
        self.kubeconfig.write_text(self._configuration())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def play(self, *names: str) -> None:
        """Have the next Jobs live as these recordings, one each."""
        self._plays += names

    @contextmanager
    def unreachable(self):
        """Answer nobody, and break off what is being answered."""
        self.away = True
        with self.lock:
            self.lock.notify_all()
        for log in list(self.logs.values()):
            with log.changed:
                log.changed.notify_all()
        try:
            yield
        finally:
            self.away = False

    def count(self, method: str, pattern: str) -> int:
        """How many requests there have been."""
        return sum(one == method and bool(re.search(pattern, path)) for one, path, _ in list(self.requests))

    def pods_of(self, job: str) -> list[dict]:
        with self.lock:
            return [pod for pod in self.pods.values() if pod["metadata"]["labels"]["job-name"] == job]

    def break_logs(self) -> None:
        """Break off every log that is being followed, as a server in between does."""
        for log in list(self.logs.values()):
            with log.changed:
                log.breaks = getattr(log, "breaks", 0) + 1
                log.changed.notify_all()

    def set_pod(self, name: str, change) -> None:
        """Change a pod as something in the cluster would."""
        with self.lock:
            change(self.pods[name])
            self.touch(self.pods[name])

    def close(self) -> None:
        for life in list(self.lives.values()):
            life.end(0)
        for life in list(self.lives.values()):
            life.join()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # What the handler asks for

    def create_job(self, manifest: dict) -> dict:
        name = manifest["metadata"]["name"]
        if refused := problem(manifest):
            raise Refusal(refused[0], "Invalid" if refused[0] == 422 else "BadRequest", refused[1])
        with self.lock:
            if name in self.jobs:
                raise Refusal(409, "AlreadyExists", f'jobs.batch "{name}" already exists')
            self.created.append(copy.deepcopy(manifest))
            job = copy.deepcopy(manifest)
            uid = secrets.token_hex(16)
            job["metadata"] |= {"uid": uid, "generation": 1, "creationTimestamp": now(), "namespace": NAMESPACE}
            job["status"] = {}
            labels = job["spec"]["template"]["metadata"].setdefault("labels", {})
            labels |= {"job-name": name, "batch.kubernetes.io/job-name": name, "controller-uid": uid}
            self.jobs[name] = job
            self.touch(job)
            kind = _Recorded if self._plays else _Local
            life = kind(self, job, *([self._plays.popleft()] if self._plays else []))
            self.lives[uid] = life
        life.start()
        return job

    def create_service(self, manifest: dict) -> dict:
        name = manifest["metadata"]["name"]
        if refused := problem(manifest):
            raise Refusal(refused[0], "Invalid", refused[1])
        with self.lock:
            if name in self.services:
                raise Refusal(409, "AlreadyExists", f'services "{name}" already exists')
            self.services[name] = copy.deepcopy(manifest)
            self.touch(self.services[name])
            return self.services[name]

    def delete_job(self, name: str, options: dict) -> dict:
        with self.lock:
            job = self.jobs.get(name)
            if job is None:
                raise Refusal(404, "NotFound", f'jobs.batch "{name}" not found')
            wanted = options.get("preconditions", {}).get("uid")
            if wanted and wanted != job["metadata"]["uid"]:
                text = f"the UID in the precondition ({wanted}) does not match the UID in record"
                raise Refusal(409, "Conflict", text)
            life = self.lives[job["metadata"]["uid"]]
            job["metadata"].setdefault("deletionTimestamp", now())
            self.touch(job)
            if options.get("propagationPolicy") == "Background":
                self.forget_job(job, collected=False)
            life.end(job["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30))
            return job

    def delete_pods(self, names: list[str], options: dict) -> dict:
        for name in names:
            with self.lock:
                pod = self.pods.get(name)
                if pod is None:
                    raise Refusal(404, "NotFound", f'pods "{name}" not found')
                life = self.lives[pod["metadata"]["labels"]["controller-uid"]]
            life.end_pod(name, options.get("gracePeriodSeconds", 30))
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

    def forget_job(self, job: dict, *, collected: bool = True) -> None:
        """Remove a Job, and what it owns but for its pods: those are collected some time after it."""
        with self.lock:
            uid = job["metadata"]["uid"]
            if self.jobs.get(job["metadata"]["name"], job)["metadata"]["uid"] == uid:
                self.jobs.pop(job["metadata"]["name"], None)
            for name, service in list(self.services.items()):
                if collected and any(owner["uid"] == uid for owner in service["metadata"].get("ownerReferences", [])):
                    del self.services[name]
            self.lock.notify_all()

    def touch(self, thing: dict) -> None:
        with self.lock:
            self._version += 1
            thing["metadata"]["resourceVersion"] = str(self._version)
            self.lock.notify_all()

    def new_pod(self, job: dict, name: str, index: int | None) -> dict:
        """Return a pod of a Job as its controller makes it, without a status."""
        template = job["spec"]["template"]
        labels, annotations = dict(template["metadata"]["labels"]), dict(template["metadata"].get("annotations", {}))
        spec = copy.deepcopy(template["spec"])
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "controller": True}
        if index is not None:
            labels[_INDEX] = annotations[_INDEX] = str(index)
            spec["hostname"] = f"{job['metadata']['name']}-{index}"
        return {
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "uid": secrets.token_hex(16),
                "creationTimestamp": now(),
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [{**owner, "uid": job["metadata"]["uid"], "blockOwnerDeletion": True}],
            },
            "spec": spec,
            "status": {"phase": "Pending"},
        }

    def add_event(self, kind: str, thing: dict, reason: str, message: str) -> None:
        name, uid = thing["metadata"]["name"], thing["metadata"]["uid"]
        event = {"metadata": {"name": f"{name}.{secrets.token_hex(8)}", "namespace": NAMESPACE}, "type": "Warning"}
        about = {"kind": kind, "namespace": NAMESPACE, "name": name, "uid": uid}
        with self.lock:
            self.events.append({**event, "involvedObject": about, "reason": reason, "message": message})
            self.touch(self.events[-1])

    def _configuration(self) -> str:
        context = {"cluster": "replay", "user": "executor", "namespace": NAMESPACE}
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "replay", "cluster": {"server": self.address}}],
                "users": [{"name": "executor", "user": {"token": self.token}}],
                "contexts": [{"name": "replay", "context": context}],
                "current-context": "replay",
            }
        )


class _Life(threading.Thread):
    """How a Job and its pods change."""

    def __init__(self, cluster: ReplayedCluster, job: dict) -> None:
        super().__init__(daemon=True)
        self.cluster = cluster
        self.job = job
        self.ending = threading.Event()
        self.grace_s: float = 30.0

    def end(self, grace_s: float) -> None:
        """Delete the Job's pods, and then the Job if it is still there."""
        self.grace_s = grace_s
        self.ending.set()

    def end_pod(self, name: str, grace_s: float) -> None:
        """Delete one pod."""

    def set_job(self, status: dict) -> None:
        with self.cluster.lock:
            self.job["status"] = copy.deepcopy(status)
            self.cluster.touch(self.job)

    def set_pod(self, pod: dict, status: dict) -> None:
        """Give a pod a recorded status: the names in it are its own."""
        status = copy.deepcopy(status)
        container = pod["spec"]["containers"][0]
        for one in status.get("containerStatuses", []):
            one |= {"name": container["name"], "image": container["image"]}
        with self.cluster.lock:
            pod["status"] = status
            self.cluster.pods[pod["metadata"]["name"]] = pod
            self.cluster.touch(pod)

    def mark_deleted(self, pod: dict, grace_s: float) -> None:
        with self.cluster.lock:
            when = datetime.now(timezone.utc) + timedelta(seconds=grace_s)
            pod["metadata"]["deletionTimestamp"] = when.strftime("%Y-%m-%dT%H:%M:%SZ")
            self.cluster.touch(pod)

    def remove_pods(self, *names: str) -> None:
        with self.cluster.lock:
            for name in names:
                self.cluster.pods.pop(name, None)
                if name in self.cluster.logs:
                    self.cluster.logs.pop(name).end()
            self.cluster.lock.notify_all()


class _Recorded(_Life):
    """A Job that lives as a recorded one, with the names and the specification of the one that was created."""

    def __init__(self, cluster: ReplayedCluster, job: dict, case: str) -> None:
        super().__init__(cluster, job)
        self._recording = recording(case)
        self._pods: dict[str, dict] = {}

    def run(self) -> None:
        cluster = self.cluster
        began = time.monotonic()
        for state in self._recording["states"]:
            if self.ending.wait(max(0.0, began + state["t"] / cluster.speed - time.monotonic())):
                break
            with cluster.lock:  # both at once, as they were seen
                self.set_job((state["job"] or {}).get("status", {}))
                self._set_pods(state["pods"])
        self.ending.wait()
        self.remove_pods(*(pod["metadata"]["name"] for pod in self._pods.values()))
        cluster.forget_job(self.job)

    def _set_pods(self, recorded: list[dict]) -> None:
        for number, one in enumerate(recorded):
            name = one["metadata"]["name"]
            if name not in self._pods:
                self._pods[name] = self._pod(one, number)
            pod = self._pods[name]
            if "deletionTimestamp" in one["metadata"]:
                self.mark_deleted(pod, 5)
            self.set_pod(pod, one["status"])
            states = [status["state"] for status in one["status"].get("containerStatuses", [])]
            if any("terminated" in state for state in states):
                self.cluster.logs[pod["metadata"]["name"]].end()
        gone = set(self._pods) - {one["metadata"]["name"] for one in recorded}
        self.remove_pods(*(self._pods[name]["metadata"]["name"] for name in gone))

    def _pod(self, recorded: dict, number: int) -> dict:
        index = recorded["metadata"]["labels"].get(_INDEX)
        own = recorded["metadata"]["name"].replace(f"g-{self._recording['case']}", self.job["metadata"]["name"])
        pod = self.cluster.new_pod(self.job, own, None if index is None else int(index))
        pod["spec"]["nodeName"] = recorded["spec"].get("nodeName")
        log = self.cluster.logs[own] = Log()
        logs = self._recording["logs"]
        if number < len(logs) and logs[number][0] == 200:
            for line in logs[number][1].splitlines(keepends=True):
                log.add(line.encode())
        for event in self._recording["events"]:
            if event["involvedObject"]["name"] == recorded["metadata"]["name"] and event["type"] == "Warning":
                self.cluster.add_event("Pod", pod, event["reason"], event["message"])
        return pod


class _Local(_Life):
    """A Job whose pods are processes of this host."""

    def __init__(self, cluster: ReplayedCluster, job: dict) -> None:
        super().__init__(cluster, job)
        self._programs: dict[str, LocalPod] = {}
        self._failed = False

    def run(self) -> None:
        spec = self.job["spec"]
        nodes, name = spec["completions"], self.job["metadata"]["name"]
        indexed = spec["completionMode"] == "Indexed"
        peers = [f"{name}-{index}" for index in range(nodes)]
        pods = []
        for index in range(nodes):
            own = f"{peers[index] if indexed else name}-{secrets.token_hex(3)[:5]}"
            if index >= self.cluster.quota:
                self._refuse(own[:-5], index)
                continue
            pod = self.cluster.new_pod(self.job, own, index if indexed else None)
            pod["spec"]["nodeName"] = f"n{index + 1}"
            self.set_pod(pod, recorded_status("ok", "waiting"))
            pods.append(pod)
        self.set_job({"startTime": now(), "active": nodes})
        watching = [
            threading.Thread(target=self._run_pod, args=(pod, index if indexed else None, peers), daemon=True)
            for index, pod in enumerate(pods)
        ]
        for thread in watching:
            thread.start()
        while any(thread.is_alive() for thread in watching):
            if self.ending.wait(0.02) or self._failed:
                for pod in pods:
                    self.end_pod(pod["metadata"]["name"], self.grace_s if self.ending.is_set() else 5)
                break
        for thread in watching:
            thread.join()
        if len(pods) < nodes and not self._failed:
            self.ending.wait()
        case = "exit7" if self._failed else "ok"
        self.set_job(recording(case)["states"][-1]["job"]["status"])
        self.ending.wait()
        self.remove_pods(*(pod["metadata"]["name"] for pod in pods))
        self.cluster.forget_job(self.job)

    def _refuse(self, prefix: str, used: int) -> None:
        """Make no pod, and say so: the words are the quota's."""
        amounts = f"requested: pods=1, used: pods={used}, limited: pods={self.cluster.quota}"
        text = f'Error creating: pods "{prefix}" is forbidden: exceeded quota: compute, {amounts}'
        self.cluster.add_event("Job", self.job, "FailedCreate", text)

    def end_pod(self, name: str, grace_s: float) -> None:
        with self.cluster.lock:
            pod, program = self.cluster.pods.get(name), self._programs.get(name)
            if pod is None or pod["status"]["phase"] in {"Succeeded", "Failed"}:
                return
            self.mark_deleted(pod, grace_s)
        if program is not None:
            threading.Thread(target=program.terminate, args=(grace_s,), daemon=True).start()

    def _run_pod(self, pod: dict, index: int | None, peers: list[str]) -> None:
        name, cluster = pod["metadata"]["name"], self.cluster
        if self.ending.is_set():
            return
        program = LocalPod(pod, cluster.directory / "pods" / name, cluster.claims, index, peers)
        with cluster.lock:
            self._programs[name] = program
            cluster.logs[name] = program.log
            running = recorded_status("ok", "running")
            running["containerStatuses"][0]["state"]["running"]["startedAt"] = now()
            self.set_pod(pod, running)
            deleted = "deletionTimestamp" in pod["metadata"]
        if deleted or self.ending.is_set():
            program.terminate(self.grace_s)
        limit_s = pod["spec"].get("activeDeadlineSeconds")
        status = program.wait(limit_s)
        overdue = status is None
        if overdue:
            program.terminate(pod["spec"]["terminationGracePeriodSeconds"])
            status = program.wait()
        time.sleep(cluster.seen_late_s)
        self._has_ended(pod, program, status, overdue=overdue)

    def _has_ended(self, pod: dict, program: LocalPod, code: int, *, overdue: bool) -> None:
        case = "poddeadline" if overdue else "ok" if code == 0 else "exit7"
        ended = recorded_status(case, "ended")
        state = ended["containerStatuses"][0]["state"]["terminated"]
        state |= {"exitCode": code, "finishedAt": now()}
        if program.message:
            state["message"] = program.message
        if not overdue:  # as recorded: the container has ended, and its pod is not known to have
            self.set_pod(pod, {**ended, "phase": "Running"})
            time.sleep(self.cluster.seen_late_s)
        self.set_pod(pod, ended)
        if code != 0:
            self._failed = True
        if "deletionTimestamp" in pod["metadata"]:
            self.remove_pods(pod["metadata"]["name"])


def recorded_status(case: str, moment: str) -> dict:
    """Return a copy of the status of a recorded pod: `waiting`, `running`, or `ended`."""
    statuses = [pod["status"] for state in recording(case)["states"] for pod in state["pods"]]
    if moment == "ended":
        return copy.deepcopy(next(one for one in statuses if one["phase"] in {"Succeeded", "Failed"}))
    return copy.deepcopy(
        next(one for one in statuses if any(moment in each["state"] for each in one.get("containerStatuses", [])))
    )


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address) -> None:
        """Say nothing of clients that go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    cluster: ReplayedCluster

    def log_message(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str):
        if name in {"do_GET", "do_POST", "do_DELETE"}:
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        cluster = self.cluster
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if cluster.away:
            self.close_connection = True
            return
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        cluster.requests.append((self.command, url.path, query))
        try:
            self._authenticate()
            status, answer = self._find(url.path, query, body)
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body
        if answer is not None:
            self._send(status, answer)

    def _find(self, path: str, query: dict[str, str], body: dict) -> tuple[int, dict | None]:
        if path == "/version":
            return 200, {"major": "1", "minor": "36", "gitVersion": "v1.36.2"}
        match = re.fullmatch(
            rf"/(?:api|apis/[a-z0-9.]+)/v1(?:/namespaces/{NAMESPACE})?/([a-z]+)(?:/([^/]+))?(?:/([a-z]+))?", path
        )
        if match is None or match[1] not in _KINDS:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        resource, name, part = match.groups()
        self._authorize(resource, name, part)
        if part == "log":
            self._log(name, query)
            return 200, None
        if self.command == "POST":
            return 201, self._create(resource, body)
        if self.command == "DELETE":
            return 200, self._delete(resource, name, query, body)
        things = self._things(resource)
        if name is None:
            return 200, self._list(resource, things, query)
        if name not in things:
            raise Refusal(404, "NotFound", f'{resource} "{name}" not found')
        return 200, things[name]

    def _authenticate(self) -> None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if (scheme.lower(), token) != ("bearer", self.cluster.token):
            raise Refusal(401, "Unauthorized", "Unauthorized")

    def _authorize(self, resource: str, name: str | None, part: str | None) -> None:
        reading = "get" if name else "list"
        verb = {"POST": "create", "DELETE": "delete" if name else "deletecollection"}.get(self.command, reading)
        resource = f"{resource}/{part}" if part else resource
        if (verb, resource) in self.cluster.forbidden:
            who = 'User "system:serviceaccount:jobs:executor"'
            text = (
                f'{resource} is forbidden: {who} cannot {verb} resource "{resource}" in API group "" in the namespace'
            )
            raise Refusal(403, "Forbidden", f'{text} "{NAMESPACE}"')

    def _create(self, resource: str, body: dict) -> dict:
        if resource == "selfsubjectaccessreviews":
            asked = body["spec"]["resourceAttributes"]
            what = "/".join(filter(None, [asked["resource"], asked.get("subresource")]))
            return {**body, "status": {"allowed": (asked["verb"], what) not in self.cluster.forbidden}}
        if resource in self.cluster.conflicts:
            self.cluster.conflicts.remove(resource)
            raise Refusal(409, "Conflict", _QUOTA_CHANGED)
        made = self.cluster.create_job(body) if resource == "jobs" else self.cluster.create_service(body)
        if self.cluster.unheard:
            self.cluster.unheard -= 1
            self.close_connection = True
            raise ConnectionAbortedError
        return made

    def _delete(self, resource: str, name: str | None, query: dict[str, str], body: dict) -> dict:
        if resource == "jobs" and name:
            return self.cluster.delete_job(name, body)
        chosen = [name] if name else list(_selected(self._things("pods"), query))
        return self.cluster.delete_pods(chosen, body)

    def _things(self, resource: str) -> dict[str, dict]:
        cluster = self.cluster
        with cluster.lock:
            if resource == "events":
                return {event["metadata"]["name"]: event for event in cluster.events}
            if resource == "nodes":
                return {"n1": _NODE}
            if resource == "persistentvolumeclaims":
                return {name: {**_CLAIM, "metadata": {"name": name}} for name in cluster.claims}
            return dict(getattr(cluster, resource))

    def _list(self, resource: str, things: dict[str, dict], query: dict[str, str]) -> dict:
        chosen = list(_selected(things, query).values())
        begin, size = int(query.get("continue", 0)), min(int(query.get("limit", 500)), self.cluster.page_size)
        metadata = {"resourceVersion": str(self.cluster._version)}
        if begin + size < len(chosen):
            metadata["continue"] = str(begin + size)
        with self.cluster.lock:
            page = copy.deepcopy(chosen[begin : begin + size])
        version = "batch/v1" if resource == "jobs" else "v1"
        return {"kind": f"{_KINDS[resource]}List", "apiVersion": version, "metadata": metadata, "items": page}

    def _log(self, name: str, query: dict[str, str]) -> None:
        """Give a log as a kubelet does: with times, from a second on, and following what is written."""
        log, pod = self.cluster.logs.get(name), self.cluster.pods.get(name)
        if pod is None:
            raise Refusal(404, "NotFound", f'pods "{name}" not found')
        if log is None:
            text = f'container "{query["container"]}" in pod "{name}" is waiting to start: ContainerCreating'
            raise Refusal(400, "BadRequest", text)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        since_ns = _nanoseconds(query["sinceTime"]) if "sinceTime" in query else 0
        breaks = getattr(log, "breaks", 0)
        at = 0
        while True:
            with log.changed:
                while (
                    at == len(log.lines)
                    and "follow" in query
                    and not log.ended
                    and not self.cluster.away
                    and getattr(log, "breaks", 0) == breaks
                ):
                    log.changed.wait(0.5)
                lines, at = log.lines[at:], len(log.lines)
                done = log.ended or "follow" not in query
            if self.cluster.away or getattr(log, "breaks", 0) != breaks:
                self.close_connection = True
                self.connection.close()
                return
            text = b"".join(_stamped(when, line) for when, line in lines if when >= since_ns)
            for begin in range(0, len(text), 32768):
                piece = text[begin : begin + 32768]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            if done and at == len(log.lines):
                self.wfile.write(b"0\r\n\r\n")
                return

    def _send(self, status: int, answer: dict) -> None:
        with self.cluster.lock:
            data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(data)


def _selected(things: dict[str, dict], query: dict[str, str]) -> dict[str, dict]:
    wanted = dict(part.split("=") for part in query.get("labelSelector", "").split(",") if part)
    chosen = {
        name: thing for name, thing in things.items() if wanted.items() <= thing["metadata"].get("labels", {}).items()
    }
    if query.get("fieldSelector") == "type=Warning":
        return {name: thing for name, thing in chosen.items() if thing["type"] == "Warning"}
    return chosen


def _stamped(when_ns: int, line: bytes) -> bytes:
    seconds = datetime.fromtimestamp(when_ns // 10**9, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}.{when_ns % 10**9:09}Z ".encode() + line


def _nanoseconds(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) * 10**9


_QUOTA_CHANGED = (
    'Operation cannot be fulfilled on resourcequotas "quota": the object has been modified; '
    "please apply your changes to the latest version and try again"
)
_NODE = {
    "metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "n1"}},
    "spec": {},
    "status": {
        "allocatable": {"cpu": "8", "memory": "16386092Ki", "pods": "110", "nvidia.com/gpu": "2"},
        "conditions": [{"type": "Ready", "status": "True"}],
        "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.36.2"},
    },
}
_CLAIM = {"spec": {"accessModes": ["ReadWriteMany"]}, "status": {"phase": "Bound"}}
