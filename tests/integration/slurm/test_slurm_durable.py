"""Jobs that go on without their executor, and executors that go on without the controller."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time

import pytest
from cluster_jobs import READ_S, Follower, task

from tests.waiting import eventually

_EXECUTOR = """
import json, sys
from pathlib import Path
from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.slurm.engine import SlurmEngine
from pollinator_magic.executors.slurm.settings import SlurmSettings

fs_dir, settings, fields, until = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
engine = SlurmEngine(SlurmSettings(**settings), fs_dir)
engine.open()
job = engine.start(Task(**fields))
text = b""
while True:
    job.poll()
    text += job.read(0.05)
    if until and until.encode() in text:
        print(json.dumps([job.position, text.decode()]), flush=True)
        until = ""
"""


class Mortal:
    """An executor's engine in a process of its own, which can be killed."""

    def __init__(self, nodes, wanted, *, until="", **settings):
        fields = {name: getattr(wanted, name) for name in ("process_id", "command", "args", "walltime_s")}
        words = [str(nodes.fs_dir), json.dumps({"conf": str(nodes.cluster.conf), "runtime": "none", **settings})]
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_EXECUTOR), *words, json.dumps(fields), until],
            stdout=subprocess.PIPE,
            text=True,
        )

    def said(self):
        return json.loads(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def jobs_of(cluster, wanted):
    return cluster.run("squeue", "-h", "-t", "all", "-n", wanted.process_id, "-o", "%i").split()


def test_a_running_job_is_taken_up_where_its_log_was_read_when_the_executor_was_killed(nodes, cluster):
    wanted = task("echo one; while ! [ -e /cfs/go ]; do sleep 0.1; done; echo two; exit 4")
    first = Mortal(nodes, wanted, until="one\n")
    position, _ = first.said()
    first.kill()
    engine = nodes.engine()

    assert engine.leftovers() == [wanted.process_id]
    follower = Follower(engine.resume(wanted, position))
    assert engine.leftovers() == []
    follower.until(lambda: follower.job.attributes)
    (nodes.fs_dir / "go").touch()

    assert follower.to_the_end() == "Exit status 4"
    assert follower.text == "two\n"
    follower.job.close()
    assert len(jobs_of(cluster, wanted)) == 1
    assert engine.leftovers() == []


def test_a_job_that_has_ended_meanwhile_is_taken_up_with_its_whole_log(nodes, cluster):
    wanted = task("echo one; echo two; exit 4")
    job = nodes.engine().start(wanted)
    Follower(job).until(lambda: jobs_of(cluster, wanted))
    job.leave()
    eventually(lambda: not cluster.states())

    follower = Follower(nodes.engine().resume(wanted, ""))

    assert follower.to_the_end() == "Exit status 4"
    assert follower.text == "one\ntwo\n"
    follower.job.close()


@pytest.mark.parametrize("slow", ["before", "after"])
def test_a_job_is_submitted_once_though_its_executor_is_killed_while_sbatch_runs(nodes, cluster, tmp_path, slow):
    commands = cluster.counting_commands(tmp_path / "slow")
    sbatch = commands / "sbatch"
    real = sbatch.read_text().splitlines()[-1].removeprefix("exec ")
    wait = f"touch {tmp_path}/reached; while ! [ -e {tmp_path}/go ]; do sleep 0.05; done"
    sbatch.write_text("#!/bin/sh\n" + (f"{wait}\n{real}\n" if slow == "before" else f"{real}\n{wait}\n"))
    wanted = task("echo once")
    mortal = Mortal(nodes, wanted, commands=str(commands))
    eventually((tmp_path / "reached").exists)
    mortal.kill()

    follower = Follower(nodes.engine().resume(wanted, ""))
    for _ in range(3):
        follower.read()
    (tmp_path / "go").touch()

    assert follower.to_the_end() == ""
    assert follower.text == "once\n"
    assert len(jobs_of(cluster, wanted)) == 1
    follower.job.close()


def test_a_job_whose_number_was_never_written_down_is_found_by_its_name_and_place(nodes, cluster):
    engine = nodes.engine()
    wanted = task("echo one; sleep 600")
    job = engine.start(wanted)
    Follower(job).until(lambda: job.attributes)
    job.leave()
    (attempt,) = engine.attempts(wanted.process_id)
    (attempt.directory / "job").unlink()
    (attempt.directory / "started").write_bytes(b"")

    follower = Follower(engine.resume(wanted, "0"))
    follower.until(lambda: follower.text == "one\n")
    follower.job.cancel(grace_s=0)

    assert follower.to_the_end() == "Cancelled."
    assert len(jobs_of(cluster, wanted)) == 1
    follower.job.close()


def test_a_job_that_was_written_down_and_never_submitted_is_submitted_when_it_is_taken_up(nodes, cluster):
    engine = nodes.engine()
    wanted = task("echo once")
    engine.new_attempt(wanted, None, print)

    follower = Follower(engine.resume(wanted, ""))

    assert follower.to_the_end() == ""
    assert follower.text == "once\n"
    assert len(jobs_of(cluster, wanted)) == 1
    follower.job.close()


def test_what_an_earlier_attempt_has_left_running_is_ended_before_the_next_one_starts(nodes, cluster):
    wanted = task("trap '' TERM; echo on; while :; do sleep 1; done")
    first = Mortal(nodes, wanted, until="on\n")
    first.said()
    first.kill()

    follower = Follower(nodes.engine().start(wanted))
    follower.until(lambda: "on\n" in follower.text)

    assert len(cluster.states()) == 1  # not even one that is completing
    follower.job.close()


def test_what_is_left_of_a_job_nobody_wants_is_ended_and_removed(nodes, cluster):
    engine = nodes.engine()
    wanted = task("echo on; sleep 600")
    job = engine.start(wanted)
    Follower(job).until(lambda: job.attributes)
    job.leave()

    engine.discard(wanted.process_id)

    assert engine.leftovers() == []
    assert "R" not in cluster.run("squeue", "-h", "-o", "%t")


def test_a_process_that_was_never_started_here_is_nothing_to_take_up(nodes):
    assert nodes.engine().resume(task("echo"), "") is None


def test_a_half_written_attempt_is_none(nodes):
    engine = nodes.engine()
    (engine.state_dir / ".new-1234").mkdir()

    assert engine.leftovers() == []
    nodes.engine()
    assert list(engine.state_dir.iterdir()) == []


def test_jobs_go_on_while_the_controller_is_restarted(nodes, cluster):
    go = nodes.fs_dir / "go"
    follower = Follower(nodes.engine().start(task("echo on; while ! [ -e /cfs/go ]; do sleep 0.1; done; exit 3")))
    follower.until(lambda: follower.text and follower.job.attributes)
    cluster.stop_controller()
    go.touch()

    try:
        assert follower.to_the_end() == "Exit status 3"
    finally:
        cluster.start_controller()
    follower.job.close()


def test_a_job_is_submitted_when_the_controller_answers_again(nodes, cluster):
    cluster.stop_controller()
    try:
        follower = Follower(nodes.engine().start(wanted := task("echo once")))
        follower.until(lambda: "does not take the job yet" in follower.text)
    finally:
        cluster.start_controller()

    assert follower.to_the_end() == ""
    assert follower.text.splitlines()[-1] == "once"
    assert len(jobs_of(cluster, wanted)) == 1
    follower.job.close()


def test_a_job_that_slurm_has_forgotten_is_judged_by_its_last_word_or_is_lost(nodes, cluster):
    engine = nodes.engine()
    follower = Follower(engine.start(task("echo on; sleep 600")))
    follower.until(lambda: follower.text and follower.job.attributes)
    number = follower.job.attributes["SLURM-JOBID"]
    cluster.stop_controller()
    cluster.start_controller(forgetful=True)

    error = follower.to_the_end()

    stopped = ("Exit status 143", "Exit status 137")  # by the node, which hears that nobody knows the job
    assert error.startswith((f"Slurm does not know job {number} any more", *stopped))
    follower.job.close()


def test_a_hundred_waiting_jobs_cost_one_question_an_interval(nodes, cluster, tmp_path):
    commands = cluster.counting_commands(tmp_path / "counting")
    blocker = nodes.engine().start(task("sleep 600", nodes=4, cpu_millis=4000))
    Follower(blocker).until(lambda: blocker.attributes)
    engine = nodes.engine(commands=str(commands), query_s=0.5, longest_query_s=2)
    began = time.monotonic()
    jobs = [engine.start(task("true")) for _ in range(100)]

    def all_are_known():
        for job in jobs:
            job.poll()
        return len(cluster.states()) == 101 and all(engine.queue.standing(job._job) for job in jobs)

    eventually(all_are_known)
    asked_before = asked(commands, "squeue")
    quiet_from = time.monotonic()
    while time.monotonic() < quiet_from + 6:
        for job in jobs:
            job.read(0)
        time.sleep(READ_S)
    quiet = asked(commands, "squeue") - asked_before
    most = (time.monotonic() - quiet_from) / 0.5 + 1

    assert asked_before <= (quiet_from - began) / 0.5 + 1
    assert quiet <= most
    assert asked(commands, "sbatch") == 100
    assert asked(commands, "scontrol") == asked(commands, "sacct") == 0
    for job in jobs:
        job.cancel(grace_s=0)

    def all_have_ended():
        outcomes = [job.poll() for job in jobs]  # each of them moves on
        return all(outcomes)

    eventually(all_have_ended)
    before = asked(commands, "squeue")
    for job in (*jobs, blocker):
        job.close()
    eventually(lambda: engine.queue._thread is None)
    assert asked(commands, "squeue") <= before + 1


def asked(commands, name):
    file = commands / "asked"
    lines = file.read_text().splitlines() if file.exists() else []
    return sum(line.startswith(f"{name} ") for line in lines)
