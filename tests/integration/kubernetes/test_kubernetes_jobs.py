"""Programs on a cluster: the replayed one, whose pods are processes of this host, or a real one (see `clusters`)."""

from __future__ import annotations

import textwrap

import pytest
from clusters import finish, needs_files

from tests.waiting import eventually, read_until

COUNT = textwrap.dedent("""
    import sys, time
    for number in range(int(sys.argv[1])):
        print(number, flush=True)
        time.sleep(float(sys.argv[2]))
""")
FOREVER = "trap 'echo cleaning; exit 0' TERM; echo ready; while :; do sleep 0.05; done"


def numbers(log):
    return [int(line) for line in log.splitlines()]


def test_the_log_has_both_streams_in_order_and_the_outcome_is_success(grounds):
    assert grounds.run("echo one; echo two >&2; echo three") == ("one\ntwo\nthree\n", "")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("exit 3", "Exit status 3"),
        ("kill -KILL $$", "Exit status 137 (killed by SIGKILL)"),
        ("no-such-program 2> /dev/null", "Exit status 127"),
    ],
)
def test_a_failure_is_told_in_words(grounds, command, error):
    assert grounds.run(command) == ("", error)


def test_a_last_line_without_an_end_arrives_as_it_is(grounds):
    assert grounds.run("printf 'one\\ntwo'")[0] == "one\ntwo"


def test_arguments_and_variables_arrive_as_they_were_given(grounds):
    arguments = ["a b", "$HOME", "$(HOME)", "$$(HOME)", "$$", "it's", "*", "", "a\nb", "ü€😀", "&&<>+"]
    program = "import os, sys; print(sys.argv[1:-1] == [*map(os.environ.get, sys.argv[-1].split())], sys.argv[1:-1])"
    env = {f"V{number}": argument for number, argument in enumerate(arguments)}
    log, error = grounds.run("python3 -c", program, *arguments, " ".join(env), env=env)
    assert (log, error) == (f"True {arguments}\n", "")


def test_a_variable_that_no_container_can_have_is_left_out_and_the_log_says_so(grounds):
    log, error = grounds.run("echo hi", env={"A B": "1", "SLURM-JOBID": "2"})
    assert error == ""
    assert log == "The variable 'A B' is left out: containers have none of that name.\nhi\n"


def test_ranks_of_several_nodes_know_their_numbers_and_their_lines_are_whole(grounds):
    program = "import os; [print(os.environ['SLURM_PROCID'] * 30, n) for n in range(50)]"
    log, error = grounds.run("python3 -c", program, nodes=2, processes_per_node=2, cpu_millis=50)
    assert error == ""
    for rank in "0123":
        mine = [line for line in log.splitlines() if line.startswith(rank)]
        assert mine == [f"{rank * 30} {n}" for n in range(50)]


def test_pods_of_several_nodes_have_names_and_meet(grounds):
    program = textwrap.dedent("""
        import os, socket, time
        rank, port = os.environ["RANK"], int(os.environ["MASTER_PORT"])
        if rank == "0":
            with socket.create_server(("", port)) as server:
                peer, _ = server.accept()
                peer.sendall(socket.gethostname().encode())
        else:
            for _ in range(600):
                try:
                    with socket.create_connection((os.environ["MASTER_ADDR"], port), 5) as other:
                        print("met", other.recv(100).decode(), "on", socket.gethostname())
                        break
                except OSError:
                    time.sleep(0.1)
    """)
    task = grounds.task("python3 -c", program, nodes=2)
    job = grounds.engine().start(task)
    log, error = finish(job)
    job.close()
    name = job.attributes["KUBERNETES_JOB"]
    assert (log, error) == (f"met {name}-0 on {name}-1\n", "")
    assert len(job.attributes["NODES"].split(",")) == 2


def test_the_rank_that_failed_is_named(grounds):
    _, error = grounds.run('[ "$SLURM_PROCID" = 1 ] && exit 7; sleep 60', nodes=2)
    assert error == "Rank 1: exit status 7"


def test_an_init_command_runs_once_before_all_ranks(grounds):
    needs_files(grounds)
    init = "echo init; export COLOUR='light \"green\"'; mkdir -p /tmp/sub; cd /tmp"
    log, error = grounds.run('echo "$COLOUR $PWD"', init_command=init, nodes=2, processes_per_node=2)
    assert error == ""
    assert sorted(log.splitlines()) == ["init", *['light "green" /tmp'] * 4]  # in each pod's order, not in that of all
    assert list((grounds.fs_dir / ".init").iterdir()) == []


def test_a_failing_init_command_is_named(grounds):
    log, error = grounds.run("echo never", init_command="echo trying; exit 4")
    assert (log, error) == ("trying\n", "The init-cmd failed: echo trying; exit 4: exit status 4")


def test_a_job_works_on_files_and_does_not_see_the_executors_own(grounds):
    needs_files(grounds)
    project = grounds.fs_dir / "p"
    project.mkdir()
    (project / "in.txt").write_text("hello\n")
    engine = grounds.engine()
    (grounds.fs_dir / ".executor" / "executor.key").write_text("secret")
    command = "pwd; cat in.txt /data/p/in.txt; echo there > /cfs/p/out.txt; ls -A /cfs/.executor /data/.executor"
    log, error = grounds.run(command, engine=engine, mount="/data", env={"PROJECT_DIR": "/data/p"})
    assert log == "/data/p\nhello\nhello\n/cfs/.executor:\n\n/data/.executor:\n"
    assert error == ""
    assert (project / "out.txt").read_text() == "there\n"


def test_a_job_that_is_cancelled_may_clean_up_and_leaves_nothing(grounds):
    engine = grounds.engine(grace_s=5)
    job = engine.start(grounds.task(FOREVER))
    read_until(job, "ready\n")
    job.cancel(grace_s=5)
    log, error = finish(job)
    job.close()
    assert "cleaning" in log
    assert error == "Cancelled."
    eventually(lambda: not engine.leftovers())


def test_a_job_that_ignores_its_cancellation_is_killed(grounds):
    engine = grounds.engine(grace_s=30)
    job = engine.start(grounds.task("trap '' TERM; echo ready; while :; do sleep 0.05; done"))
    read_until(job, "ready\n")
    job.cancel(grace_s=0.5)
    assert finish(job)[1] == "Cancelled."
    job.close()


def test_a_job_that_runs_too_long_for_itself_is_ended_and_its_log_is_kept(grounds):
    log, error = grounds.run("echo begun; sleep 600", walltime_s=8)
    assert (log, error) == ("begun\n", "Stopped: ran longer than its walltime of 8 s")


def test_a_job_goes_on_without_its_worker_and_is_taken_up_where_its_log_was_left(grounds):
    first = grounds.engine()
    task = grounds.task("python3 -c", COUNT, "60", "0.05")
    job = first.start(task)
    log = read_until(job, "7\n")
    position = job.position
    job.leave()
    first.close()

    second = grounds.engine()
    assert list(second.leftovers()) == [task.process_id]
    again = second.resume(task, position)
    assert not second.leftovers()
    rest, error = finish(again)
    again.close()
    assert numbers(log + rest) == list(range(60))
    assert error == ""


def test_a_job_that_has_ended_meanwhile_still_tells_how(grounds):
    first = grounds.engine()
    task = grounds.task("echo said; exit 5")
    job = first.start(task)
    while not job.attributes:
        job.poll()
    job.leave()
    first.close()

    second = grounds.engine()
    again = second.resume(task, "")
    assert finish(again) == ("said\n", "Exit status 5")
    again.close()


def test_what_was_never_started_is_not_taken_up(grounds):
    assert grounds.engine().resume(grounds.task(), "") is None


def test_what_is_discarded_does_not_run_any_more(grounds):
    engine = grounds.engine()
    task = grounds.task(FOREVER)
    job = engine.start(task)
    read_until(job, "ready\n")
    job.leave()
    engine.discard(task.process_id)
    assert not engine.leftovers()
    assert engine.resume(task, "") is None
    engine.discard(task.process_id)


def test_a_second_attempt_ends_what_the_first_has_left(grounds):
    first, second = grounds.engine(), grounds.engine()
    task = grounds.task('echo "began $(date +%s%N)"; echo ready; while :; do sleep 0.05; done')
    job = first.start(task)
    began = read_until(job, "ready\n")
    again = second.start(task)
    assert read_until(again, "ready\n") != began
    assert finish(job)[1] == "The Kubernetes job was deleted by somebody else."
    job.close()  # which is not this one's any more
    assert again.poll() is None
    again.cancel(grace_s=1)
    assert finish(again)[1] == "Cancelled."
    again.close()


def test_nothing_that_is_done_to_a_first_attempt_touches_the_second(grounds):
    first, second = grounds.engine(grace_s=5), grounds.engine(grace_s=5)
    task = grounds.task("while :; do echo tick; sleep 0.1; done")
    job = first.start(task)
    read_until(job, "tick\n")
    again = second.start(task)
    read_until(again, "tick\n")
    job.cancel(grace_s=1)
    job.close()
    for _ in range(20):
        read_until(again, "tick\n")
    again.close()


def test_two_attempts_share_no_directory(grounds):
    needs_files(grounds)
    first, second = grounds.engine(), grounds.engine()
    task = grounds.task("echo ready; sleep 600", nodes=2, init_command="true")
    job = first.start(task)
    read_until(job, "ready\n")
    again = second.start(task)
    read_until(again, "ready\n")
    job.close()
    (shared,) = (grounds.fs_dir / ".init").iterdir()
    assert (shared / "exports").exists()
    again.close()
    assert list((grounds.fs_dir / ".init").iterdir()) == []
