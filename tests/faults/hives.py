"""An embedded colony of its own whose daemon dies at a transaction that the test names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, Executor, FunctionSpec
from pollinator_magic.executors.sessions import is_alive
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.home import Home

if TYPE_CHECKING:
    import pytest

    from pollinator_magic.colonies.keys import PrivateKey

_INSIDE = Path(__file__).parent / "inside"
WAIT_S = 60


class Hive:
    """The colony in `home`. Whoever connects starts it, as a notebook does."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, *, with_executor: bool = True) -> None:
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(_INSIDE), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.setenv("POLLINATOR_FAULT_IN", "pollinator_magic.local.daemon")
        self.local = LocalColony(home, with_executor=with_executor)
        self.home = Home(home)

    def start(self, die_at: str = "") -> int:
        """Start the daemon, to die at a commit (see `inside/sitecustomize.py`); return its process id."""
        self._monkeypatch.setenv("POLLINATOR_FAULT_COMMIT", die_at)
        self.local.connection()
        pid = self.local.status().pid
        assert pid
        return pid

    def client(self, key: PrivateKey | None = None) -> Colonies:
        """Return a client of the running colony, by default the user's."""
        connection = self.local.connection()
        return Colonies(connection.server, connection.colony, key or connection.key)

    def add_executor(self, name: str, executor_type: str, key: PrivateKey) -> None:
        """Register an executor that the test plays itself."""
        with self.client(self.home.keys.owner) as owner:
            owner.add_executor(
                Executor(executorid=key.identity, executorname=name, executortype=executor_type, colonyname="local")
            )
            owner.approve_executor(name)


def job(command: str, *, executor: str = "local", retries: int = 1, **fields: object) -> FunctionSpec:
    """Return the specification of a small job without files."""
    return FunctionSpec(
        funcname="execute",
        kwargs={"cmd": command, "args": [], "docker-image": "", "init-cmd": "", "rebuild-image": False},
        conditions=Conditions(
            colonyname="local",
            executortype="container-executor",
            executornames=[executor],
            nodes=1,
            processespernode=1,
            cpu="250m",
            mem="16Mi",
            walltime=600,
        ),
        maxwaittime=-1,
        **{"maxexectime": 599, "maxretries": retries, **fields},
    )


def log_of(client: Colonies, process_id: str) -> str:
    """Return the whole log of a process."""
    entries, since = [], 0
    while page := client.logs(process_id, since_ns=since):
        entries += page
        since = page[-1].timestamp
    return "".join(entry.message for entry in entries)


def told_tries(log: str) -> int:
    """Return how many tries a job has had by what its log says."""
    return max([1, *map(int, re.findall(r"it is run again \(try (\d+) of ", log))])


def is_dead(pid: int) -> bool:
    """Whether a process has ended, even if nobody has noticed yet."""
    return not is_alive(pid)
