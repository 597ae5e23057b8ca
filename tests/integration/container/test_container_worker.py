"""Processes of a colony in containers: the same worker, files, ends and restarts as with every engine."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.executors.container.engine import ContainerEngine
from tests.waiting import eventually

_WORKER = """
import sys
from pathlib import Path
from pollinator_magic.executors.container.engine import ContainerEngine
from pollinator_magic.executors.container.settings import ContainerSettings
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import connection_from_environment, owner_key_from_environment

name, fs_dir, runtime, image = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
engine = ContainerEngine(ContainerSettings(runtime=runtime, image=image), fs_dir)
connection, owner_key = connection_from_environment(), owner_key_from_environment()
worker = Worker(connection, owner_key, engine, name=name, fs_dir=fs_dir, poll_s=1, drain_s=1)
print("ready", flush=True)
worker.run()
"""
_CONDITIONS = {"cpu": "500m", "walltime": 120}


@pytest.fixture
def cleared(runtime):
    yield runtime
    runtime.clear()


@pytest.fixture
def site(cleared, site):
    return site


@pytest.fixture
def worker(site, runtime):
    return site.worker(engine=ContainerEngine(runtime.settings(), site.directory / "fs"))


def done(site, *words, **fields):
    fields["conditions"] = {**_CONDITIONS, **fields.get("conditions", {})}
    return site.wait(site.submit(*words, **fields), within_s=90)


def test_a_project_runs_in_a_container_and_its_results_come_home(site, worker, runtime):
    main = "cat $PROJECT_DIR/src/main.sh | head -1; echo Hello > $PROJECT_DIR/result/$SLURM_PROCID.txt; cat /made\n"
    mounts, label = site.project({"main.sh": main})

    process = done(
        site,
        "sh $PROJECT_DIR/src/main.sh",
        kwargs={"init-cmd": "echo preparing | tee /made"},
        conditions={"nodes": 2},
        **mounts,
    )

    assert process.status is ProcessState.SUCCESS
    assert site.log(process.processid).count("preparing") == 3
    assert site.pull(label) == {"0.txt": "Hello\n", "1.txt": "Hello\n"}
    assert {attribute.key for attribute in process.attributes} >= {"NODES"}
    eventually(lambda: not runtime.containers() and not runtime.networks())


def test_results_of_a_failed_job_come_home(site, worker):
    mounts, label = site.project({"main.sh": "echo working; echo half > $PROJECT_DIR/result/x.txt; exit 3\n"})

    process = done(site, "sh $PROJECT_DIR/src/main.sh", **mounts)

    assert process.errors == ["Exit status 3"]
    assert site.log(process.processid) == "working\n"
    assert site.pull(label) == {"x.txt": "half\n"}


def test_a_job_that_runs_longer_than_its_walltime_is_stopped_and_its_results_come_home(site, worker, runtime):
    mounts, label = site.project({"main.sh": "echo half > $PROJECT_DIR/result/x.txt; echo on; sleep 301\n"})

    process = done(site, "sh $PROJECT_DIR/src/main.sh", maxexectime=25, **mounts)

    assert site.log(process.processid).startswith("on\n")
    assert process.errors == ["Stopped: ran longer than its walltime of 120 s"]
    assert site.pull(label) == {"x.txt": "half\n"}
    eventually(lambda: not runtime.containers())


def test_cancelling_through_the_colony_ends_the_container(site, worker, runtime):
    process_id = site.submit("echo on; sleep 303", conditions=_CONDITIONS)
    eventually(lambda: "on" in site.log(process_id))

    site.user.cancel(process_id)

    assert site.wait(process_id).status is ProcessState.CANCELLED
    eventually(lambda: not runtime.containers())


def test_an_image_that_is_not_there_fails_the_job_with_what_the_registry_said(site, worker):
    process = done(site, "true", kwargs={"docker-image": "localhost/no/such:1"})

    assert process.status is ProcessState.FAILED
    assert process.errors[0].startswith("The image localhost/no/such:1 could not be fetched: ")


def test_the_executor_says_what_it_runs_jobs_with(site, worker, runtime):
    executor = site.user.executor(site.host)

    assert [software.type for software in executor.capabilities.software] == ["container"]
    assert executor.capabilities.software[0].name == runtime.name


@pytest.fixture
def worker_process(site, runtime):
    started, key = [], PrivateKey.generate()

    def start():
        words = [site.host, str(site.directory / "fs"), str(runtime.program), runtime.settings().image]
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, *words], env=site.environment(key), stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_executor_that_is_started_again_loses_and_repeats_nothing(site, runtime, worker_process, how):
    first = worker_process()
    process_id = site.submit(
        "echo start; i=0; while ! [ -e /cfs/go ]; do echo $i; i=$((i+1)); sleep 0.1; done; echo end",
        conditions=_CONDITIONS,
    )
    eventually(lambda: "3\n" in site.log(process_id))
    first.send_signal(how)
    first.wait(60)
    worker_process()
    seen = len(site.log(process_id).splitlines())
    eventually(lambda: len(site.log(process_id).splitlines()) > seen + 3)
    (site.directory / "fs" / "go").touch()

    process = site.wait(process_id, within_s=60)

    assert process.status is ProcessState.SUCCESS
    lines = site.log(process_id).splitlines()
    assert lines == ["start", *map(str, range(len(lines) - 2)), "end"]
    eventually(lambda: not runtime.containers())


def test_what_happened_to_a_container_while_the_executor_was_down_is_noticed(site, runtime, worker_process):
    first = worker_process()
    process_id = site.submit("echo on; sleep 600", conditions=_CONDITIONS)
    eventually(lambda: "on" in site.log(process_id))
    first.kill()
    first.wait()
    runtime.run("rm", "--force", *runtime.containers())
    worker_process()

    process = site.wait(process_id, within_s=60)

    assert process.errors == [
        "The container was removed, not through the colony. Submit the job again if that was not meant."
    ]
