"""Jobs in containers outlive their executor: the next one takes them up, whatever the moment at which it was killed."""

from __future__ import annotations

import pickle
import subprocess
import sys

import msgspec
import pytest
from container_host import follow, run, task

from pollinator_magic.executors.container.commandline import Names
from pollinator_magic.executors.container.roster import standings
from tests.waiting import eventually

COUNTING = (
    'i=0; until [ -e /cfs/go ]; do echo "$SLURM_PROCID:$i"; i=$((i+1)); sleep 0.02; done; echo "$SLURM_PROCID:end"'
)
ENGINE = """
import pickle, sys
from container_host import Host, follow
from pathlib import Path
settings, fs_dir, task = pickle.load(sys.stdin.buffer)
from pollinator_magic.executors.container.engine import ContainerEngine
engine = ContainerEngine(settings, Path(fs_dir))
engine.open()
follow(engine.start(task))
"""


@pytest.mark.parametrize("nodes", [1, 2])
def test_the_next_executor_takes_a_job_up_and_reads_on_where_the_last_one_has_stopped(host, nodes):
    first = host.engine()
    job = first.start(task(COUNTING, nodes=nodes))
    _, before = follow(job, until=f"{nodes - 1}:5")
    position, attributes = job.position, job.attributes
    first.close()

    second = host.engine()
    assert list(second.leftovers()) == [job.process_id]
    taken = second.resume(job._task, position)
    assert list(second.leftovers()) == []
    (host.fs_dir / "go").touch()
    error, after = follow(taken)
    taken.close()

    assert error == ""
    assert attributes == taken.attributes
    assert attributes["NODES"]
    for rank in range(nodes):
        said = [line.partition(":")[2] for line in (before + after).splitlines() if line.startswith(f"{rank}:")]
        assert said == [*map(str, range(len(said) - 1)), "end"]
    assert host.left() == set()


def test_a_job_that_was_left_can_be_taken_up_in_the_same_life(host, engine):
    job = engine.start(task(COUNTING))
    _, before = follow(job, until="0:5")
    job.leave()
    again = engine.resume(job._task, job.position)
    (host.fs_dir / "go").touch()
    error, after = follow(again)
    again.close()

    assert error == ""
    assert (before + after).endswith("0:end\n")
    assert (before + after).count("0:0\n") == 1


@pytest.mark.parametrize(("command", "error"), [("echo done", ""), ("echo done; exit 3", "Exit status 3")])
def test_a_job_that_ended_while_no_executor_was_there_is_told_whole(host, command, error):
    first = host.engine()
    job = first.start(task(f"until [ -e /cfs/go ]; do sleep 0.05; done; {command}"))
    eventually(lambda: job.poll() or job.attributes)
    first.close()
    (host.fs_dir / "go").touch()
    eventually(lambda: all(one.startswith("Exited") for one in statuses(host.runtime)))

    taken = host.engine().resume(job._task, "")

    assert follow(taken) == (error, "done\n")
    taken.close()


@pytest.mark.parametrize("noted", [True, False], ids=["noted as started", "killed before it was noted as started"])
def test_an_executor_that_comes_back_can_cancel_what_it_finds(host, noted):
    first = host.engine()
    job = first.start(task("trap 'echo tidy; exit' TERM; echo began; while :; do sleep 0.1; done"))
    follow(job, until="began")
    files = first.files(job.process_id)
    eventually(lambda: job.poll() or files.record.started)
    first.close()
    files.note(msgspec.structs.replace(files.record, started=noted))

    taken = host.engine().resume(job._task, job.position)
    taken.cancel(grace_s=30)

    error, log = follow(taken)
    taken.close()

    assert error == "Cancelled."
    assert log.endswith("tidy\n")
    assert host.left() == set()


def test_what_nobody_wants_any_more_is_discarded(host):
    first = host.engine()
    job = first.start(task("echo began; sleep 1000", nodes=2, init_command="touch /made"))
    follow(job, until="began")
    first.close()

    second = host.engine()
    second.discard(job.process_id)

    assert host.left() == set()
    assert second.resume(job._task, "") is None
    second.discard(job.process_id)  # which nothing is left of


def test_starting_a_process_again_ends_what_an_earlier_attempt_has_left(host):
    first = host.engine()
    earlier = first.start(task("echo began; sleep 1000"))
    follow(earlier, until="began")
    first.close()

    again = host.engine().start(task("echo again", process_id=earlier.process_id))

    assert follow(again) == ("", "again\n")
    again.close()
    assert host.left() == set()


def test_containers_that_nothing_is_known_of_go_when_an_executor_opens(host, runtime):
    engine = host.engine()
    stray = Names(engine.name, "f" * 64, "00000000").container(0)
    label = f"pollinator.executor={engine.name}"
    runtime.run(
        "create",
        "--name",
        stray,
        "--label",
        label,
        "--label",
        f"pollinator.job={engine.name}-{'f' * 64}",
        "localhost/test/python:1",
    )
    other = runtime.run("create", "--label", "pollinator.executor=another", "localhost/test/python:1").strip()

    host.engine()

    assert stray not in runtime.containers()
    assert runtime.run("container", "inspect", "--format", "{{.Id}}", other).strip() == other


def test_gpus_of_a_job_that_goes_on_stay_its_own(host):
    gpus = ["/dev/null:/dev/gpu0", "/dev/null:/dev/gpu1"]
    first = host.engine(gpus=gpus)
    job = first.start(task("echo began; sleep 1000", gpus=1))
    follow(job, until="began")
    first.close()

    assert run(host.engine(gpus=gpus), "ls /dev/gpu*", gpus=1) == ("", "/dev/gpu1\n")


@pytest.mark.parametrize(
    ("moment", "times", "nodes"),
    [("image", 1, 1), ("create", 1, 1), ("start", 1, 1), ("network", 1, 2), ("create", 3, 2), ("start", 2, 2),
     ("commit", 1, 2), ("container", 1, 2)],
)  # fmt: skip
def test_a_job_runs_once_whatever_its_executor_was_doing_when_it_was_killed(host, runtime, moment, times, nodes):
    init = "echo i >> /cfs/init; touch /made" if nodes > 1 else ""
    wanted = task(
        "ls /made; echo r >> /cfs/runs; sleep 0.2" if init else "echo r >> /cfs/runs", nodes=nodes, init_command=init
    )
    seen = runtime.commands.count(moment)
    killed = subprocess.Popen([sys.executable, "-c", ENGINE], stdin=subprocess.PIPE, cwd=str(host_directory()))
    killed.stdin.write(pickle.dumps((runtime.settings(), str(host.fs_dir), wanted)))
    killed.stdin.close()
    eventually(lambda: runtime.commands.count(moment) >= seen + times or killed.poll() is not None)
    killed.kill()
    killed.wait()

    engine = host.engine()
    job = engine.resume(wanted, "") or engine.start(wanted)
    error, log = follow(job)
    job.close()

    assert error == "", log
    assert (host.fs_dir / "runs").read_text() == "r\n" * nodes
    host.engine()  # which removes what the killed one's last command may have made since
    assert host.left() == set()


def test_a_job_that_has_begun_is_not_begun_again_though_its_executor_could_not_note_it(host, runtime):
    first = host.engine()
    job = first.start(task("echo r >> /cfs/runs; sleep 1000"))
    eventually(lambda: job.poll() or (host.fs_dir / "runs").exists())
    first.close()
    files = first.files(job.process_id)
    files.note(msgspec.structs.replace(files.record, started=False))
    runtime.run("rm", "--force", *runtime.containers())

    taken = host.engine().resume(job._task, "")
    error, _ = follow(taken)
    taken.close()

    assert error.startswith("The container was removed, not through the colony.")
    assert (host.fs_dir / "runs").read_text() == "r\n"


def test_a_host_that_was_started_anew_is_told_as_such(host, runtime, engine):
    """Podman then says of a container that ran that it was only created; so it says of one that is made again."""
    job = engine.start(task("echo began; sleep 1000"))
    follow(job, until="began")
    eventually(lambda: job.poll() or engine.files(job.process_id).record.started)
    engine.close()
    (name,) = runtime.containers()
    label = f"pollinator.executor={engine.name}"
    runtime.run("rm", "--force", name)
    runtime.run("create", "--name", name, "--label", label, "localhost/test/python:1")

    taken = host.engine().resume(job._task, job.position)
    error, _ = follow(taken)
    taken.close()

    assert error == "The container did not survive a restart of the host. Submit the job again."


def statuses(runtime):
    return standings(runtime.run("ps", "--all", "--format", "{{.Names}}\t{{.Status}}")).values()


def host_directory():
    from pathlib import Path

    return Path(__file__).parent
