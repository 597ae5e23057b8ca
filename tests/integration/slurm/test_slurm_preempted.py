"""Jobs whose nodes a more urgent one takes."""

from __future__ import annotations

import pytest
from cluster_jobs import Follower, run, task, wanted_by_others, without_news_of_the_queue

LINE = 'echo "try ${SLURM_RESTART_COUNT:-0}"; [ -n "$SLURM_RESTART_COUNT" ] || exec sleep 600'


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_job_whose_nodes_are_taken_is_started_again_and_ends_once(nodes, cluster, ranks):
    follower = Follower(nodes.engine().start(task(LINE, nodes=ranks)))
    follower.until(lambda: follower.text.count("try 0") == ranks and follower.job.attributes)
    number = follower.job.attributes["SLURM-JOBID"]

    wanted_by_others(cluster, seconds=1)

    assert follower.to_the_end() == ""
    again = f"Slurm has started job {number} again."
    assert without_news_of_the_queue(follower.text) == ["try 0"] * ranks + [again] + ["try 1"] * ranks
    follower.job.close()


@pytest.mark.parametrize("settings", [{"partition": "cheap"}, {"requeue": False}])
def test_a_job_that_is_ended_for_another_and_not_started_again_is_told_so(nodes, cluster, settings):
    # Slurm tells one process after the other: a program that is done at once may be so before its script is told.
    saving = "trap 'echo asked; sleep 1; exit 0' TERM; echo on; sleep 600 & wait"
    follower = Follower(nodes.engine(**settings).start(task(saving)))
    follower.until(lambda: follower.text == "on\n" and follower.job.attributes)
    number = follower.job.attributes["SLURM-JOBID"]

    wanted_by_others(cluster, seconds=600)

    assert follower.to_the_end() == (
        f"Slurm job {number} had to make room for a more urgent one, and was not started again. Submit it again."
    )
    assert follower.text == "on\nasked\n"
    follower.job.close()


def test_a_job_that_waits_for_a_more_urgent_one_runs_when_that_has_ended(nodes, cluster):
    urgent = wanted_by_others(cluster, seconds=600)
    cluster.wait_until_running(urgent)
    follower = Follower(nodes.engine().start(task("echo then")))
    follower.until(lambda: "Waiting in the queue of Slurm" in follower.text)

    cluster.run("scancel", urgent)

    assert follower.to_the_end() == ""
    assert without_news_of_the_queue(follower.text) == ["then"]
    follower.job.close()


def test_a_more_urgent_job_of_ours_takes_nodes_of_others(nodes, cluster):
    words = ("--parsable", "--partition=cheap", "--nodes=4", "--exclusive", "--output=/dev/null", "--wrap=sleep 600")
    cluster.wait_until_running(cluster.run("sbatch", *words).strip())

    assert run(nodes.engine(partition="urgent"), "echo at once", nodes=4) == ("", "at once\n" * 4)
