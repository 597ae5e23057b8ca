"""Jobs that end by themselves, over the engine alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cluster_jobs import Follower, run, task

HOSTILE = (
    *(
        "it's",
        '"quoted"',
        "a\nb",
        "$(touch /tmp/owned)",
        "`id -u`",
        "$HOME",
        "-n",
        "--help",
        "&& echo b <c> plus+",
        ";",
    ),
    *("ünï\u2603", "&#39;", "<b>&amp;</b>", "\\", "\\n", "%s%d", "#SBATCH --nodes=9", "a\tb", " ", "", "*", "!!", "~"),
)
_SHOW = (
    "import json, os, sys; print(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k[:2] == 'T_'}]))"
)


def test_a_command_runs_and_what_it_prints_arrives(nodes):
    assert run(nodes.engine(), "echo hello") == ("", "hello\n")


def test_a_job_of_three_nodes_runs_on_three_nodes_and_its_attributes_name_them(nodes):
    follower = Follower(nodes.engine().start(task("echo $SLURMD_NODENAME $SLURM_PROCID", nodes=3)))

    assert follower.to_the_end() == ""
    assert sorted(follower.text.splitlines()) == ["n1 0", "n2 1", "n3 2"]
    assert follower.job.attributes["NODES"] == "n1,n2,n3"
    assert follower.job.attributes["SLURM-JOBID"].isdigit()
    assert follower.job.attributes["HOME"] == str(Path.home())
    follower.job.close()


def test_several_processes_of_a_node_know_which_they_are(nodes):
    line = "echo $RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE $MASTER_ADDR"

    error, log = run(nodes.engine(), line, nodes=2, processes_per_node=2)

    assert error == ""
    assert sorted(log.splitlines()) == [f"{rank}/4 {rank % 2}/2 127.0.0.1" for rank in range(4)]


@pytest.mark.parametrize("ranks", [1, 2])
def test_arguments_and_variables_arrive_untouched(nodes, ranks):
    env = {f"T_{number}": value for number, value in enumerate(HOSTILE)}

    error, log = run(nodes.engine(), sys.executable, "-c", _SHOW, *HOSTILE, env=env, nodes=ranks)

    assert error == ""
    assert [json.loads(line) for line in log.splitlines()] == [[list(HOSTILE), env]] * ranks


def test_names_that_no_shell_can_set_are_left_out_and_the_log_says_so_once(nodes):
    error, log = run(nodes.engine(), "echo $A", env={"A": "a", "B-C": "2"})

    assert error == ""
    assert log == "Left out of the environment, because no shell can set them: 'B-C'.\na\n"


def test_attributes_of_an_earlier_attempt_are_no_variables_of_the_next(nodes):
    env = {"SLURM-JOBID": "3", "NODES": "n9", "HOME": "/elsewhere", "KEPT": "yes"}

    assert run(nodes.engine(), 'echo "$NODES $HOME $KEPT"', env=env) == ("", f" {Path.home()} yes\n")


def test_a_job_sees_nothing_of_the_executors_secrets_nor_its_choices_for_slurm(nodes, monkeypatch):
    for name in ("COLONIES_PRVKEY", "AWS_S3_SECRETKEY", "EXECUTOR_NAME", "SBATCH_PARTITION", "SLURM_PARTITION"):
        monkeypatch.setenv(name, "nosuch")

    error, log = run(nodes.engine(), "env")

    assert error == ""
    assert "nosuch" not in log


def test_both_streams_arrive_in_order_without_labels_or_noise(nodes):
    line = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3"

    for ranks in (1, 2):
        error, log = run(nodes.engine(), line, nodes=ranks)

        assert "exit status 3" in error.lower()
        assert sorted(log.splitlines()) == sorted(["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"] * ranks)
        if ranks == 1:
            assert log.splitlines() == ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"]


def test_what_a_job_prints_arrives_while_it_runs_without_an_end_of_line(nodes):
    follower = Follower(nodes.engine().start(task("printf half; sleep 60")))

    follower.until(lambda: follower.text == "half")

    follower.job.close()


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_exit_code_of_a_program_is_told(nodes, ranks):
    error, log = run(nodes.engine(), "sh", "-c", 'exit "$((7 * (SLURM_PROCID + 1 == SLURM_NTASKS)))"', nodes=ranks)

    assert error == ("Exit status 7" if ranks == 1 else "Rank 1: exit status 7")
    assert log == ""


def test_a_program_that_crashes_is_told_by_its_signal(nodes):
    assert run(nodes.engine(), "kill -SEGV $$") == ("Exit status 139 (killed by SIGSEGV)", "")


def test_a_program_that_ends_itself_as_if_it_was_stopped_is_no_mystery(nodes):
    assert run(nodes.engine(), "exit 143")[0] == "Exit status 143 (killed by SIGTERM)"


def test_a_job_begins_in_the_directory_of_its_project(nodes):
    engine = nodes.engine()
    (nodes.fs_dir / "p" / "x").mkdir(parents=True)

    error, log = run(engine, "pwd; echo $PROJECT_DIR", env={"PROJECT_DIR": "/cfs/p/x"})

    assert (error, log) == ("", f"{nodes.fs_dir}/p/x\n{nodes.fs_dir}/p/x\n")


def test_a_job_without_a_project_begins_in_an_empty_directory(nodes):
    assert run(nodes.engine(), "ls -A") == ("", "")


def test_nothing_of_a_job_is_left_when_it_has_ended(nodes):
    engine = nodes.engine()

    run(engine, "echo hello")

    assert list(engine.state_dir.iterdir()) == []
    assert engine.leftovers() == []


def test_a_job_gets_the_resources_that_it_asks_for(nodes):
    line = (
        "scontrol -o show job $SLURM_JOB_ID | tr ' ' '\\n' | grep -E '^(NumNodes|NumTasks|CPUs/Task|TimeLimit|TRES)='"
    )

    error, log = run(
        nodes.engine(partition="small"), line, nodes=2, cpu_millis=1500, memory_bytes=300 * 1024**2 + 1, walltime_s=61
    )

    assert error == ""
    assert set(log.split()) == {
        *("NumNodes=2", "NumTasks=2", "CPUs/Task=2", "TimeLimit=00:02:00"),
        "TRES=cpu=4,mem=602M,node=2,billing=4",
    }


def test_prolog_and_modules_of_the_site_come_before_the_job(nodes):
    engine = nodes.engine(
        prolog=['module() { echo "module $*"; }; export -f module', "export SITE='a b'", "echo from the site >&2"],
        login_shell=True,
    )

    error, log = run(engine, 'echo "$SITE"')

    assert (error, log) == ("", "from the site\na b\n")


def test_an_image_is_not_used_on_bare_nodes_and_the_log_says_so(nodes):
    error, log = run(nodes.engine(), "echo hello", image="python:3.12")

    assert error == ""
    assert log == "This executor runs jobs directly on the nodes; the image python:3.12 is not used.\nhello\n"


def test_an_image_without_a_runtime_is_no_job(nodes, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    error, log = run(nodes.engine(runtime="auto"), "echo hello", image="python:3.12")

    assert error.startswith("This executor cannot run the image python:3.12")
    assert log == ""


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"memory_bytes": 100 * 1024**3}, ["Memory specification can not be satisfied", "--mem"]),
        ({"gpus": 2}, ["Requested node configuration is not available", "--gpu"]),
    ],
)
def test_what_no_node_has_is_refused_with_slurms_words_and_what_to_do(nodes, wanted, words):
    engine = nodes.engine()

    error, log = run(engine, "echo hello", **wanted)

    assert error.startswith("Slurm did not take the job: ")
    assert all(word in error for word in words)
    assert "sbatch" not in error
    assert log == ""
    assert engine.leftovers() == []


def test_what_a_partition_never_has_is_given_up_and_leaves_the_queue(nodes, cluster):
    error, _ = run(nodes.engine(), "echo hello", nodes=9)

    assert error.startswith("Slurm would never start job ")
    assert "--nodes" in error
    assert cluster.states() == {}


def test_a_gpu_whose_name_would_be_an_option_is_refused(nodes):
    error, _ = run(nodes.engine(), "echo hello", gpus=1, gpu_name="a100,license:all")

    assert "not the name of a GPU" in error


def test_words_with_nul_are_refused(nodes):
    assert "NUL" in run(nodes.engine(), "echo", "a\0b")[0]
