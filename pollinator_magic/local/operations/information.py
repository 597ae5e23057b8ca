"""What the server says of itself and counts (protocol.md, section 7.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ExecutorState, ProcessState, Statistics
from pollinator_magic.local import access
from pollinator_magic.local.routing import Message, OfColony, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database

UNSIGNED = frozenset({"versionmsg", "getserverinfomsg"})
"""Operations that need no signature."""


def version(database: Database, _caller: str, _message: Message) -> object:
    """Say which version of this package serves."""
    return {"buildversion": database.facts.version, "buildtime": "", "msgtype": "versionmsg"}


def server_info(database: Database, _caller: str, _message: Message) -> object:
    """Say where and how the server listens."""
    facts = database.facts
    backends = [{"type": "http", "port": facts.port, "host": facts.host}]
    return {"buildversion": facts.version, "buildtime": "", "backends": backends}


def cluster(database: Database, caller: str, _message: Message) -> object:
    """Show the cluster, which is this server."""
    access.server_owner(database, caller)
    facts = database.facts
    node = {"name": "local", "host": facts.host, "port": 0, "peerport": 0, "relayport": 0, "apiport": facts.port}
    return {"nodes": [node], "leader": node}


def colony_statistics(database: Database, caller: str, message: OfColony) -> Statistics:
    """Count what is in a colony."""
    if not database.first("SELECT 1 FROM colonies WHERE name = ?", message.colonyname):
        raise Refused(400, f"Colony with name <{message.colonyname}> not found")
    access.member_of(database, caller, message.colonyname)
    return _count(database, " WHERE colonyname = ?", message.colonyname)


def server_statistics(database: Database, caller: str, _message: Message) -> Statistics:
    """Count what is on the server."""
    access.server_owner(database, caller)
    return _count(database, "")


def _count(database: Database, where: str, *colony: str) -> Statistics:
    executors = dict(database.all(f"SELECT state, count(*) FROM executors{where} GROUP BY state", *colony))  # noqa: S608  constants
    processes = dict(database.all(f"SELECT state, count(*) FROM processes{where} GROUP BY state", *colony))  # noqa: S608  constants
    workflows = dict(database.all(f"SELECT state, count(*) FROM graphs{where} GROUP BY state", *colony))  # noqa: S608  constants
    return Statistics(
        colonies=1 if colony else database.one("SELECT count(*) FROM colonies")[0],
        executors=sum(executors.values()),
        activeexecutors=executors.get(ExecutorState.APPROVED, 0),
        unregisteredexecutors=executors.get(ExecutorState.UNREGISTERED, 0),
        waitingprocesses=processes.get(ProcessState.WAITING, 0),
        runningprocesses=processes.get(ProcessState.RUNNING, 0),
        successfulprocesses=processes.get(ProcessState.SUCCESS, 0),
        failedprocesses=processes.get(ProcessState.FAILED, 0),
        cancelledprocesses=processes.get(ProcessState.CANCELLED, 0),
        waitingworkflows=workflows.get(ProcessState.WAITING, 0),
        runningworkflows=workflows.get(ProcessState.RUNNING, 0),
        successfulworkflows=workflows.get(ProcessState.SUCCESS, 0),
        failedworkflows=workflows.get(ProcessState.FAILED, 0),
        cancelledworkflows=workflows.get(ProcessState.CANCELLED, 0),
    )


OPERATIONS = (
    Operation("versionmsg", "Failed to get server version", Message, version),
    Operation("getserverinfomsg", "Failed to get server info", Message, server_info),
    Operation("getclustermsg", "Failed to get cluster", Message, cluster),
    Operation("getcolonystatsmsg", "Failed to get colony statistics", OfColony, colony_statistics),
    Operation("getstatisticsmsg", "Failed to get statistics", Message, server_statistics),
)
