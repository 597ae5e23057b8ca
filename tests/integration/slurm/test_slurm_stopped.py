"""Jobs that somebody stops: the user, somebody else, Slurm."""

from __future__ import annotations

import os
import sys

from cluster_jobs import Follower, run, task

EAT = "import time; x = bytearray(400 * 1024**2); print('eaten', flush=True); time.sleep(60)"


def block(nodes):
    """Take all processors of the cluster; return what gives them back."""
    job = nodes.engine().start(task("echo on; sleep 600", nodes=4, cpu_millis=4000))
    Follower(job).until(lambda: job.attributes)
    return job


def slurm_job(cluster, name):
    lines = cluster.run("squeue", "-h", "-n", name, "-o", "%i").split()
    return lines[0] if lines else None


def test_cancel_asks_a_program_to_end_and_lets_it(nodes, cluster):
    follower = Follower(nodes.engine().start(task("trap 'echo asked; exit 0' TERM; echo on; sleep 600 & wait")))
    follower.until(lambda: follower.text == "on\n")

    follower.job.cancel(grace_s=60)

    assert follower.to_the_end() == "Cancelled."
    assert follower.text == "on\nasked\n"
    follower.job.close()
    nodes_idle(cluster)


def test_cancel_ends_a_program_that_does_not_listen(nodes, cluster):
    for ranks in (1, 2):
        follower = Follower(nodes.engine().start(task("trap '' TERM; echo on; while :; do sleep 1; done", nodes=ranks)))
        follower.until(lambda follower=follower, ranks=ranks: follower.text == "on\n" * ranks)

        follower.job.cancel(grace_s=0.5)

        assert follower.to_the_end() == "Cancelled."
        follower.job.close()
    nodes_idle(cluster)


def test_cancel_takes_a_waiting_job_out_of_the_queue(nodes, cluster):
    blocker = block(nodes)
    job = nodes.engine().start(wanted := task("echo never"))
    follower = Follower(job)
    follower.until(lambda: slurm_job(cluster, wanted.process_id))

    job.cancel(grace_s=5)

    assert follower.to_the_end() == "Cancelled."
    assert slurm_job(cluster, wanted.process_id) is None
    assert "never" not in follower.text
    job.close()
    blocker.close()


def test_cancel_at_once_ends_what_is_just_being_submitted(nodes, cluster):
    job = nodes.engine().start(wanted := task("sleep 600"))
    job.poll()

    job.cancel(grace_s=0)

    assert Follower(job).to_the_end() == "Cancelled."
    assert slurm_job(cluster, wanted.process_id) is None
    job.close()


def test_close_kills_what_is_still_running(nodes, cluster):
    engine = nodes.engine()
    job = engine.start(task("echo on; sleep 600"))
    Follower(job).until(lambda: job.attributes)

    job.close()

    nodes_idle(cluster)
    cluster._until(lambda: engine.leftovers() == [])


def test_a_waiting_job_says_why_in_the_log(nodes, cluster):
    blocker = block(nodes)
    follower = Follower(nodes.engine().start(task("echo then")))

    follower.until(lambda: "Waiting in the queue of Slurm (" in follower.text)
    blocker.close()

    assert follower.to_the_end() == ""
    assert follower.text.endswith("then\n")
    assert follower.text.count("Waiting") <= 2
    follower.job.close()


def test_a_running_job_that_somebody_else_cancels_is_told_so(nodes, cluster):
    for ranks in (1, 2):
        follower = Follower(nodes.engine().start(task("echo on; exec sleep 600", nodes=ranks)))
        follower.until(lambda follower=follower: follower.text and follower.job.attributes)
        number = follower.job.attributes["SLURM-JOBID"]

        cluster.run("scancel", number)

        assert follower.to_the_end().startswith(f"Slurm job {number} was cancelled by somebody else")
        assert follower.text == "on\n" * ranks
        follower.job.close()


def test_a_waiting_job_that_somebody_else_cancels_is_told_so(nodes, cluster):
    blocker = block(nodes)
    follower = Follower(nodes.engine().start(wanted := task("echo never")))
    number = follower.until(lambda: slurm_job(cluster, wanted.process_id))

    cluster.run("scancel", number)

    assert follower.to_the_end().startswith(f"Slurm job {number} was cancelled by somebody else")
    assert "never" not in follower.text
    follower.job.close()
    blocker.close()


def test_a_program_that_needs_too_much_memory_is_told_so(nodes):
    for ranks in (1, 2):
        error, log = run(nodes.engine(), sys.executable, "-c", EAT, nodes=ranks, memory_bytes=100 * 1024**2)

        assert error == "Killed: used more than 100Mi of memory"
        assert "slurmstepd" not in log


def test_a_job_that_slurm_starts_again_goes_on(nodes, cluster):
    line = 'echo "try ${SLURM_RESTART_COUNT:-0}"; [ -n "$SLURM_RESTART_COUNT" ] || exec sleep 600'
    for ranks in (1, 2):
        follower = Follower(nodes.engine().start(task(line, nodes=ranks)))
        follower.until(
            lambda follower=follower, ranks=ranks: follower.text.count("try") == ranks and follower.job.attributes
        )

        cluster.run("scontrol", "requeue", follower.job.attributes["SLURM-JOBID"])

        assert follower.to_the_end() == ""
        kept = [line for line in follower.text.splitlines() if not line.startswith("Waiting")]
        number = follower.job.attributes["SLURM-JOBID"]
        assert sorted(kept) == sorted(
            ["try 0"] * ranks + [f"Slurm has started job {number} again."] + ["try 1"] * ranks
        )
        follower.job.close()


def test_a_job_whose_node_fails_is_started_again_where_it_may(nodes, cluster):
    line = 'echo "$SLURMD_NODENAME"; [ -n "$SLURM_RESTART_COUNT" ] || sleep 600'
    follower = Follower(nodes.engine().start(task(line)))
    follower.until(lambda: follower.text and follower.job.attributes)
    first = follower.job.attributes["NODES"]

    cluster.run("scontrol", "update", f"NodeName={first}", "State=DOWN", "Reason=test")

    assert follower.to_the_end() == ""
    assert [line for line in follower.text.splitlines() if not line.startswith("Waiting")][1].endswith("again.")
    follower.job.close()


def test_a_job_whose_node_fails_is_told_so_where_it_may_not_be_started_again(nodes, cluster):
    follower = Follower(nodes.engine(requeue=False).start(task("echo on; sleep 600")))
    follower.until(lambda: follower.text and follower.job.attributes)

    cluster.run("scontrol", "update", f"NodeName={follower.job.attributes['NODES']}", "State=DOWN", "Reason=test")

    assert "failed, and Slurm has not started the job again" in follower.to_the_end()
    follower.job.close()


def test_a_job_that_is_suspended_goes_on_afterwards(nodes, cluster):
    go = nodes.fs_dir / "go"
    follower = Follower(nodes.engine().start(task("echo on; while ! [ -e /cfs/go ]; do sleep 0.1; done; echo off")))
    follower.until(lambda: follower.text == "on\n" and follower.job.attributes)
    number = follower.job.attributes["SLURM-JOBID"]

    cluster.run("scontrol", "suspend", number)
    follower.until(lambda: cluster.states()[number] == "SUSPENDED")
    go.touch()
    cluster.run("scontrol", "resume", number)

    assert follower.to_the_end() == ""
    assert follower.text == "on\noff\n"
    follower.job.close()


def test_a_script_that_is_killed_without_a_word_is_no_success(nodes):
    follower = Follower(nodes.engine().start(task("echo $PPID; sleep 600")))
    follower.until(lambda: follower.text.endswith("\n") and follower.job.attributes)

    os.kill(int(follower.text), 9)

    assert "before its script could say how" in (error := follower.to_the_end())
    assert "SIGKILL" in error
    follower.job.close()


def nodes_idle(cluster):
    cluster.wait_until_idle()
