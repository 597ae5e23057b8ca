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
    """Store a process that is new, as a member of this graph; it is in no queue yet."""
    conditions = process.spec.conditions
    cursor = database.run(
        "INSERT INTO processes (processid, colonyname, state, executortype, label, initiatorname, executorid,"
        " submitted, rank, graph, document) VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?, x'')",
        *(process.processid, conditions.colonyname, ProcessState.WAITING, conditions.executortype, process.spec.label),
        *(process.initiatorname, _microseconds(process.submissiontime), process.prioritytime, graph),
    )
    for key, value in (process.spec.env or {}).items():
        attach(database, process, cursor.lastrowid, kind=AttributeType.ENV, key=key, value=value, of_spec=True)


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
    """Store the process in this state, in the queue if it can be assigned, and let it be announced."""
    process.state = state
    for attribute in process.attributes:
        attribute.state = state
    number = save(database, process)
    database.run("DELETE FROM queue WHERE process = ?", number)
    if process.waitforparents and state is ProcessState.WAITING:
        return  # nobody can have it yet, so nobody needs to hear of it
    if state is ProcessState.WAITING:
        conditions = process.spec.conditions
        cpu, mem = resources.millicores(conditions.cpu), resources.memory_bytes(conditions.mem)
        for name in set(conditions.executornames or [""]):
            database.run(
                "INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(conditions.colonyname, conditions.executortype, name, process.prioritytime, number, cpu, mem),
            )
    database.note_change(process)


def attach(
    database: Database,
    process: Process,
    number: int | None,
    *,
    kind: AttributeType,
    key: str,
    value: str,
    of_spec: bool,
) -> Attribute | None:
    """Add an attribute to the process, which is yet to be saved; None if it has one of this kind and key already."""
    attributeid = hashlib.sha256(f"{process.processid}:{int(kind)}:{key}".encode()).hexdigest()
    cursor = database.run("INSERT OR IGNORE INTO attributes VALUES (?, ?, ?)", attributeid, number, of_spec)
    if not cursor.rowcount:
        return None
    attribute = Attribute(
        attributeid=attributeid,
        targetid=process.processid,
        targetcolonyname=process.spec.conditions.colonyname,
        targetprocessgraphid=process.processgraphid,
        attributetype=kind,
        key=key,
        value=value,
    )
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


def _microseconds(text: str) -> int | None:
    time = parse_time(text)
    return (time - _EPOCH) // timedelta(microseconds=1) if time else None
