"""The embedded colony with its executor: jobs run, and are run again when the daemon died under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, FunctionSpec, Process
from pollinator_magic.local.colony import LocalColony
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalColony]:
    local = LocalColony(tmp_path / "home")
    yield local
    local.stop()


def connect(local: LocalColony) -> Colonies:
    connection = local.connection()
    return Colonies(connection.server, connection.colony, connection.key)


def submit(client: Colonies, command: str, *args: str) -> Process:
    conditions = Conditions(
        colonyname=client.colony,
        executortype="container-executor",
        executornames=["local"],
        nodes=1,
        processespernode=1,
        cpu="500m",
        mem="64Mi",
        walltime=60,
    )
    kwargs = {"cmd": command, "args": list(args), "docker-image": "none", "init-cmd": "", "rebuild-image": False}
    spec = FunctionSpec(
        funcname="execute", kwargs=kwargs, conditions=conditions, maxwaittime=-1, maxexectime=59, maxretries=1
    )
    return client.submit(spec)


def closed(client: Colonies, process: Process) -> Process:
    def look() -> Process | None:
        found = client.process(process.processid)
        return found if found.status.closed else None

    return eventually(look, within_s=60)


def test_a_job_runs_and_its_log_can_be_read(local: LocalColony):
    with connect(local) as client:
        assert client.executor("local").status.name == "APPROVED"

        process = closed(client, submit(client, "echo", "hello"))

        assert process.status.name == "SUCCESS", process.errors
        assert "hello" in "".join(entry.message for entry in client.logs(process.processid))


def test_a_job_that_was_running_when_the_daemon_died_is_run_again(local: LocalColony):
    with connect(local) as client:
        process = submit(client, "sleep", "1")
        eventually(lambda: client.process(process.processid).status.name == "RUNNING")
    daemon = psutil.Process(local.status().pid)
    daemon.kill()
    daemon.wait(10)

    with connect(local) as client:
        again = closed(client, process)

        assert again.status.name == "SUCCESS", again.errors
        assert again.retries == 0


def test_what_was_submitted_before_a_restart_is_run_after_it(local: LocalColony):
    with connect(local) as client:
        first = closed(client, submit(client, "true"))
    local.stop()

    with connect(local) as client:
        assert client.process(first.processid).status.name == "SUCCESS"
        assert closed(client, submit(client, "true")).status.name == "SUCCESS"
