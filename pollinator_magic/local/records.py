"""A process as the database holds it: its document, its place in the queue, its attributes.

What a state means and when it is entered is said in `lifecycle`. A process that can be assigned has rows in `queue`,
and only such a process has any.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.colonies.models import (
    UNSET_TIME,
    Attribute,
    AttributeType,
    Process,
    ProcessState,
    format_time,
    parse_time,
)
from pollinator_magic.local import resources

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database

_LONGEST_LIMIT_S = 100 * 365 * 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

read = msgspec.json.Decoder(Process).decode
"""Read a process's document."""


def moment(ns: int) -> datetime:
    """Return Unix nanoseconds as a time, cut to whole microseconds."""
    seconds, rest = divmod(ns, 10**9)
    return datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=rest // 1000)


def deadline(start: datetime, limit_s: int, *, smallest: int) -> str:
    """Return when a limit ends; limits below `smallest`, and those beyond a lifetime, are none."""
    if not smallest <= limit_s <= _LONGEST_LIMIT_S:
        return UNSET_TIME
    return format_time(start + timedelta(seconds=limit_s))


def later(text: str, by_ns: int) -> str:
    """Return a time that is later by so many nanoseconds; one that is unset stays so."""
    time = parse_time(text)
    return format_time(time + timedelta(microseconds=by_ns // 1000)) if time else text


def load(database: Database, processid: str) -> Process | None:
    """Return the process, or None if there is none of that id."""
    row = database.first("SELECT document FROM processes WHERE processid = ?", processid)
    return read(row[0]) if row else None


def number_of(database: Database, processid: str) -> int:
    """Return the number by which other tables know the process."""
    return int(database.one("SELECT number FROM processes WHERE processid = ?", processid)[0])


def create(database: Database, process: Process, *, graph: int | None) -> None:
    """Store a process that is new and waits, as a member of this graph; queue and announce it if it can be assigned."""
    conditions = process.spec.conditions
    env = (process.spec.env or {}).items()
    process.attributes = [_attribute(process, AttributeType.ENV, key, value) for key, value in env]
    _set_state(process, ProcessState.WAITING)
    cursor = database.run(
        "INSERT INTO processes (processid, colonyname, state, executortype, label, initiatorname, executorid,"
        " submitted, rank, deadline, graph, document) VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?)",
        *(process.processid, conditions.colonyname, process.state, conditions.executortype, process.spec.label),
        *(process.initiatorname, _microseconds(process.submissiontime), process.prioritytime),
        *(_microseconds(process.waitdeadline), graph, msgspec.json.encode(process)),
    )
    number = int(cursor.lastrowid or 0)
    database.run_many(
        "INSERT INTO attributes VALUES (?, ?, 1)", [(added.attributeid, number) for added in process.attributes]
    )
    _present(database, process, number)


def save(database: Database, process: Process) -> int:
    """Store what has changed of a process; return its number."""
    state = process.status
    rank, due = process.prioritytime, _microseconds(process.waitdeadline)
    if state is ProcessState.RUNNING:
        rank, due = _microseconds(process.starttime) or 0, _microseconds(process.execdeadline)
    elif state.closed:
        rank, due = -(_microseconds(process.endtime) or 0), None
    number = number_of(database, process.processid)
    database.run(
        "UPDATE processes SET state = ?, executorid = ?, rank = ?, deadline = ?, document = ? WHERE number = ?",
        *(state, process.assignedexecutorid, rank, due, msgspec.json.encode(process), number),
    )
    return number


def enter(database: Database, process: Process, state: ProcessState) -> None:
    """Store the process in this state; queue it if it can be assigned, and announce it."""
    _set_state(process, state)
    number = save(database, process)
    database.run_many(
        "DELETE FROM queue WHERE colonyname = ? AND executortype = ? AND executorname = ? AND prioritytime = ?"
        " AND process = ?",
        _places(process, number),
    )
    _present(database, process, number)


def attach(
    database: Database, process: Process, number: int, *, kind: AttributeType, key: str, value: str
) -> Attribute | None:
    """Add an executor's attribute to the process, which is yet to be saved; None if it has one of this key already."""
    attribute = _attribute(process, kind, key, value)
    if not database.run("INSERT OR IGNORE INTO attributes VALUES (?, ?, 0)", attribute.attributeid, number).rowcount:
        return None
    process.attributes.append(attribute)
    if kind is AttributeType.ENV:
        process.spec.env = {**(process.spec.env or {}), key: value}
    return attribute


def forget_attempt(database: Database, process: Process) -> None:
    """Drop what the executor attached, so that the next attempt can attach it again (e.g. `NODES`)."""
    number = number_of(database, process.processid)
    database.run("DELETE FROM attributes WHERE process = ? AND of_spec = 0", number)
    kept = {row[0] for row in database.all("SELECT attributeid FROM attributes WHERE process = ?", number)}
    process.attributes = [attribute for attribute in process.attributes if attribute.attributeid in kept]
    process.spec.env = {a.key: a.value for a in process.attributes if a.attributetype == AttributeType.ENV}


def remove(database: Database, condition: str, *parameters: object) -> None:
    """Remove the processes that satisfy an SQL condition, with all that belongs to them.

    A graph goes with its members, so the condition must hold for all of a graph's or for none.
    """
    numbers = f"SELECT number FROM processes WHERE {condition}"  # noqa: S608  conditions are constants of this package
    of_members = f"SELECT DISTINCT graph FROM processes WHERE graph IS NOT NULL AND {condition}"  # noqa: S608  as above
    graphs = database.all(of_members, *parameters)
    for table in ("queue", "attributes", "logs"):
        database.run(f"DELETE FROM {table} WHERE process IN ({numbers})", *parameters)  # noqa: S608  as above
    database.run(f"DELETE FROM processes WHERE {condition}", *parameters)  # noqa: S608  as above
    database.run_many("DELETE FROM graphs WHERE number = ?", graphs)


def _attribute(process: Process, kind: AttributeType, key: str, value: str) -> Attribute:
    return Attribute(
        attributeid=hashlib.sha256(f"{process.processid}:{int(kind)}:{key}".encode()).hexdigest(),
        targetid=process.processid,
        targetcolonyname=process.spec.conditions.colonyname,
        targetprocessgraphid=process.processgraphid,
        attributetype=kind,
        key=key,
        value=value,
    )


def _set_state(process: Process, state: ProcessState) -> None:
    process.state = state
    for attribute in process.attributes:
        attribute.state = state


def _present(database: Database, process: Process, number: int) -> None:
    """Queue the process if it can be assigned, and let its state be announced."""
    waiting = process.status is ProcessState.WAITING
    if waiting and process.waitforparents:
        return  # nobody can have it yet, so nobody needs to hear of it
    if waiting:
        conditions = process.spec.conditions
        cpu, mem = resources.millicores(conditions.cpu), resources.memory_bytes(conditions.mem)
        rows = [(*place, cpu, mem) for place in _places(process, number)]
        database.run_many("INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    database.note_change(process)


def _places(process: Process, number: int) -> list[tuple[object, ...]]:
    """Return the keys of the rows that it has in the queue while it can be assigned."""
    conditions = process.spec.conditions
    return [
        (conditions.colonyname, conditions.executortype, name, process.prioritytime, number)
        for name in set(conditions.executornames or [""])
    ]


def _microseconds(text: str) -> int | None:
    time = parse_time(text)
    return (time - _EPOCH) // timedelta(microseconds=1) if time else None
