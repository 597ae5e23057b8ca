from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from hosting import Host

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.sessions import birth
from tests.waiting import eventually, read_to_the_end, read_until


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_log_has_both_streams_in_order_and_the_outcome_is_success(host):
    log, outcome = host.run("echo one; echo two >&2; echo three")
    assert log == "one\ntwo\nthree\n"
    assert outcome.error == ""


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("exit 3", "Exit status 3"),
        ("kill -KILL $$", "Killed by signal 9 (SIGKILL)"),
        ("no-such-program", "Exit status 127"),
    ],
)
def test_a_failure_is_told_in_words(host, command, error):
    assert host.run(command)[1].error == error


def test_arguments_arrive_as_they_were_given(host):
    arguments = ["a b", "$HOME", "it's", "*", ""]
    log, _ = host.run(f"{sys.executable} -c 'import sys; print(sys.argv[1:])'", *arguments)
    assert log == f"{arguments}\n"


def test_a_job_works_in_its_project_directory_and_sees_files_below_cfs(host):
    project = host.engine.fs_dir / "p"
    project.mkdir()
    (project / "in.txt").write_text("hello")
    log, outcome = host.run("pwd; cat", "/cfs/p/in.txt", env={"PROJECT_DIR": "/cfs/p"})
    assert (log, outcome.error) == (f"{project}\nhello", "")


def test_a_job_without_a_project_works_in_an_empty_directory_that_vanishes(host):
    log, _ = host.run("touch x; ls; pwd")
    assert log.startswith("x\n")
    assert not Path(log.splitlines()[1]).exists()


def test_a_root_directory_with_spaces_needs_no_quoting(tmp_path):
    host = Host(tmp_path / "Application Support")
    try:
        (host.engine.fs_dir / "p").mkdir()
        (host.engine.fs_dir / "p" / "main.sh").write_text("cd $PROJECT_DIR && echo ok > out.txt && cat /cfs/p/out.txt")
        log, outcome = host.run("sh /cfs/p/main.sh; cat /cfs/p/out.txt", env={"PROJECT_DIR": "/cfs/p"})
        assert log.endswith("ok\n")
        assert outcome.error == ""
    finally:
        host.engine.close()


def test_an_image_is_not_used_and_the_log_says_so_once(host):
    log, _ = host.run("echo hi", image="python:3.12")
    assert log == "This executor runs jobs directly on the host; the image python:3.12 is not used.\nhi\n"


def test_the_init_command_runs_once_before_the_ranks_and_they_see_what_it_set(host):
    init = "echo init; export COLOUR='light \"green\"'; mkdir sub; cd sub"
    log, outcome = host.run('echo "$COLOUR $(basename "$PWD")"', init_command=init, nodes=3)
    assert outcome.error == ""
    assert log == "init\n" + 'light "green" sub\n' * 3


def test_a_failing_init_command_fails_the_job_and_nothing_else_runs(host):
    log, outcome = host.run("echo never", init_command="echo trying; exit 4")
    assert log == "trying\n"
    assert outcome.error == "The init-cmd failed: echo trying; exit 4: exit status 4"


def test_every_rank_knows_its_number(host):
    log, _ = host.run("echo $SLURM_PROCID/$SLURM_NTASKS $SLURM_NODEID.$SLURM_LOCALID", nodes=2, processes_per_node=2)
    assert sorted(log.splitlines()) == ["0/4 0.0", "1/4 0.1", "2/4 1.0", "3/4 1.1"]


def test_lines_of_several_ranks_are_never_mixed(host):
    program = textwrap.dedent("""
        import os, sys
        rank = os.environ["SLURM_PROCID"]
        for n in range(300):
            for piece in (rank * 20, " ", str(n)):
                sys.stdout.write(piece)
            sys.stdout.write("\\n")
        sys.stdout.write(f"end of {rank}")
    """)
    log, outcome = host.run(f"{sys.executable} -c", program, nodes=3)
    lines = log.splitlines()
    assert outcome.error == ""
    for rank in "012":
        assert [line for line in lines if line.startswith(rank)] == [f"{rank * 20} {n}" for n in range(300)]
        assert f"end of {rank}" in lines


def test_when_one_rank_fails_the_others_are_stopped(host):
    began = time.monotonic()
    _, outcome = host.run('if [ "$SLURM_PROCID" = 1 ]; then exit 7; fi; sleep 60', nodes=3)
    assert outcome.error == "Rank 1: exit status 7"
    assert time.monotonic() - began < 20


def test_what_a_job_leaves_in_the_background_is_killed_when_it_ends(host):
    log, outcome = host.run("sleep 600 & echo $!; exec true")
    assert outcome.error == ""
    eventually(lambda: gone(int(log)))


def test_a_descendant_that_left_the_session_is_killed_too(host):
    log, _ = host.run(
        f"{sys.executable} -c",
        textwrap.dedent("""
        import subprocess
        print(subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL).pid)
    """),
    )
    eventually(lambda: gone(int(log)))


def test_a_cancelled_job_may_clean_up(host):
    job = host.start("trap 'echo cleaning; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    read_until(job, "ready\n")
    job.cancel(grace_s=0.5)
    log, outcome = read_to_the_end(job)
    job.close()
    assert "cleaning" in log
    assert outcome.error == "Cancelled."


def test_a_program_below_the_shell_may_clean_up_as_well(host):
    program = textwrap.dedent("""
        import signal, sys, time
        def stop(*_):
            time.sleep(0.2)
            print("saved", flush=True)
            sys.exit()
        signal.signal(signal.SIGTERM, stop)
        print("ready", flush=True)
        time.sleep(60)
    """)
    job = host.start(f'{sys.executable} -c "$PROGRAM"; echo after', env={"PROGRAM": program})
    read_until(job, "ready\n")
    job.cancel(grace_s=0.5)
    log, _ = read_to_the_end(job)
    job.close()
    assert "saved" in log


def test_a_job_that_ignores_cancellation_is_killed(host):
    job = host.start("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    read_until(job, "ready\n")
    began = time.monotonic()
    job.cancel(grace_s=0.5)
    _, outcome = read_to_the_end(job)
    job.close()
    assert outcome.error == "Cancelled."
    assert time.monotonic() - began > 0.4


def test_a_job_that_takes_too_much_memory_is_killed_with_the_reason(host):
    program = "import time; block = bytearray(200 << 20); print(len(block)); time.sleep(60)"
    _, outcome = host.run(f"{sys.executable} -c", program, memory_bytes=100 << 20)
    assert outcome.error == "Killed: used more than 100Mi of memory"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what processes share")
def test_memory_that_forked_processes_share_counts_once(host):
    program = textwrap.dedent("""
        import os, time
        block = b"x" * (80 << 20)
        children = []
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                time.sleep(1)
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
        print("done")
    """)
    log, outcome = host.run(f"{sys.executable} -c", program, memory_bytes=160 << 20)
    assert (log, outcome.error) == ("done\n", "")


def test_secrets_of_the_executor_do_not_reach_jobs(host, monkeypatch):
    monkeypatch.setenv("COLONIES_PRVKEY", "very-secret")
    monkeypatch.setenv("AWS_S3_SECRETKEY", "very-secret")
    log, _ = host.run("env")
    assert "very-secret" not in log
    assert "COLONIES_PROCESS_ID=" in log


def test_jobs_run_side_by_side(host):
    first = host.start("while [ ! -e /cfs/go ]; do sleep 0.02; done; echo first")
    read_log = first.read(0)
    second, _ = host.run("touch /cfs/go; echo second")
    log, _ = read_to_the_end(first)
    first.close()
    assert (read_log.decode() + log, second) == ("first\n", "second\n")


def test_closing_the_engine_leaves_nothing_running(tmp_path):
    host = Host(tmp_path)
    job = host.start("echo $$; sleep 600")
    pid = int(read_until(job, "\n"))
    guardian = host.engine.guardian.pid
    host.engine.close()
    eventually(lambda: gone(pid) and gone(guardian))


WORKER = """
import sys, time
sys.path.insert(0, {here!r})
from pathlib import Path
from hosting import Host
from tests.waiting import read_until
host = Host(Path({directory!r}))
job = host.start("echo $$; sleep 600 & wait")
print(host.engine.guardian.pid, read_until(job, "\\n").strip(), flush=True)
time.sleep(600)
"""


def start_worker(directory):
    code = WORKER.format(here=str(Path(__file__).parent), directory=str(directory))
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    guardian, job = map(int, worker.stdout.readline().split())
    return worker, guardian, job


def test_when_the_worker_is_killed_its_guardian_kills_the_jobs(tmp_path):
    worker, guardian, job = start_worker(tmp_path)
    with worker:
        os.kill(guardian, signal.SIGTERM)  # which must not stop it
        worker.kill()
    eventually(lambda: gone(job) and gone(guardian))


def test_when_the_guardian_was_killed_as_well_the_next_worker_kills_the_jobs(tmp_path):
    worker, guardian, job = start_worker(tmp_path)
    with worker:
        os.kill(guardian, signal.SIGKILL)
        worker.kill()
    assert not gone(job)
    other = Host(tmp_path)
    eventually(lambda: gone(job))
    other.engine.close()
    assert not list((other.engine.state_dir / "jobs").iterdir())


def test_a_process_that_reuses_the_number_of_a_dead_job_is_let_be(host):
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        host.engine.noted.note("a" * 64, [stranger.pid])
        record = host.engine.state_dir / "jobs" / ("a" * 64 + ".json")
        record.write_text(record.read_text().replace(birth(stranger.pid), birth(os.getpid())))
        host.engine.noted.sweep()
        assert stranger.poll() is None
        stranger.kill()


def test_a_killed_guardian_is_replaced_and_still_knows_the_running_jobs(tmp_path):
    host = Host(tmp_path)
    job = host.start("echo $$; sleep 600")
    pid = int(read_until(job, "\n"))
    first = host.engine.guardian.pid
    os.kill(first, signal.SIGKILL)
    eventually(lambda: gone(first))
    host.run("true")
    assert host.engine.guardian.pid != first
    host.engine.guardian.close()
    eventually(lambda: gone(pid))
    job.close()
    host.engine.close()


def test_what_this_host_offers_is_described(host):
    described = host.engine.describe()
    assert described.hardware[0].cores == os.cpu_count()
    assert described.hardware[0].cpu == f"{host.engine.capacity.cpu_millis}m"
    assert described.hardware[0].mem.endswith("Mi")


def test_a_task_counts_its_ranks():
    assert Task("1", "true", (), nodes=2, processes_per_node=3).ranks == 6
