"""Workflows, and the process graphs that they become (protocol.md, section 7.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.colonies.models import ProcessGraph, ProcessState, WorkflowSpec
from pollinator_magic.local import access, graphs, lifecycle, records
from pollinator_magic.local.operations.processes import require_priority
from pollinator_magic.local.routing import DONE, Message, OfColony, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database

_MOST_GRAPHS = 100


class Submit(Message):
    """Submit functions that depend on each other."""

    spec: WorkflowSpec | None = None


class OneGraph(Message):
    """Name a process graph."""

    processgraphid: str = ""


class ListGraphs(OfColony):
    """Ask for the newest graphs of a state."""

    count: int = 0
    state: int = 0


class RemoveAll(OfColony):
    """Remove all graphs of a state; -1 means of every state."""

    state: int = 0


def submit(database: Database, caller: str, message: Submit) -> ProcessGraph:
    """Store a process for each function; those without dependencies can run at once."""
    workflow = message.spec
    if workflow is None:
        raise Refused(400, "Failed to submit workflow, msg.WorkflowSpec is nil")
    initiator = access.member_of(database, caller, workflow.colonyname)
    for spec in workflow.functionspecs:
        require_priority(spec)
        spec.conditions.colonyname = workflow.colonyname
        spec.maxexectime = spec.maxexectime or -1
    return lifecycle.submit_graph(database, workflow.colonyname, workflow.functionspecs, initiator)


def graph(database: Database, caller: str, message: OneGraph) -> ProcessGraph:
    """Show a graph, with what is needed to draw it."""
    found = _of_member(database, caller, message, "get")
    found.nodes, found.edges = graphs.draw(graphs.members_of(database, found.processgraphid))
    return found


def list_graphs(database: Database, caller: str, message: ListGraphs) -> list[msgspec.Raw] | None:
    """List the graphs of a state, newest first."""
    access.member_of(database, caller, message.colonyname)
    if ProcessState(message.state) is ProcessState.UNKNOWN:
        raise Refused(400, "invalid msg.State")
    if message.count > _MOST_GRAPHS:
        raise Refused(400, f"Count is larger than MaxCount limit <{_MOST_GRAPHS}>")
    if message.count < 0:
        raise Refused(400, "LIMIT must not be negative")
    rows = database.all(
        "SELECT document FROM graphs WHERE colonyname = ? AND state = ? ORDER BY number DESC LIMIT ?",
        *(message.colonyname, message.state, message.count),
    )
    return [msgspec.Raw(row[0]) for row in rows] or None


def cancel(database: Database, caller: str, message: OneGraph) -> object:
    """Close a graph and its open members, for any member of the colony; again, it changes nothing."""
    found = _of_member(database, caller, message, "cancel")
    if found.status in {ProcessState.SUCCESS, ProcessState.FAILED}:
        word = "successful" if found.status is ProcessState.SUCCESS else "failed"
        raise Refused(400, f"Tried to cancel {word} processgraph")
    if not found.status.closed:
        lifecycle.cancel_graph(database, found.processgraphid)
    return DONE


def remove(database: Database, caller: str, message: OneGraph) -> object:
    """Remove a graph that is not running, with its members."""
    found = _of_member(database, caller, message, "remove")
    if found.status is ProcessState.RUNNING:
        raise Refused(400, "Failed to remove processgraph, cannot remove a running processgraph")
    records.remove(database, "graph = (SELECT number FROM graphs WHERE graphid = ?)", found.processgraphid)
    return DONE


def remove_all(database: Database, caller: str, message: RemoveAll) -> object:
    """Remove the colony's graphs with their members, all or those of a state, for its owner."""
    access.owner_of(database, caller, message.colonyname)
    if message.state == ProcessState.RUNNING:
        raise Refused(400, "not possible to remove running processgraphs")
    if message.state == -1:
        records.remove(database, "colonyname = ? AND graph IS NOT NULL", message.colonyname)
    elif ProcessState(message.state) is ProcessState.UNKNOWN:
        raise Refused(400, "invalid state when deleting all processgraphs")
    else:
        numbers = "SELECT number FROM graphs WHERE colonyname = ? AND state = ?"
        records.remove(database, f"graph IN ({numbers})", message.colonyname, message.state)
    return DONE


def _of_member(database: Database, caller: str, message: OneGraph, wish: str) -> ProcessGraph:
    found = graphs.load(database, message.processgraphid)
    if found is None:
        raise Refused(500, f"Failed to {wish} processgraph, graph is nil")
    access.member_of(database, caller, found.colonyname)
    return found


OPERATIONS = (
    Operation("submitworkflowspecmsg", "Failed to submit workflow", Submit, submit, writes=True),
    Operation("getprocessgraphmsg", "Failed to get processgraph", OneGraph, graph),
    Operation("getprocessgraphsmsg", "Failed to get processgraphs", ListGraphs, list_graphs),
    Operation("cancelprocessgraphmsg", "Failed to cancel processgraph", OneGraph, cancel, writes=True),
    Operation("removeprocessgraphmsg", "Failed to remove processgraph", OneGraph, remove, writes=True),
    Operation("removeallprocessgraphsmsg", "Failed to remove all processgraphs", RemoveAll, remove_all, writes=True),
)
