"""The life cycle of a process (protocol.md, section 8): every change of its state is a function here.

The functions work inside a transaction of the caller. They decide nothing about who may ask; that is done by the
operations. A process that can be assigned has rows in `queue`, and only such a process has any.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.colonies.models import (
    UNSET_TIME,
    Attribute,
    AttributeType,
    FunctionSpec,
    Process,
    ProcessState,
    format_time,
    parse_time,
)
from pollinator_magic.local import resources

if TYPE_CHECKING:
    from pollinator_magic.local.access import Member
    from pollinator_magic.local.database import Database

_DAY_NS = 86_400 * 10**9
_LONGEST_LIMIT_S = 100 * 365 * 86_400
_WAITED_TOO_LONG = "Maximum waiting time limit exceeded"
_RAN_TOO_LONG = "Maximum execution time limit exceeded"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_decoder = msgspec.json.Decoder(Process)


def moment(ns: int) -> datetime:
    """Return Unix nanoseconds as a time, cut to whole microseconds."""
    seconds, rest = divmod(ns, 10**9)
    return datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=rest // 1000)


def load(database: Database, processid: str) -> Process | None:
    """Return the process, or None if there is none of that id."""
    row = database.first("SELECT document FROM processes WHERE processid = ?", processid)
    return _decoder.decode(row[0]) if row else None


def submit(database: Database, spec: FunctionSpec, initiator: Member) -> Process:
    """Store a new process, and put it into the queue."""
    resources.normalise(spec.conditions)
    if spec.conditions.executornames == ["*"]:
        spec.conditions.executornames = []
    spec.kwargs, spec.env = spec.kwargs or {}, spec.env or {}
    now_ns = database.now_ns()
    now = moment(now_ns)
    processid = secrets.token_hex(32)
    process = Process(
        processid=processid,
        initiatorid=initiator.identity,
        initiatorname=initiator.name,
        prioritytime=now_ns - spec.priority * _DAY_NS,
        submissiontime=format_time(now),
        waitdeadline=_deadline(now, spec.maxwaittime, smallest=1),
        spec=spec,
    )
    cursor = database.run(
        "INSERT INTO processes (processid, colonyname, state, executortype, label, initiatorname, executorid,"
        " submitted, rank, document) VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, x'')",
        *(processid, spec.conditions.colonyname, ProcessState.WAITING, spec.conditions.executortype, spec.label),
        *(initiator.name, now_ns // 1000, process.prioritytime),
    )
    for key, value in spec.env.items():
        _attach(database, process, cursor.lastrowid, kind=AttributeType.ENV, key=key, value=value, of_spec=True)
    _enter(database, process, ProcessState.WAITING)
    return process


def assign(
    database: Database, executor: Member, colony: str, executortype: str, *, cpu: int, mem: int
) -> Process | None:
    """Give the executor the process that is first in line for it, or return None."""
    first_in_line = (
        "SELECT prioritytime, process FROM queue WHERE colonyname = ? AND executortype = ? AND executorname = ?"
        " AND cpu <= ? AND mem <= ? ORDER BY prioritytime, process LIMIT 1"
    )
    for_any = database.first(first_in_line, colony, executortype, "", cpu, mem)
    for_this = database.first(first_in_line, colony, executortype, executor.name, cpu, mem)
    candidates = [row for row in (for_any, for_this) if row]
    if not candidates:
        return None
    _, number = min(candidates)
    process: Process = _decoder.decode(database.one("SELECT document FROM processes WHERE number = ?", number)[0])
    now = moment(database.now_ns())
    process.isassigned = True
    process.assignedexecutorid = executor.identity
    process.starttime = format_time(now)
    process.endtime = UNSET_TIME
    process.execdeadline = _deadline(now, process.spec.maxexectime, smallest=0)
    _enter(database, process, ProcessState.RUNNING)
    return process


def succeed(database: Database, process: Process, output: list[object]) -> None:
    """Close the process as successful."""
    process.output = output
    _close(database, process, ProcessState.SUCCESS)


def fail(database: Database, process: Process, errors: list[str]) -> None:
    """Close the process as failed."""
    process.errors = errors
    _close(database, process, ProcessState.FAILED)


def cancel(database: Database, process: Process) -> None:
    """Close the process as cancelled; who ran it stays visible."""
    _close(database, process, ProcessState.CANCELLED)


def release(database: Database, process: Process) -> None:
    """Put a running process back into the queue as if it had not been started: its executor is gone."""
    process.starttime = process.endtime = process.execdeadline = UNSET_TIME
    _requeue(database, process)


def release_all_of(database: Database, executorid: str, colony: str) -> None:
    """Put everything that the executor runs back into the queue."""
    rows = database.all(
        "SELECT document FROM processes WHERE executorid = ? AND state = 1 AND colonyname = ?", executorid, colony
    )
    for (document,) in rows:
        release(database, _decoder.decode(document))


def expire(database: Database) -> None:
    """End what has waited or run for too long; what may be tried again goes back into the queue."""
    now_ns = database.now_ns()
    rows = database.all("SELECT document FROM processes WHERE deadline <= ?", now_ns // 1000)
    for (document,) in rows:
        process = _decoder.decode(document)
        if process.status is ProcessState.WAITING:
            fail(database, process, [_WAITED_TOO_LONG])
        elif process.spec.maxretries < 0 or process.retries < process.spec.maxretries:
            process.retries += 1
            process.endtime = format_time(moment(now_ns))
            _requeue(database, process)
        else:
            fail(database, process, [_RAN_TOO_LONG])


def store_output(database: Database, process: Process, output: list[object]) -> None:
    """Keep output of a process that goes on running."""
    process.output = output
    _save(database, process)


def add_attribute(database: Database, process: Process, attribute: Attribute) -> Attribute | None:
    """Attach a key and value to the process; None if this attempt has set that key already."""
    number = number_of(database, process.processid)
    kind = AttributeType(attribute.attributetype)
    added = _attach(database, process, number, kind=kind, key=attribute.key, value=attribute.value, of_spec=False)
    if added:
        _save(database, process)
    return added


def number_of(database: Database, processid: str) -> int:
    """Return the number by which other tables know the process."""
    return int(database.one("SELECT number FROM processes WHERE processid = ?", processid)[0])


def remove(database: Database, condition: str, *parameters: object) -> None:
    """Remove the processes that satisfy an SQL condition, with all that belongs to them."""
    numbers = f"SELECT number FROM processes WHERE {condition}"  # noqa: S608  conditions are constants of this package
    for table in ("queue", "attributes", "logs"):
        database.run(f"DELETE FROM {table} WHERE process IN ({numbers})", *parameters)  # noqa: S608  as above
    database.run(f"DELETE FROM processes WHERE {condition}", *parameters)  # noqa: S608  as above


def _close(database: Database, process: Process, state: ProcessState) -> None:
    process.endtime = format_time(moment(database.now_ns()))
    _enter(database, process, state)


def _requeue(database: Database, process: Process) -> None:
    process.isassigned = False
    process.assignedexecutorid = ""
    process.output = []
    process.waitdeadline = _deadline(moment(database.now_ns()), process.spec.maxwaittime, smallest=1)
    _forget_attempt(database, process)
    _enter(database, process, ProcessState.WAITING)


def _forget_attempt(database: Database, process: Process) -> None:
    """Drop what the executor attached, so that the next attempt can attach it again (e.g. `NODES`)."""
    number = number_of(database, process.processid)
    database.run("DELETE FROM attributes WHERE process = ? AND of_spec = 0", number)
    kept = {row[0] for row in database.all("SELECT attributeid FROM attributes WHERE process = ?", number)}
    process.attributes = [attribute for attribute in process.attributes if attribute.attributeid in kept]
    process.spec.env = {a.key: a.value for a in process.attributes if a.attributetype == AttributeType.ENV}


def _enter(database: Database, process: Process, state: ProcessState) -> None:
    process.state = state
    for attribute in process.attributes:
        attribute.state = state
    number = _save(database, process)
    database.run("DELETE FROM queue WHERE process = ?", number)
    if state is ProcessState.WAITING:
        conditions = process.spec.conditions
        cpu, mem = resources.millicores(conditions.cpu), resources.memory_bytes(conditions.mem)
        for name in set(conditions.executornames or [""]):
            database.run(
                "INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(conditions.colonyname, conditions.executortype, name, process.prioritytime, number, cpu, mem),
            )
    database.note_change(process)


def _save(database: Database, process: Process) -> int:
    state = process.status
    rank, deadline = process.prioritytime, _microseconds(process.waitdeadline)
    if state is ProcessState.RUNNING:
        rank, deadline = _microseconds(process.starttime) or 0, _microseconds(process.execdeadline)
    elif state.closed:
        rank, deadline = -(_microseconds(process.endtime) or 0), None
    number = number_of(database, process.processid)
    database.run(
        "UPDATE processes SET state = ?, executorid = ?, rank = ?, deadline = ?, document = ? WHERE number = ?",
        *(state, process.assignedexecutorid, rank, deadline, msgspec.json.encode(process), number),
    )
    return number


def _attach(
    database: Database,
    process: Process,
    number: int | None,
    *,
    kind: AttributeType,
    key: str,
    value: str,
    of_spec: bool,
) -> Attribute | None:
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


def _deadline(start: datetime, limit_s: int, *, smallest: int) -> str:
    """Return when a limit ends; limits below `smallest`, and those beyond a lifetime, are none."""
    if not smallest <= limit_s <= _LONGEST_LIMIT_S:
        return UNSET_TIME
    return format_time(start + timedelta(seconds=limit_s))


def _microseconds(text: str) -> int | None:
    time = parse_time(text)
    return (time - _EPOCH) // timedelta(microseconds=1) if time else None
