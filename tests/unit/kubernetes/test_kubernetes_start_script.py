"""What runs inside a pod, by every shell that images bring; as processes of this host."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from importlib.resources import files

import psutil
import pytest
from cluster_objects import task

from pollinator_magic.executors.hostcommand import rank_variables
from tests.waiting import eventually

SCRIPT = files("pollinator_magic.executors.kubernetes").joinpath("start.sh").read_text(encoding="utf-8")
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}


class Pod:
    """Where the script runs as if in a pod; another one shares what pods of a job share."""

    def __init__(self, shell, directory, shared=None) -> None:
        self.shell = shell
        self.own = directory / "own"
        self.own.mkdir(parents=True)
        self.shared = shared or directory / "shared"
        self.note = directory / "note"

    def start(self, line, *, init="", nodes=1, per_node=1, grace=1, index=None, **env):
        arguments = [line, init, nodes, per_node, grace, self.own, self.shared, self.note]
        own = {"PATH": os.environ["PATH"], "HOME": str(self.own / "home"), **env}
        if index is not None:
            own["JOB_COMPLETION_INDEX"] = str(index)
        return subprocess.Popen(
            [*self.shell, "-c", SCRIPT, "start", *map(str, arguments)],
            env=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, line, **options):
        process = self.start(line, **options)
        log, _ = process.communicate(timeout=60)
        return log, process.returncode

    @property
    def said(self):
        return self.note.read_text().strip() if self.note.exists() else ""


@pytest.fixture(params=SHELLS)
def shell(request):
    return SHELLS[request.param]


@pytest.fixture
def pod(shell, tmp_path):
    return Pod(shell, tmp_path / "pod")


def test_output_and_exit_status_are_the_programs(pod):
    assert pod.run("echo out; echo err >&2; exit 7") == ("out\nerr\n", 7)
    assert pod.said == "rank 0 7"


def test_a_program_that_ends_well_leaves_no_note(pod):
    assert pod.run("true") == ("", 0)
    assert pod.said == ""


def test_a_program_works_in_its_project_directory_or_in_an_empty_one(pod, tmp_path):
    assert pod.run("pwd", PROJECT_DIR=str(tmp_path)) == (f"{tmp_path}\n", 0)
    assert pod.run("pwd; ls", PROJECT_DIR="/nowhere") == (f"{pod.own}/work\n", 0)


@pytest.mark.parametrize(("nodes", "per_node"), [(1, 1), (1, 3), (2, 1), (2, 2)])
def test_ranks_are_told_apart_as_on_any_other_engine(shell, tmp_path, nodes, per_node):
    asked = task(nodes=nodes, processes_per_node=per_node)
    expected = [rank_variables(asked, rank, 29500) for rank in range(asked.ranks)]
    apart = [name for name in expected[0] if len({one[name] for one in expected}) > 1] or ["SLURM_PROCID"]
    line = "echo " + " ".join(f"{name}=${name}" for name in apart)
    lines = []
    for index in range(nodes):
        log, status = Pod(shell, tmp_path / str(index)).run(line, nodes=nodes, per_node=per_node, index=index)
        assert status == 0
        lines += log.splitlines()
    assert sorted(lines) == sorted(" ".join(f"{name}={one[name]}" for name in apart) for one in expected)


def test_a_single_rank_is_not_told_of_companions(pod):
    assert pod.run('echo "${RANK-none} ${PMI_RANK-none} $SLURM_NODEID"') == ("none none 0\n", 0)


def test_lines_of_several_ranks_are_never_mixed(pod):
    program = textwrap.dedent("""
        import os, sys
        rank = os.environ["SLURM_PROCID"]
        for n in range(100):
            for piece in (rank * 20, " ", str(n), "\\n"):
                sys.stdout.write(piece)
                sys.stdout.flush()
        sys.stdout.write("  spaces \\\\ %s $HOME end of " + rank)
    """)
    log, status = pod.run(f'exec {sys.executable} -c "$PROGRAM"', per_node=3, PROGRAM=program)
    lines = log.splitlines()
    assert status == 0
    for rank in "012":
        assert [line for line in lines if line.startswith(rank)] == [f"{rank * 20} {n}" for n in range(100)]
        assert f"  spaces \\ %s $HOME end of {rank}" in lines


def test_when_one_rank_fails_the_others_are_ended_and_it_is_named(pod):
    line = (
        f'ready={pod.own}/ready-; if [ "$SLURM_PROCID" = 1 ]; then until [ -e ${{ready}}0 ] && [ -e ${{ready}}2 ]; '
        "do sleep 0.05; done; exit 7; fi; "
        'trap "echo asked; exit 3" TERM; touch $ready$SLURM_PROCID; sleep 600 & wait'
    )
    log, status = pod.run(line, per_node=3, grace=2)
    assert status == 7
    assert pod.said == "rank 1 7"
    assert log == "asked\nasked\n"


def test_what_a_rank_does_not_end_by_itself_is_killed(pod):
    log, status = pod.run('[ "$SLURM_PROCID" = 0 ] && exit 5; trap "" TERM; while :; do sleep 1; done', per_node=2)
    assert status == 5, log


def slow_to_start(pod, what_happens_before):
    """Return a PATH with which rank 1 starts only after this has happened."""
    tools = pod.own.parent / "tools"
    tools.mkdir()
    real = shutil.which("mkfifo")
    slow = tools / "mkfifo"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *output.1) {what_happens_before} ;; esac\nexec {real} "$@"\n')
    slow.chmod(0o755)
    return f"{tools}:{os.environ['PATH']}"


def test_a_rank_that_starts_when_another_has_failed_is_ended_too(pod):
    told = pod.own / "told" / "KILL"
    path = slow_to_start(pod, f"until [ -e {told} ]; do sleep 0.05; done")
    log, status = pod.run('[ "$SLURM_PROCID" = 0 ] && exit 5; exec sleep 600', per_node=2, PATH=path)
    assert status == 5, log


def test_a_rank_that_starts_when_the_pod_has_been_asked_to_end_is_asked_too(pod):
    asked = pod.own / "asked"
    path = slow_to_start(pod, f"touch {asked}; until [ -e {pod.own}/told/TERM ]; do sleep 0.05; done")
    process = pod.start("exec sleep 600", per_node=2, PATH=path)
    eventually(lambda: asked.exists() or (pod.own / "running.1").exists())
    process.send_signal(signal.SIGTERM)
    log, _ = process.communicate(timeout=60)
    assert process.returncode == 143, log


def test_a_pod_that_is_asked_to_end_asks_its_programs(pod):
    process = pod.start("trap 'echo cleaning; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    log, _ = process.communicate(timeout=60)
    assert "cleaning" in log
    assert process.returncode == 143


def test_a_program_that_is_asked_to_end_takes_its_own_along(pod):
    process = pod.start("sleep 600 & echo $!; wait")
    child = int(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_an_init_command_runs_first_and_what_it_sets_is_the_programs(pod):
    init = "echo init; export COLOUR='light \"green\" $HOME'; mkdir -p sub; cd sub"
    log, status = pod.run('echo "$COLOUR $(basename "$PWD")"', init=init, per_node=2)
    assert (log, status) == ("init\n" + 'light "green" $HOME sub\n' * 2, 0)


def test_what_an_init_command_installs_for_the_user_is_found(pod):
    init = textwrap.dedent("""
        mkdir -p "$PYTHONUSERBASE/bin" "$(python3 -m site --user-site)"
        printf '#!/bin/sh\\necho installed\\n' > "$PYTHONUSERBASE/bin/greet"; chmod +x "$PYTHONUSERBASE/bin/greet"
        echo 'word = "imported"' > "$(python3 -m site --user-site)/greeting.py"
    """)
    line = "greet; python3 -c 'import greeting; print(greeting.word)'"
    log, status = pod.run(line, init=init, PATH="/usr/local/bin:/usr/bin:/bin")
    assert (log, status) == ("installed\nimported\n", 0)


@pytest.mark.parametrize("init", ["echo trying; exit 4", "echo trying; (exit 4)"])
def test_a_failing_init_command_ends_the_pod_and_is_named(pod, init):
    assert pod.run("echo never", init=init) == ("trying\n", 4)
    assert pod.said == "init 4"


def test_an_init_command_that_is_asked_to_end_is_not_followed_by_the_program(pod):
    process = pod.start("echo never", init="trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    log, _ = process.communicate(timeout=60)
    assert "never" not in log
    assert process.returncode == 143


def test_the_init_command_of_several_nodes_runs_once_and_holds_for_all(shell, tmp_path):
    line = 'echo "$COLOUR $SLURM_NODEID $JOB_COMPLETION_INDEX $HOSTNAME"'
    pods = [Pod(shell, tmp_path / str(index), tmp_path / "shared") for index in range(2)]
    (tmp_path / "shared").mkdir()
    second = pods[1].start(line, init="echo never", nodes=2, index=1, HOSTNAME="b")
    first = pods[0].run(line, init="echo once; export COLOUR=green", nodes=2, index=0, HOSTNAME="a")
    assert first == ("once\ngreen 0 0 a\n", 0)
    assert second.communicate(timeout=60)[0] == "green 1 1 b\n"


def test_a_pod_that_waits_for_the_first_one_can_be_asked_to_end(shell, tmp_path):
    pod = Pod(shell, tmp_path / "pod")
    process = pod.start("echo never", init="echo never", nodes=2, index=1)
    eventually(lambda: psutil.Process(process.pid).children())
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("", None)
    assert process.returncode == 143
