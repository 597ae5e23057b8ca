"""Jobs in images, through the stand-in for Singularity, which really changes root."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_jobs import Follower, run, task

SINGULARITY = str(Path(__file__).parents[2] / "standins" / "singularity")
HOSTILE = ("it's", '"', "a\nb", "$(id)", "`id`", "$HOME", "-n", "a,b", "&#39;<b>", "\\", "ü", "$$", "")
_SHOW = (
    "import json, os, sys; print(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k[:2] == 'T_'}]))"
)


@pytest.fixture
def engine(nodes):
    return nodes.engine(runtime=SINGULARITY)


def test_an_image_is_fetched_and_the_job_runs_in_it(engine):
    error, log = run(engine, "cat /etc/standin", image="python:3.12")

    assert error == ""
    assert log.startswith("Fetching the image python:3.12.\ndocker://python:3.12 ")


def test_all_ranks_run_in_the_image_and_know_which_they_are(engine):
    error, log = run(engine, "echo $SLURM_PROCID on $(hostname) in $(cut -c-9 /etc/standin)", image="x", nodes=3)

    assert error == ""
    assert sorted(log.splitlines()[1:]) == [f"{rank} on n{rank + 1} in docker://" for rank in range(3)]


def test_a_job_in_an_image_sees_its_files_at_its_mount_and_at_cfs(engine, nodes):
    (nodes.fs_dir / "p").mkdir(parents=True)

    error, log = run(
        engine,
        'pwd; echo 1 > /data/p/one; echo 2 > /cfs/p/two; ls "$PROJECT_DIR"; echo $HOME',
        image="x",
        mount="/data",
        env={"PROJECT_DIR": "/data/p"},
    )

    assert error == ""
    assert log.splitlines()[1:4] == ["/data/p", "one", "two"]
    assert sorted(path.name for path in (nodes.fs_dir / "p").iterdir()) == ["one", "two"]


def test_arguments_and_variables_arrive_untouched_in_an_image(engine):
    env = {f"T_{number}": value for number, value in enumerate(HOSTILE)}

    error, log = run(engine, "python3 -c", _SHOW, *HOSTILE, env=env, image="x", nodes=2)

    assert error == ""
    assert [json.loads(line) for line in log.splitlines()[1:]] == [[list(HOSTILE), env]] * 2


def test_the_init_cmd_runs_in_the_image_and_its_variables_hold_there(engine):
    error, log = run(
        engine,
        'echo "$MADE $(pwd)"',
        init_command='mkdir /cfs/made; cd /cfs/made; export MADE="it\'s"; cut -c-9 /etc/standin',
        image="x",
        nodes=2,
    )

    assert error == ""
    assert log.splitlines()[1:] == ["docker://", "it's /cfs/made", "it's /cfs/made"]


def test_gpus_are_shown_to_a_job_in_an_image_that_asks_for_some(nodes):
    engine = nodes.engine(runtime=SINGULARITY, runtime_gpu="rocm", gpu_option="gres")
    wanted = task("echo $STANDIN_GPU", image="x", gpus=1)
    attempt = engine.new_attempt(wanted, Path("/image"), print)

    assert "--rocm" in (attempt.directory / "command").read_text().split("\0")


def test_the_exit_code_of_a_program_in_an_image_is_told(engine):
    assert run(engine, "exit 7", image="x")[0] == "Exit status 7"


def test_badimg(engine):
    error, _ = run(engine, "echo never", image="nosuch/img")

    assert "nosuch/img could not be fetched" in error
    assert "manifest unknown" in error


def test_rebuild(engine, nodes):
    first = run(engine, "cat /etc/standin", image="x")[1].splitlines()[-1]
    same = run(engine, "cat /etc/standin", image="x")[1].splitlines()[-1]
    error, log = run(engine, "cat /etc/standin", image="x", rebuild_image=True)

    assert error == ""
    assert same == first
    assert log.splitlines()[0] == "Fetching the image x."
    assert log.splitlines()[-1] != first


def test_fetching_an_image_keeps_nothing_waiting_and_can_be_cancelled(engine, cluster):
    follower = Follower(engine.start(task("echo never", image="endless")))
    follower.until(lambda: "Fetching the image endless" in follower.text)

    follower.job.cancel(grace_s=0)

    assert follower.to_the_end() == "Cancelled."
    assert cluster.states() == {}
    follower.job.close()


def test_cancel_ends_a_job_in_an_image(engine, cluster):
    follower = Follower(engine.start(task("echo on; sleep 600", image="x", nodes=2)))
    follower.until(lambda: follower.text.count("on\n") == 2)

    follower.job.cancel(grace_s=2)

    assert follower.to_the_end() == "Cancelled."
    follower.job.close()
    cluster.wait_until_idle()
