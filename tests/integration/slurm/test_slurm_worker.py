"""Processes of a colony through Slurm: every experiment that went wrong with the official executor goes right here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.executors.slurm.engine import SlurmEngine
from tests.waiting import eventually

_WORKER = """
import sys
from pathlib import Path
from pollinator_magic.executors.slurm.engine import SlurmEngine
from pollinator_magic.executors.slurm.settings import SlurmSettings
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import connection_from_environment, owner_key_from_environment

name, fs_dir, conf = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
engine = SlurmEngine(SlurmSettings(conf=conf, runtime="none"), fs_dir)
connection, owner_key = connection_from_environment(), owner_key_from_environment()
worker = Worker(connection, owner_key, engine, name=name, fs_dir=fs_dir, poll_s=1)
print("ready", flush=True)
worker.run()
"""


@pytest.fixture
def start_worker(site, cluster):
    def start(**settings):
        fs_dir = site.directory / "fs"
        return site.worker(engine=SlurmEngine(cluster.settings(**settings), fs_dir))

    return start


def done(site, *words, **fields):
    """Run one process; return it, its log without what the queue says, and its attributes."""
    process = site.wait(site.submit(*words, **fields), within_s=90)
    return process, log(site, process.processid)


def log(site, process_id):
    lines = site.log(process_id).splitlines()
    return "\n".join(line for line in lines if not line.startswith("Waiting in the queue of Slurm"))


def attributes(process):
    return {attribute.key: attribute.value for attribute in process.attributes}


def test_ok(site, start_worker):
    start_worker()

    process, text = done(site, "echo hello")

    assert process.status is ProcessState.SUCCESS
    assert text == "hello"
    assert attributes(process)["NODES"] in {"n1", "n2", "n3", "n4"}
    assert attributes(process)["SLURM-JOBID"].isdigit()
    assert attributes(process)["HOME"] == str(Path.home())


def test_nodes3(site, start_worker):
    start_worker()

    process, text = done(site, "echo x", conditions={"nodes": 3})

    assert process.status is ProcessState.SUCCESS
    assert attributes(process)["NODES"] == "n1,n2,n3"
    assert text.split() == ["x", "x", "x"]


def test_exit7(site, start_worker):
    start_worker()

    process, text = done(site, "sh", "-c", "exit 7")

    assert process.status is ProcessState.FAILED
    assert process.errors == ["Exit status 7"]
    assert text == ""


def test_exit7nq(site, start_worker):
    start_worker()

    process, _ = done(site, "exit 7")

    assert process.status is ProcessState.FAILED
    assert process.errors == ["Exit status 7"]


def test_quote(site, start_worker):
    start_worker()

    process, text = done(site, "python3 -c 'print(1<2, \"a&b\")'")

    assert process.status is ProcessState.SUCCESS
    assert text == "True a&b"


def test_amp(site, start_worker):
    start_worker()

    process, text = done(site, "echo a&&echo", "b<c plus+ it's", conditions={"nodes": 2})

    assert process.status is ProcessState.SUCCESS
    assert sorted(text.splitlines()) == ["a", "a", "b<c plus+ it's", "b<c plus+ it's"]


def test_false_over_two_nodes(site, start_worker):
    start_worker()

    process, text = done(site, "false", conditions={"nodes": 2})

    assert process.status is ProcessState.FAILED
    assert process.errors[0].endswith("exit status 1")
    assert "srun" not in text


def test_env(site, start_worker):
    start_worker()

    process, text = done(site, 'printf "%s\\n" "$A"', env={"A": "x y&z<1", "B-C": "2"})

    assert process.status is ProcessState.SUCCESS
    assert text.splitlines()[-1] == "x y&z<1"
    assert "not a valid identifier" not in text


def test_env2(site, start_worker):
    start_worker()

    process, text = done(site, 'printf "%s\\n" "$PW"', env={"PW": "$HOME `id -u`"})

    assert process.status is ProcessState.SUCCESS
    assert text == "$HOME `id -u`"


def test_toobig(site, start_worker):
    start_worker()

    process, _ = done(site, "echo never", conditions={"mem": "100Gi"})

    assert process.status is ProcessState.FAILED
    assert "Memory specification can not be satisfied" in process.errors[0]
    assert "--mem" in process.errors[0]


def test_maxexec_ends_the_job_of_slurm_too(site, start_worker, cluster):
    start_worker()

    process, text = done(site, "echo on; sleep 301", maxexectime=12)

    assert process.status is ProcessState.FAILED
    assert process.errors == ["Stopped: ran longer than its walltime of 60 s"]
    assert text == "on"
    assert process.retries == 0
    cluster.wait_until_idle()


def test_colcancel_ends_the_job_of_slurm_too(site, start_worker, cluster):
    start_worker()
    process_id = site.submit("echo on; sleep 303")
    eventually(lambda: "on" in log(site, process_id))

    site.user.cancel(process_id)

    assert site.wait(process_id).status is ProcessState.CANCELLED
    cluster.wait_until_idle()


def test_pendcancel2_scancel_while_pending(site, start_worker, cluster):
    start_worker()
    blocker = site.submit("sleep 600", conditions={"nodes": 4, "cpu": "4000m", "walltime": 600})
    eventually(lambda: "RUNNING" in cluster.states().values())
    process_id = site.submit("echo never")
    number = eventually(lambda: next((job for job, state in cluster.states().items() if state == "PENDING"), None))

    cluster.run("scancel", number)

    process = site.wait(process_id)
    assert process.status is ProcessState.FAILED
    assert process.errors[0].startswith(f"Slurm job {number} was cancelled by somebody else")
    site.user.cancel(blocker)


def test_results_of_a_failed_job_come_home(site, start_worker):
    start_worker()
    mounts, label = site.project({"main.sh": "echo working; echo half > $PROJECT_DIR/result/x.txt; exit 3\n"})

    process, text = done(site, "sh $PROJECT_DIR/src/main.sh", **mounts)

    assert process.errors == ["Exit status 3"]
    assert text == "working"
    assert site.pull(label) == {"x.txt": "half\n"}


def test_the_init_cmd_of_a_real_project_runs_once_for_four_tasks(site, start_worker):
    start_worker()
    mounts, label = site.project({"main.sh": "echo Hello > $PROJECT_DIR/result/$SLURM_PROCID.txt\n"})

    process, text = done(
        site,
        "sh $PROJECT_DIR/src/main.sh",
        kwargs={"init-cmd": "echo preparing"},
        conditions={"nodes": 2, "processespernode": 2, "mem": "1000Mi", "cpu": "500m"},
        **mounts,
    )

    assert process.status is ProcessState.SUCCESS
    assert text == "preparing"
    assert site.pull(label) == {f"{rank}.txt": "Hello\n" for rank in range(4)}


class WorkerProcess:
    """An executor in a process of its own."""

    def __init__(self, site, cluster, key):
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, site.host, str(site.directory / "fs"), str(cluster.conf)],
            env=site.environment(key),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(60)
        self.process.stdout.close()


@pytest.fixture
def worker_process(site, cluster):
    started, key = [], PrivateKey.generate()

    def start():
        started.append(WorkerProcess(site, cluster, key))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.end(signal.SIGKILL)


def test_restart_takes_a_running_job_up_again_without_losing_or_repeating_a_line(site, cluster, worker_process):
    first = worker_process()
    process_id = site.submit(
        "echo start $$; i=0; while ! [ -e /cfs/go ]; do echo $i; i=$((i+1)); sleep 0.2; done; echo end",
        conditions={"walltime": 120},
    )
    eventually(lambda: "3\n" in site.log(process_id))
    first.end(signal.SIGKILL)
    second = worker_process()
    eventually(lambda: len(site.log(process_id).splitlines()) > 12)
    (site.directory / "fs" / "go").touch()

    process = site.wait(process_id)

    assert process.status is ProcessState.SUCCESS
    lines = log(site, process_id).splitlines()
    assert lines[0].startswith("start ")
    numbers = [line for line in lines if line.isdigit()]
    assert numbers == [str(number) for number in range(len(numbers))]
    assert lines[-1] == "end"
    assert sum(line.startswith("start ") for line in lines) == 1
    assert attributes(process)["SLURM-JOBID"].isdigit()
    second.end(signal.SIGTERM)


def test_scancel_while_the_executor_was_down_is_noticed_afterwards(site, cluster, worker_process):
    first = worker_process()
    process_id = site.submit("echo on; sleep 600", conditions={"walltime": 120})
    eventually(lambda: "on" in site.log(process_id))
    first.end(signal.SIGKILL)
    (number,) = cluster.states()
    cluster.run("scancel", number)
    second = worker_process()

    process = site.wait(process_id, within_s=60)

    assert process.status is ProcessState.FAILED
    assert process.errors[0].startswith(f"Slurm job {number} was cancelled by somebody else")
    second.end(signal.SIGTERM)


def test_the_results_are_there_soon_after_the_job_of_slurm_has_ended(site, start_worker):
    start_worker()
    mounts, label = site.project({"main.sh": "echo x > $PROJECT_DIR/result/x.txt; date +%s.%N\n"})

    process, text = done(site, "sh $PROJECT_DIR/src/main.sh", **mounts)
    seen = time.time()

    assert process.status is ProcessState.SUCCESS
    assert site.pull(label) == {"x.txt": "x\n"}
    if os.environ.get("POLLINATOR_MEASURE"):
        print(f"{seen - float(text):.2f} s after the end")
