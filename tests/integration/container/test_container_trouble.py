"""A runtime that does not work for a while: jobs wait for it, and nothing of them is lost or left."""

from __future__ import annotations

import pytest
from container_host import follow, run, task

from tests.waiting import eventually

AT_TIMES = """#!/bin/sh
# The real one, except while the file `down` is there: then it says what docker says without its daemon.
if [ -e {down} ]; then
    echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?" >&2
    exit 1
fi
exec {runtime} "$@"
"""


@pytest.fixture
def down(tmp_path):
    return tmp_path / "down"


@pytest.fixture
def engine(host, runtime, tmp_path, down):
    program = tmp_path / "runtime"
    program.write_text(AT_TIMES.format(down=down, runtime=runtime.program))
    program.chmod(0o755)
    return host.engine(runtime=str(program))


def test_a_job_waits_for_a_runtime_that_does_not_work_yet(engine, down):
    down.touch()
    job = engine.start(task("echo done"))
    _, told = follow(job, until="tries again")
    down.unlink()
    error, log = follow(job)
    job.close()

    assert "Cannot connect to the Docker daemon" in told
    assert (error, log) == ("", "done\n")


def test_a_job_that_waits_for_the_runtime_can_be_cancelled(host, engine, down):
    down.touch()
    job = engine.start(task("echo never"))
    follow(job, until="tries again")
    job.cancel(grace_s=30)

    assert follow(job) == ("Cancelled.", "")
    down.unlink()
    job.close()
    assert host.left() == set()


def test_a_job_that_runs_ends_as_always_while_the_runtime_does_not_answer(host, engine, down):
    job = engine.start(task("echo began; until [ -e /cfs/go ]; do sleep 0.05; done; exit 4"))
    follow(job, until="began")
    down.touch()
    (host.fs_dir / "go").touch()

    assert follow(job)[0] == "Exit status 4"
    down.unlink()
    job.close()
    assert host.left() == set()


def test_what_could_not_be_removed_is_removed_later(host, engine, down, monkeypatch):
    from pollinator_magic.executors.container import engine as module

    monkeypatch.setattr(module, "_AGAIN_S", 0.1)
    job = engine.start(task("echo began; sleep 1000"))
    follow(job, until="began")
    down.touch()
    job.close()
    assert host.left() != set()
    down.unlink()

    eventually(lambda: host.left() == set())


def test_a_runtime_that_is_not_there_fails_jobs_with_a_word(host):
    error, _ = run(host.engine(runtime="/no/such/podman"), "true")

    assert (
        error
        == "This executor cannot run containers now: /no/such/podman cannot be started: No such file or directory."
    )
