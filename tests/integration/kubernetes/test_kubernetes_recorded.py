"""Recorded behaviour of Kubernetes 1.36.2, not a cluster: what goes wrong there, and how it is told."""

from __future__ import annotations

import logging
import threading

import pytest
from clusters import Grounds, finish
from test_kubernetes_jobs import COUNT, FOREVER, numbers

from tests.waiting import eventually, read_until

WALLTIME = "Stopped: ran longer than its walltime of 300 s"


@pytest.fixture
def fast(tmp_path):
    grounds = Grounds(tmp_path, speed=4)
    yield grounds
    grounds.close()


@pytest.mark.parametrize(
    ("case", "log", "error"),
    [
        ("ok", "hello\n", ""),
        ("exit7", "bad\n", "Exit status 7"),
        ("oom", "", "Killed: used more than 64Mi of memory"),
        ("deadline", "", WALLTIME),
        ("poddeadline", "", WALLTIME),
    ],
)
def test_a_recorded_job_ends_as_it_did(fast, case, log, error):
    fast.replay.play(case)
    assert fast.run("true") == (log, error)


def test_a_recorded_job_of_two_pods_gives_the_logs_of_both(fast):
    fast.replay.play("indexed2")
    log, error = fast.run("true", nodes=2)
    assert (sorted(log.splitlines()), error) == (["0", "1"], "")


def test_an_image_that_is_not_there_is_told_at_once_and_nothing_is_left(replayed):
    replayed.replay.play("badimage")
    _, error = replayed.run("true")
    assert error.startswith('The image of this job cannot be fetched: Container image "nosuch/img:1" is not present')
    eventually(lambda: not replayed.replay.jobs and not replayed.replay.pods)


def test_a_job_for_which_there_is_no_node_fails_with_the_schedulers_words(replayed):
    replayed.replay.play("unschedulable")
    log, error = replayed.run("true", engine=replayed.engine(start_patience_s=1))
    assert error.startswith("Kubernetes finds no node for this job: 0/1 nodes are available: 1 Insufficient cpu")
    assert log == f"Waiting: {error}\n"
    eventually(lambda: not replayed.replay.jobs)


def test_a_job_that_may_wait_for_a_node_waits(tmp_path):
    grounds = Grounds(tmp_path, speed=0.1)
    grounds.replay.play("unschedulable")
    job = grounds.engine(start_patience_s=0).start(grounds.task())
    read_until(job, "Waiting: Kubernetes finds no node")
    assert job.poll() is None
    job.cancel(grace_s=1)
    assert finish(job)[1] == "Cancelled."
    job.close()
    grounds.close()


def test_a_job_that_gets_no_pod_is_told_the_reason_from_the_events(replayed, monkeypatch):
    monkeypatch.setattr("pollinator_magic.executors.kubernetes.watcher._EVENTS_S", 0.2)
    replayed.replay.play("ok")  # which has no pod for two seconds
    replayed.replay.speed = 0.1
    engine = replayed.engine(start_patience_s=1)
    job = engine.start(replayed.task())
    eventually(lambda: job.poll() or replayed.replay.jobs)
    made = next(iter(replayed.replay.jobs.values()))
    earlier = {"metadata": {**made["metadata"], "uid": "of an earlier attempt"}}
    replayed.replay.add_event("Job", made, "FailedCreate", "exceeded quota: q")
    replayed.replay.add_event("Job", earlier, "FailedCreate", "something else")
    _, error = finish(job)
    job.close()
    assert error == "Kubernetes makes no pod for this job: exceeded quota: q."


def test_a_job_that_gets_some_of_its_pods_does_not_wait_for_the_others_for_ever(replayed, monkeypatch):
    monkeypatch.setattr("pollinator_magic.executors.kubernetes.watcher._EVENTS_S", 0.2)
    replayed.replay.quota = 1
    log, error = replayed.run("sleep 600", nodes=2, engine=replayed.engine(start_patience_s=1))
    assert error.startswith("Kubernetes does not make all pods of this job: Error creating: pods")
    assert error.endswith("exceeded quota: compute, requested: pods=1, used: pods=1, limited: pods=1.")
    assert log == f"Waiting: {error}\n"
    eventually(lambda: not replayed.replay.jobs and not replayed.replay.pods)


def test_what_the_account_may_not_do_is_named(replayed):
    replayed.replay.forbidden = {("create", "jobs")}
    _, error = replayed.run("true")
    assert "may not create jobs in this namespace" in error
    assert "rbac.yaml" in error


def test_a_log_that_may_not_be_read_is_told_and_the_outcome_is_known_all_the_same(replayed):
    replayed.replay.forbidden = {("get", "pods/log")}
    log, error = replayed.run("echo hi; exit 3")
    assert "may not get pods/log" in log
    assert error == "Exit status 3"


def test_a_job_over_nodes_that_may_not_have_a_service_is_refused_and_removed(replayed):
    replayed.replay.forbidden = {("create", "services")}
    _, error = replayed.run("sleep 60", nodes=2)
    assert "may not create services" in error
    eventually(lambda: not replayed.replay.jobs)


def test_a_second_attempt_over_nodes_has_a_service_that_does_not_go_with_the_first(replayed):
    engine, task = replayed.engine(), replayed.task("trap '' TERM; echo ready; while :; do sleep 0.05; done", nodes=2)
    job = engine.start(task)
    read_until(job, "ready\n")
    first = set(replayed.replay.services)
    job.close()
    again = engine.start(task)
    read_until(again, "ready\n")
    eventually(lambda: not first & set(replayed.replay.services))  # as late as its pods
    (service,) = replayed.replay.services.values()
    (made,) = replayed.replay.jobs.values()
    assert service["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert service["metadata"]["name"] == made["spec"]["template"]["spec"]["subdomain"]
    again.close()


def test_what_kubernetes_says_to_a_manifest_is_told(replayed, monkeypatch):
    refused = 'Job.batch "x" is invalid: spec.template.spec.restartPolicy: Required value'
    monkeypatch.setattr("tests.kubernetes_replay.problem", lambda _: (422, refused))
    assert replayed.run("true")[1] == f"Kubernetes does not take this job: {refused}"


def test_an_engine_cannot_start_where_jobs_may_not_be_listed(replayed):
    from pollinator_magic.errors import ConfigurationError

    replayed.replay.forbidden = {("list", "jobs")}
    with pytest.raises(ConfigurationError, match="may not list jobs"):
        replayed.engine()


def test_an_api_server_that_is_away_is_no_end_and_no_line_is_lost(replayed):
    job = replayed.engine().start(replayed.task("python3 -c", COUNT, "30", "0.08"))
    log = read_until(job, "3\n")
    with replayed.replay.unreachable():
        for _ in range(12):
            log += job.read(0.1).decode()
            assert job.poll() is None
    rest, error = finish(job)
    job.close()
    assert (numbers(log + rest), error) == (list(range(30)), "")


def test_a_job_is_submitted_when_the_api_server_is_back(replayed):
    engine = replayed.engine()
    with replayed.replay.unreachable():
        job = engine.start(replayed.task("echo hi"))
        said = read_until(job, "The job is submitted as soon as that is possible.\n")
    log, error = finish(job)
    job.close()
    assert (log, error) == ("hi\n", "")
    assert said.startswith("The Kubernetes API at http://127.0.0.1")


def test_a_job_whose_creation_was_never_answered_is_made_once(replayed):
    replayed.replay.unheard = 1
    log, error = replayed.run("echo hi")
    assert log.endswith("hi\n")
    assert error == ""
    assert len(replayed.replay.created) == 1


def test_what_meets_a_quota_that_somebody_else_changes_is_submitted_again(replayed):
    replayed.replay.conflicts = ["jobs", "services"]
    job = replayed.engine().start(replayed.task("echo ready; sleep 600", nodes=2))
    log = read_until(job, "ready\n")
    assert len(replayed.replay.services) == 1
    job.close()
    assert "the object has been modified" in log
    assert "earlier attempt" not in log


def test_a_job_that_is_larger_than_kubernetes_takes_is_refused(replayed, monkeypatch):
    monkeypatch.setattr(
        "tests.kubernetes_replay.problem", lambda _: (413, "Request entity too large: limit is 3145728")
    )
    assert replayed.run("true")[1] == "Kubernetes does not take this job: Request entity too large: limit is 3145728"


def test_a_job_that_is_cancelled_before_its_creation_is_answered_is_removed(replayed):
    replayed.replay.unheard = 1
    engine = replayed.engine()
    job = engine.start(replayed.task(FOREVER))
    read_until(job, "as soon as that is possible")
    assert replayed.replay.jobs
    job.cancel(grace_s=1)
    assert finish(job)[1] == "Cancelled."
    job.close()
    eventually(lambda: not replayed.replay.jobs and not replayed.replay.pods)


def test_a_job_that_cannot_be_removed_now_is_removed_later(replayed):
    engine = replayed.engine()
    job = engine.start(replayed.task("echo hi"))
    assert finish(job) == ("hi\n", "")
    with replayed.replay.unreachable():
        job.close()
        assert replayed.replay.jobs
    eventually(lambda: not replayed.replay.jobs)


def test_a_log_that_is_broken_off_again_and_again_is_whole(replayed):
    job = replayed.engine().start(replayed.task("python3 -c", COUNT, "200", "0.01"))
    log = ""
    for last in range(3, 190, 20):
        while last not in numbers(log) and job.poll() is None:
            log += job.read(0.1).decode()
        replayed.replay.break_logs()
    rest, error = finish(job)
    job.close()
    assert (numbers(log + rest), error) == (list(range(200)), "")
    assert replayed.replay.count("GET", "/log$") > 3


def test_lines_of_any_length_arrive_and_memory_is_bounded_while_nobody_reads(replayed):
    program = "print('x' * 300_000); [print('y' * 99) for _ in range(100_000)]"
    job = replayed.engine().start(replayed.task("python3 -c", program))
    eventually(lambda: job.poll() or job._log._bytes > 900_000)
    for _ in range(10):
        assert job._log._bytes < 1_300_000
        job.poll()
    log, error = finish(job)
    job.close()
    assert error == ""
    assert log == "x" * 300_000 + "\n" + ("y" * 99 + "\n") * 100_000


def test_a_job_that_somebody_deletes_is_told_as_such(replayed):
    job = replayed.engine().start(replayed.task(FOREVER))
    read_until(job, "ready\n")
    replayed.replay.delete_job(job.attributes["KUBERNETES_JOB"], {"propagationPolicy": "Background"})
    log, error = finish(job)
    job.close()
    assert error == "The Kubernetes job was deleted by somebody else."
    assert "cleaning" in log


def test_a_log_that_came_to_its_end_just_before_its_pod_went_is_whole(replayed):
    replayed.replay.seen_late_s = 0
    job = replayed.engine().start(replayed.task(FOREVER))
    read_until(job, "ready\n")
    replayed.replay.delete_job(job.attributes["KUBERNETES_JOB"], {"propagationPolicy": "Background"})
    log, error = finish(job)
    job.close()
    assert error == "The Kubernetes job was deleted by somebody else."
    assert log.splitlines()[-1] == "cleaning"  # and not that its end is gone with the pod


def test_a_pod_that_somebody_deletes_is_told_as_such(replayed):
    job = replayed.engine().start(replayed.task(FOREVER))
    read_until(job, "ready\n")
    (pod,) = replayed.replay.pods_of(job.attributes["KUBERNETES_JOB"])
    replayed.replay.delete_pods([pod["metadata"]["name"]], {"gracePeriodSeconds": 5})
    assert finish(job)[1] == "A pod of the Kubernetes job was deleted by somebody else."
    job.close()


def test_a_pod_that_its_node_evicts_is_told_with_the_nodes_words(tmp_path):
    grounds = Grounds(tmp_path, speed=0.1)
    grounds.replay.play("exit7")
    job = grounds.engine().start(grounds.task())
    eventually(lambda: job.poll() or grounds.replay.pods)

    def evict(pod):
        pod["status"] |= {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}

    grounds.replay.set_pod(next(iter(grounds.replay.pods)), evict)
    assert finish(job)[1] == "Its node has stopped it: The node was low on resource: memory."
    job.close()
    grounds.close()


def test_running_jobs_cost_one_list_an_interval_and_no_job_costs_nothing(replayed):
    engine = replayed.engine(query_s=0.5, longest_query_s=0.8)
    jobs = [engine.start(replayed.task("echo ready; sleep 600")) for _ in range(8)]
    for job in jobs:
        read_until(job, "ready\n")
    eventually(lambda: engine.watcher._interval_s == 0.8)
    lists = replayed.replay.count("GET", "/pods$")
    before = len(replayed.replay.requests)
    eventually(lambda: replayed.replay.count("GET", "/pods$") == lists + 2)
    assert [path.rpartition("/")[2] for _, path, _ in replayed.replay.requests[before:]] == ["pods", "pods"]
    for job in jobs:
        job.close()
    eventually(lambda: not replayed.replay.pods)
    quiet = len(replayed.replay.requests)
    threading.Event().wait(1)  # in which nothing may happen but what was on its way
    assert len(replayed.replay.requests) <= quiet + 1


def test_lists_of_several_pages_are_read_to_their_end(replayed):
    replayed.replay.page_size = 2
    engine = replayed.engine()
    jobs = [engine.start(replayed.task(f"echo {number}")) for number in range(5)]
    assert [finish(job) for job in jobs] == [(f"{number}\n", "") for number in range(5)]
    for job in jobs:
        job.leave()
    assert len(engine.leftovers()) == 5


def test_jobs_of_another_executor_are_not_this_ones(tmp_path, replayed):
    engine = replayed.engine()
    task = replayed.task("echo ready; sleep 600")
    job = engine.start(task)
    read_until(job, "ready\n")
    other = type(engine)(engine.settings, tmp_path / "elsewhere")
    other.open()
    assert not other.leftovers()
    assert other.resume(task, "") is None
    other.discard(task.process_id)
    other.close()
    assert job.poll() is None
    job.close()


def test_the_credentials_are_in_no_log_and_no_error(replayed, caplog):
    caplog.set_level(logging.DEBUG)
    replayed.replay.token = "another"
    from pollinator_magic.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="does not accept the credentials") as refused:
        replayed.engine()
    token = replayed.replay.kubeconfig.read_text().split("token: ")[1].split()[0]
    assert len(token) == 32
    assert token not in caplog.text + str(refused.value) + repr(refused.value.__cause__)


def test_no_thread_is_left(replayed):
    before = set(threading.enumerate())
    engine = replayed.engine()
    job = engine.start(replayed.task("echo ready; sleep 600"))
    read_until(job, "ready\n")
    job.leave()
    engine.close()
    ours = ("log-", "kubernetes")
    eventually(lambda: not [one for one in set(threading.enumerate()) - before if one.name.startswith(ours)])
