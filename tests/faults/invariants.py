"""What must be true of an embedded colony's database at any moment, whoever has been killed before it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.colonies.models import Process, ProcessGraph, ProcessState
from pollinator_magic.local import resources
from pollinator_magic.local.records import _microseconds

if TYPE_CHECKING:
    from pathlib import Path


def check_database(path: Path) -> dict[str, Process]:
    """Raise AssertionError unless everything in the database fits together; return its processes by id."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        processes = _check_processes(database)
        _check_belongings(database)
        _check_graphs(database, processes)
        _check_files(database)
    return {process.processid: process for process in processes.values()}


def _check_processes(database: sqlite3.Connection) -> dict[int, Process]:
    queued = defaultdict(set)
    for number, *row in database.execute(
        "SELECT process, colonyname, executortype, executorname, prioritytime, cpu, mem FROM queue"
    ):
        queued[number].add(tuple(row))
    attached = defaultdict(set)
    for attributeid, number in database.execute("SELECT attributeid, process FROM attributes"):
        attached[number].add(attributeid)
    processes = {}
    for number, processid, state, executorid, rank, deadline, document in database.execute(
        "SELECT number, processid, state, executorid, rank, deadline, document FROM processes"
    ):
        process = processes[number] = msgspec.json.decode(document, type=Process)
        assert (process.processid, process.status, process.assignedexecutorid) == (processid, state, executorid)
        assert (rank, deadline) == _order(process), process
        assert queued.pop(number, set()) == _places(process), process
        assert attached.pop(number, set()) == {one.attributeid for one in process.attributes}, process
        assert all(one.state == state for one in process.attributes), process
        assert process.status is not ProcessState.RUNNING or (process.isassigned and process.started_at), process
        assert process.status is not ProcessState.WAITING or not process.isassigned, process
        assert not process.status.closed or process.ended_at, process
    assert not queued, f"in the queue, but not there: {dict(queued)}"
    assert not attached
    return processes


def _order(process: Process) -> tuple[int, int | None]:
    if process.status is ProcessState.RUNNING:
        return _microseconds(process.starttime) or 0, _microseconds(process.execdeadline)
    if process.status.closed:
        return -(_microseconds(process.endtime) or 0), None
    return process.prioritytime, _microseconds(process.waitdeadline)


def _places(process: Process) -> set[tuple[object, ...]]:
    if process.status is not ProcessState.WAITING or process.waitforparents:
        return set()
    conditions = process.spec.conditions
    needs = resources.millicores(conditions.cpu), resources.memory_bytes(conditions.mem)
    return {
        (conditions.colonyname, conditions.executortype, name, process.prioritytime, *needs)
        for name in conditions.executornames or [""]
    }


def _check_belongings(database: sqlite3.Connection) -> None:
    lost = "SELECT count(*) FROM logs WHERE process IS NOT NULL AND process NOT IN (SELECT number FROM processes)"
    assert database.execute(lost).fetchone() == (0,)
    lost = "SELECT count(*) FROM snapshot_files WHERE file NOT IN (SELECT sequencenr FROM files)"
    assert database.execute(lost).fetchone() == (0,)
    lost = "SELECT count(*) FROM snapshot_files WHERE snapshot NOT IN (SELECT number FROM snapshots)"
    assert database.execute(lost).fetchone() == (0,)


def _check_graphs(database: sqlite3.Connection, processes: dict[int, Process]) -> None:
    members = defaultdict(list)
    for number, graph in database.execute("SELECT number, graph FROM processes WHERE graph IS NOT NULL"):
        members[graph].append(processes[number])
    by_id = {process.processid: process for process in processes.values()}
    for number, graphid, state, document in database.execute("SELECT number, graphid, state, document FROM graphs"):
        graph = msgspec.json.decode(document, type=ProcessGraph)
        states = {member.status for member in members[number]}
        assert (graph.processgraphid, graph.state) == (graphid, state)
        assert sorted(graph.processids) == sorted(member.processid for member in members[number])
        assert not ProcessState(state).closed or all(one.closed for one in states), graph
        assert states != {ProcessState.SUCCESS} or state == ProcessState.SUCCESS, graph
        assert ProcessState.FAILED not in states or state == ProcessState.FAILED, graph
        for member in members[number]:
            waits = any(by_id[parent].status is not ProcessState.SUCCESS for parent in member.parents)
            assert member.status.closed or member.waitforparents == waits, member


def _check_files(database: sqlite3.Connection) -> None:
    wrong = (
        "SELECT colonyname, label, name FROM files GROUP BY 1, 2, 3 HAVING"
        " sum(latest) != max(removed = 0) OR max(CASE WHEN latest THEN sequencenr ELSE 0 END) !="
        " max(CASE WHEN removed = 0 THEN sequencenr ELSE 0 END)"
    )
    assert database.execute(wrong).fetchall() == []
