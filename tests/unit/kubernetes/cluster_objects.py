"""Objects of a cluster as they were recorded, and as small ones made for a test."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime, timezone

import msgspec

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.kubernetes import models
from pollinator_magic.executors.kubernetes.manifest import CONTAINER, Identity, Place
from tests.kubernetes_replay import recording

TASK = Task("a" * 64, "python3 main.py", (), image="python:3.12", memory_bytes=64 << 20, walltime_s=60)
PLACE = Place("jobs", "0123456789abcdef", Identity(1000, 1000))
RECORDED_AT = datetime(2026, 11, 22, 8, 11, 30, tzinfo=timezone.utc)


def task(**fields):
    return replace(TASK, **fields)


def recorded(case):
    """Return the states of a recorded life: seconds, job, pods; with the name of our container."""
    for state in recording(case)["states"]:
        pods = copy.deepcopy(state["pods"])
        for pod in pods:
            for status in pod["status"].get("containerStatuses", []):
                status["name"] = CONTAINER
        yield state["t"], msgspec.convert(state["job"] or {}, models.Job), msgspec.convert(pods, list[models.Pod])


def recorded_events(case):
    return msgspec.convert(recording(case)["events"], list[models.Event])


def pod(index=0, *, phase="Running", deleted=None, conditions=(), reason=None, message=None, **state):
    """Return a pod whose container is in one state: `terminated={"exitCode": 1}`."""
    statuses = [{"name": CONTAINER, "state": state}] if state else []
    metadata = {"name": f"pod-{index}", "uid": f"uid-{index}"}
    metadata |= {"labels": {"batch.kubernetes.io/job-completion-index": str(index)}}
    status = {"phase": phase, "containerStatuses": statuses, "conditions": list(conditions)}
    status |= {"reason": reason, "message": message}
    whole = {"metadata": {**metadata, "deletionTimestamp": deleted}, "status": status, "spec": {"nodeName": "n1"}}
    return msgspec.convert(whole, models.Pod)


def job(*conditions, deleted=None):
    return msgspec.convert(
        {"metadata": {"deletionTimestamp": deleted}, "status": {"conditions": list(conditions)}}, models.Job
    )


def condition(kind, *, status="True", reason=None, message=None):
    return {"type": kind, "status": status, "reason": reason, "message": message}


def event(uid, reason, message):
    """Return what happened to the object of this uid: `uid-0` is the first pod's."""
    return msgspec.convert({"involvedObject": {"uid": uid}, "reason": reason, "message": message}, models.Event)
