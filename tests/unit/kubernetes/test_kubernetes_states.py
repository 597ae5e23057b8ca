from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from cluster_objects import RECORDED_AT, condition, job, pod, recorded, task

from pollinator_magic.executors.kubernetes.states import Standing, has_begun, standing

WALLTIME = "Stopped: ran longer than its walltime of 60 s"
EXIT_7 = {"exitCode": 7, "reason": "Error", "finishedAt": "2026-11-22T08:11:21Z"}


def life(case, **fields):
    """What is judged of a recorded life, state by state, without repetitions."""
    judged = [standing(task(**fields), one, pods, RECORDED_AT) for _, one, pods in recorded(case)]
    return [after for before, after in zip([None, *judged], judged, strict=False) if before != after]


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("ok", ""),
        ("exit7", "Exit status 7"),
        ("oom", "Killed: used more than 64Mi of memory"),
        ("poddeadline", WALLTIME),
    ],
)
def test_a_recorded_job_is_running_until_its_container_has_ended_and_then_keeps_its_end(case, error):
    assert life(case) == [Standing(), Standing(ended=True, error=error)]


def test_a_job_of_two_nodes_has_ended_when_both_have():
    assert life("indexed2", nodes=2) == [Standing(), Standing(ended=True)]


@pytest.mark.parametrize("case", ["deadline", "badimage", "unschedulable"])
def test_a_recorded_job_that_was_too_long_for_itself_ends_as_such_when_its_pods_are_gone(case):
    lives = life(case)
    assert lives[0] == Standing()
    assert lives[-1] == Standing(ended=True, error=WALLTIME)
    assert all(one.error in {"", WALLTIME} for one in lives)


@pytest.mark.parametrize("case", ["ok", "exit7", "oom", "poddeadline", "indexed2"])
def test_the_end_is_known_before_the_job_counts_it(case):
    nodes = 2 if case == "indexed2" else 1
    ended = [moment for moment, one, pods in recorded(case) if standing(task(nodes=nodes), one, pods).ended]
    counted = [
        moment
        for moment, one, _ in recorded(case)
        if any(c.type in {"Complete", "Failed"} for c in one.status.conditions or ())
    ]
    assert ended[0] < counted[0] - 0.8


def test_a_log_is_there_once_the_container_runs():
    begun = [any(map(has_begun, pods)) for _, _, pods in recorded("ok")]
    assert begun == sorted(begun)
    assert begun[0] is False
    assert begun[-1] is True


@pytest.mark.parametrize(
    ("terminated", "error"),
    [
        ({"exitCode": 0}, ""),
        ({"exitCode": 3}, "Exit status 3"),
        ({"exitCode": 137}, "Exit status 137 (killed by SIGKILL)"),
        ({"exitCode": 4, "message": "rank 0 4\n"}, "Exit status 4"),
        ({"exitCode": 4, "message": "init 4\n"}, "The init-cmd failed: pip install x: exit status 4"),
        ({"exitCode": 4, "message": "rank 0 4; rm -rf /"}, "Exit status 4"),
        (
            {"exitCode": 128, "reason": "StartError", "message": 'exec: "/bin/sh": no such file'},
            'The image cannot run a job, which begins with its /bin/sh: exec: "/bin/sh": no such file.',
        ),
        (
            {
                "exitCode": 128,
                "reason": "StartError",
                "message": "container init was OOM-killed (memory limit too low?)",
            },
            "Its node could not start the container: container init was OOM-killed (memory limit too low?).",
        ),
        ({"exitCode": 0, "reason": "OOMKilled"}, ""),
    ],
)
def test_an_end_is_told_in_words(terminated, error):
    state = standing(task(init_command="pip install x"), job(), [pod(terminated=terminated)])
    assert state == Standing(ended=True, error=error)


def test_of_several_ranks_the_one_that_failed_is_named():
    pods = [pod(0, running={}), pod(1, terminated={"exitCode": 7, "message": "rank 3 7"})]
    assert standing(task(nodes=2, processes_per_node=2), job(), pods) == Standing(error="Rank 3: exit status 7")


def test_the_first_failure_is_told_and_not_those_that_it_has_caused():
    killed = pod(0, deleted="2026-11-22T08:11:59Z", terminated={"exitCode": 143, "finishedAt": "2026-11-22T08:11:20Z"})
    later = pod(1, terminated={**EXIT_7, "finishedAt": "2026-11-22T08:11:29Z"})
    first = pod(2, terminated=EXIT_7)
    assert standing(task(nodes=3), job(), [killed, later, first]).error == "Rank 2: exit status 7"


def test_memory_is_told_with_the_node():
    pods = [pod(0, running={}), pod(1, terminated={"exitCode": 137, "reason": "OOMKilled"})]
    assert standing(task(nodes=2), job(), pods).error == "Killed: used more than 64Mi of memory on node 1"
    assert standing(task(memory_bytes=0), job(), pods[1:]).error == "Killed: there was no memory left"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            {"reason": "Evicted", "message": "The node was low on resource: memory."},
            "Its node has stopped it: The node was low on resource: memory.",
        ),
        ({"reason": "NodeLost", "message": ""}, "Its node was lost."),
        (
            {"conditions": [condition("DisruptionTarget", reason="PreemptionByScheduler", message="preempted")]},
            "Stopped for a job of higher priority: preempted.",
        ),
        (
            {"conditions": [condition("DisruptionTarget", reason="DeletionByTaintManager", message="taint")]},
            "Its node was lost: taint.",
        ),
        (
            {"conditions": [condition("DisruptionTarget", reason="SomethingNew", message="why")]},
            "Kubernetes has stopped it: why.",
        ),
        (
            {"reason": "OutOfcpu", "message": "Node didn't have enough\ncpu\x1b[31m"},
            "Its node has refused it (OutOfcpu): Node didn't have enough cpu [31m.",
        ),
    ],
)
def test_what_a_cluster_does_to_a_pod_is_told(status, error):
    assert standing(task(), job(), [pod(phase="Failed", **status)]) == Standing(ended=True, error=error)


def test_a_job_that_is_gone_was_deleted_by_somebody_else():
    gone = Standing(ended=True, error="The Kubernetes job was deleted by somebody else.")
    assert standing(task(), None, []) == gone
    assert not standing(task(), None, [pod(running={}, deleted="2099-01-01T00:00:00Z")]).ended
    killed = pod(deleted="2026-11-22T08:11:59Z", terminated={"exitCode": 143})
    assert standing(task(), job(deleted="2026-11-22T08:11:59Z"), [killed]) == gone


def test_a_pod_that_is_deleted_was_deleted_by_somebody_else():
    killed = pod(deleted="2026-11-22T08:11:59Z", terminated={"exitCode": 143})
    state = standing(task(), job(), [killed])
    assert state == Standing(ended=True, error="A pod of the Kubernetes job was deleted by somebody else.")
    failed = job(condition("Failed", reason="BackoffLimitExceeded"))
    assert standing(task(), failed, []) == state


def test_that_a_pod_is_being_deleted_is_known_before_it_has_ended():
    ending = pod(running={}, deleted="2099-01-01T00:00:00Z")
    error = "A pod of the Kubernetes job was deleted by somebody else."
    assert standing(task(), job(), [ending]) == Standing(error=error)


def test_a_program_that_ends_well_while_its_pod_is_deleted_has_ended_well():
    assert standing(task(), job(), [pod(phase="Succeeded", deleted="2026-11-22T08:11:59Z")]) == Standing(ended=True)


def test_a_job_without_pods_waits():
    assert standing(task(), job(), []) == Standing()
    assert standing(task(), job(condition("Suspended")), []) == Standing()


def test_conditions_that_come_first_end_nothing():
    early = [condition("SuccessCriteriaMet"), condition("FailureTarget", reason="BackoffLimitExceeded")]
    assert not standing(task(nodes=2), job(*early), [pod(0, terminated={"exitCode": 0})]).ended


def test_a_job_that_has_succeeded_and_whose_pods_are_gone_has_succeeded():
    assert standing(task(), job(condition("Complete")), []) == Standing(ended=True)


def test_other_reasons_for_the_end_of_a_job_are_passed_on():
    state = standing(task(), job(condition("Failed", reason="New", message="because\nof this")), [])
    assert state == Standing(ended=True, error="Kubernetes has ended the job: because of this.")


def test_what_a_site_has_put_beside_the_job_may_go_on():
    one = pod(terminated={"exitCode": 0})
    assert one.status.phase == "Running"
    assert standing(task(), job(), [one]).ended


def test_a_pod_that_should_have_been_gone_for_long_is_not_waited_for():
    now = datetime.now(timezone.utc)
    stuck = pod(running={}, deleted=(now - timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert standing(task(), None, [stuck], now).ended
    assert not standing(task(), None, [stuck], now - timedelta(seconds=60)).ended
