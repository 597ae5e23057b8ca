"""Clusters to test on: a replayed one, or with POLLINATOR_TEST_KUBERNETES=CONTEXT the one of the user's kubeconfig.

    POLLINATOR_TEST_KUBERNETES=kind-kind pytest tests/integration/kubernetes

runs the tests of `test_kubernetes_jobs` on that one, in the context's namespace, and leaves nothing there. More words
of the environment, each after POLLINATOR_TEST_KUBERNETES_: IMAGE (default python:3.12-slim; it needs a shell and
python3), CLAIM and CLAIM_DIR (a ReadWriteMany claim, and where this machine has it mounted), without which what needs
files is skipped.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from dataclasses import replace

import pytest

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.kubernetes.engine import KubernetesEngine
from pollinator_magic.executors.kubernetes.settings import KubernetesSettings
from tests.kubernetes_replay import ReplayedCluster
from tests.waiting import read_to_the_end

CONTEXT = os.environ.get("POLLINATOR_TEST_KUBERNETES", "")
IMAGE = os.environ.get("POLLINATOR_TEST_KUBERNETES_IMAGE", "python:3.12-slim")
CLAIM = os.environ.get("POLLINATOR_TEST_KUBERNETES_CLAIM", "")
CLAIM_DIR = os.environ.get("POLLINATOR_TEST_KUBERNETES_CLAIM_DIR", "")


class Grounds:
    """A cluster, and engines on it. `replay` is None on a real one."""

    def __init__(self, directory, *, real=False, **options) -> None:
        self.directory = directory
        self.fs_dir = directory / "files"
        self.replay = None if real else ReplayedCluster(directory / "cluster", claims={"files": self.fs_dir}, **options)
        if real and CLAIM_DIR:
            self.fs_dir = type(directory)(CLAIM_DIR) / f"test-{os.getpid()}-{time.time_ns()}"
        self.fs_dir.mkdir(parents=True)
        self.engines = []

    def settings(self, **more):
        own = {"image": IMAGE, "start_patience_s": 3, "grace_s": 1, "query_s": 0.2, **more}
        if self.replay:
            return KubernetesSettings(**{"kubeconfig": str(self.replay.kubeconfig), "claim": "files", **own})
        claim = {"claim": CLAIM, "sub_path": self.fs_dir.name} if CLAIM_DIR else {}
        return KubernetesSettings(context=CONTEXT, **{**claim, **own, "start_patience_s": 45})

    def engine(self, *, opened=True, **more):
        engine = KubernetesEngine(self.settings(**more), self.fs_dir)
        self.engines.append(engine)
        if opened:
            engine.open()
        return engine

    def task(self, command="true", *args, **fields):
        own = {"cpu_millis": 100, "memory_bytes": 64 << 20, "walltime_s": 300}
        return replace(Task(secrets.token_hex(32), command, args), **{**own, **fields})

    def run(self, command, *args, engine=None, **fields):
        """Run a task to its end; return the log and the error."""
        job = (engine or self.engine()).start(self.task(command, *args, **fields))
        try:
            return finish(job)
        finally:
            job.close()

    def close(self) -> None:
        for engine in self.engines:
            if not self.replay and hasattr(engine, "place"):
                for process_id in engine.leftovers():
                    engine.discard(process_id)
            engine.close()
        if self.replay:
            self.replay.close()
        shutil.rmtree(self.fs_dir, ignore_errors=True)


def needs_files(grounds) -> None:
    """Skip a test of a job's files where there are none that the job and this process can both write."""
    if grounds.replay is None and not grounds.settings().claim:
        pytest.skip("it needs a claim: POLLINATOR_TEST_KUBERNETES_CLAIM and _CLAIM_DIR")
    if grounds.replay is None and os.geteuid() == 0:
        pytest.skip("jobs never run as root: run it as the user whom the claim's directory belongs to")


def finish(job, *, within_s=90.0):
    """Read a job to its end; return the log and the error."""
    log, outcome = read_to_the_end(job, within_s=within_s)
    return log, outcome.error
