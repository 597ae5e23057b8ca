from __future__ import annotations

import pytest
from cluster_objects import condition, event, job, pod, recorded, recorded_events

from pollinator_magic.executors.kubernetes.obstacles import obstacle

SCHEDULED = condition("PodScheduled")


def found(case):
    nodes = 2 if case == "indexed2" else 1
    return [one for _, each, pods in recorded(case) if (one := obstacle(nodes, each, pods, recorded_events(case)))]


@pytest.mark.parametrize("case", ["ok", "exit7", "oom", "poddeadline", "deadline", "indexed2"])
def test_nothing_keeps_a_recorded_job_from_starting_that_did(case):
    assert found(case) == []


def test_a_recorded_image_that_is_not_there_is_told_and_will_never_be():
    first, *_ = found("badimage")
    assert first.sentence.startswith("The image of this job cannot be fetched: Container image")
    assert first.lasting


def test_the_schedulers_own_words_are_told():
    first, *_ = found("unschedulable")
    assert first.sentence.startswith(
        "Kubernetes finds no node for this job: 0/1 nodes are available: 1 Insufficient cpu"
    )
    assert not first.lasting


@pytest.mark.parametrize(
    ("reason", "kind", "lasting"),
    [
        ("ErrImagePull", "image", False),
        ("ImagePullBackOff", "image", False),
        ("InvalidImageName", "image", True),
        ("CreateContainerConfigError", "container", False),
    ],
)
def test_what_a_container_waits_for_is_told(reason, kind, lasting):
    one = obstacle(1, job(), [pod(phase="Pending", waiting={"reason": reason, "message": "no such secret"})], [])
    assert (one.kind, one.lasting) == (kind, lasting)
    assert "no such secret" in one.sentence


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", None])
def test_a_container_that_is_being_made_is_no_obstacle(reason):
    waiting = pod(phase="Pending", waiting={"reason": reason}, conditions=[SCHEDULED])
    assert obstacle(1, job(), [waiting], []) is None


def test_only_pods_that_have_not_begun_have_obstacles():
    blocked = pod(1, phase="Pending", waiting={"reason": "ErrImagePull", "message": "away"})
    assert obstacle(2, job(), [pod(0, running={}), blocked], []).kind == "image"
    assert obstacle(1, job(), [pod(0, running={})], []) is None


def test_a_quota_that_lets_no_pod_be_made_is_told():
    events = [event("uid-of-job", "FailedCreate", "pods is forbidden: exceeded quota: q")]
    assert "exceeded quota: q" in obstacle(1, job(), [], events).sentence
    assert obstacle(1, job(), [], []) is None


def test_a_quota_that_lets_some_of_the_pods_be_made_is_told_until_all_are_there():
    events = [event("uid-of-job", "FailedCreate", "pods is forbidden: exceeded quota: q")]
    pods = [pod(0, running={}), pod(1, phase="Pending", conditions=[SCHEDULED])]
    words = "Kubernetes does not make all pods of this job: pods is forbidden: exceeded quota: q."
    assert obstacle(3, job(), pods, events).sentence == words
    assert obstacle(2, job(), pods, events) is None


def test_files_that_cannot_be_mounted_are_told_until_they_are():
    waiting = {"reason": "ContainerCreating"}
    events = [event("uid-0", "FailedMount", "no volume"), event("uid-9", "FailedMount", "another's")]
    blocked = pod(phase="Pending", waiting=waiting, conditions=[SCHEDULED])
    assert obstacle(1, job(), [blocked], events).sentence == "The job's files cannot be mounted: no volume."
    ready = pod(phase="Pending", waiting=waiting, conditions=[SCHEDULED, condition("PodReadyToStartContainers")])
    assert obstacle(1, job(), [ready], events) is None


def test_a_pod_that_a_queue_holds_back_only_waits():
    gated = condition("PodScheduled", status="False", reason="SchedulingGated", message="gated")
    assert obstacle(1, job(), [pod(phase="Pending", conditions=[gated])], []) is None
