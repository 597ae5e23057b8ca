"""Processes of a colony as Jobs of a replayed cluster, whose pods are processes of this host."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from clusters import Grounds

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ProcessState
from tests.waiting import eventually

_WORKER = """
import sys
from pathlib import Path
from pollinator_magic.executors.kubernetes.engine import KubernetesEngine
from pollinator_magic.executors.kubernetes.settings import KubernetesSettings
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import connection_from_environment, owner_key_from_environment

name, fs_dir, kubeconfig = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
settings = KubernetesSettings(kubeconfig=kubeconfig, claim="files", image="python:3.12-slim", grace_s=1)
connection, owner_key = connection_from_environment(), owner_key_from_environment()
worker = Worker(connection, owner_key, KubernetesEngine(settings, fs_dir), name=name, fs_dir=fs_dir, poll_s=1)
print("ready", flush=True)
worker.run()
"""


@pytest.fixture
def grounds(tmp_path):
    grounds = Grounds(tmp_path / "grounds")
    grounds.fs_dir.rmdir()
    (tmp_path / "fs").mkdir()
    grounds.fs_dir.symlink_to(tmp_path / "fs")
    yield grounds
    grounds.close()


@pytest.fixture
def site(grounds, site):
    site.grounds = grounds
    return site


@pytest.fixture
def worker(site):
    return site.worker(engine=site.grounds.engine(opened=False))


def attributes(process):
    return {attribute.key: attribute.value for attribute in process.attributes}


def test_a_project_runs_and_its_results_come_home(site, worker):
    program = (
        "from pathlib import Path; print(Path('data/in.txt').read_text()); Path('result/out.txt').write_text('42')"
    )
    fields, result = site.project({"main.py": program}, data={"in.txt": "given"})
    base = fields["env"]["PROJECT_DIR"]
    data = fields["fs"].dirs[1].dir
    command = f"ln -s /cfs{data} data && python3 {base}/src/main.py"
    process = site.wait(site.submit(command, kwargs={"docker-image": "python:3.12"}, **fields))
    assert process.status is ProcessState.SUCCESS, process.errors
    assert site.log(process.processid) == "given\n"
    assert site.pull(result) == {"out.txt": "42"}
    assert attributes(process)["NODES"] == "n1"
    (manifest,) = site.grounds.replay.created
    assert manifest["spec"]["template"]["spec"]["containers"][0]["image"] == "python:3.12"
    eventually(lambda: not site.grounds.replay.jobs and not site.grounds.replay.pods)


def test_results_of_a_failed_job_come_home_too(site, worker):
    fields, result = site.project({"main.sh": "echo 1 > $PROJECT_DIR/result/part.txt; exit 7"})
    command = f"sh {fields['env']['PROJECT_DIR']}/src/main.sh"
    process = site.wait(site.submit(command, **fields))
    assert process.status is ProcessState.FAILED
    assert process.errors == ["Exit status 7"]
    assert site.pull(result) == {"part.txt": "1\n"}


def test_a_cancelled_process_ends_its_pods(site, worker):
    process_id = site.submit("echo begun; trap 'echo cleaning; exit 0' TERM; while :; do sleep 0.05; done")
    eventually(lambda: "begun" in site.log(process_id))
    site.user.cancel(process_id)
    eventually(lambda: not site.grounds.replay.pods and not site.grounds.replay.jobs)
    assert site.wait(process_id).status is ProcessState.CANCELLED


def test_a_job_that_runs_too_long_is_ended_and_says_so(site, worker):
    conditions = {"walltime": 9}
    process = site.wait(site.submit("echo begun; sleep 600", conditions=conditions, maxexectime=8))
    assert process.status is ProcessState.FAILED
    assert process.errors == ["Stopped: ran longer than its walltime of 9 s"]
    assert "begun" in site.log(process.processid)
    eventually(lambda: not site.grounds.replay.jobs)


def test_an_image_that_is_not_there_fails_the_process_with_what_the_cluster_says(site, worker):
    site.grounds.replay.play("badimage")
    process = site.wait(site.submit("true"))
    assert "cannot be fetched" in process.errors[0]


def test_a_worker_that_is_killed_is_followed_by_one_that_takes_its_jobs_up(site):
    command = "for n in $(seq 0 49); do echo line $n; sleep 0.1; done; exit 3"
    key = PrivateKey.generate()
    first = start(site, key)
    process_id = site.submit(f"sh -c '{command}'")
    eventually(lambda: "line 5\n" in site.log(process_id))
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = start(site, key)
    try:
        process = site.wait(process_id, within_s=60)
    finally:
        second.kill()
        second.wait()
    assert process.errors == ["Exit status 3"]
    assert site.log(process_id).splitlines() == [f"line {n}" for n in range(50)]
    assert len(site.grounds.replay.created) == 1


def start(site, key):
    words = [site.host, str(site.directory / "fs"), str(site.grounds.replay.kubeconfig)]
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER, *words], env=site.environment(key), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process
