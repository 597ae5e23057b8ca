"""The one slow test: Slurm looks at time limits twice a minute."""

from __future__ import annotations

from cluster_jobs import Follower, task


def test_wall(nodes):
    follower = Follower(nodes.engine().start(task("echo on; exec sleep 600", walltime_s=60)))

    error = follower.to_the_end(within_s=170)

    number = follower.job.attributes["SLURM-JOBID"]
    assert (
        error
        == f"Stopped by Slurm: job {number} ran longer than its time limit of 1 min. Ask for more with --walltime."
    )
    assert follower.text == "on\n"
    follower.job.close()
