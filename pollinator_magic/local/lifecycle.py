"""The life cycle of a process (protocol.md, section 8): every change of its state is a function here.

The functions work inside a transaction of the caller. They decide nothing about who may ask; that is done by the
operations. What the change of a member means for the other members of its process graph is said in `graphs`, and
carried out here.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import (
    UNSET_TIME,
    Attribute,
    AttributeType,
    FunctionSpec,
    Process,
    ProcessGraph,
    ProcessState,
    format_time,
)
from pollinator_magic.local import graphs, records, resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.local.access import Member
    from pollinator_magic.local.database import Database

_DAY_NS = 86_400 * 10**9
_WAITED_TOO_LONG = "Maximum waiting time limit exceeded"
_RAN_TOO_LONG = "Maximum execution time limit exceeded"


def submit(database: Database, spec: FunctionSpec, initiator: Member) -> Process:
    """Store a new process, and put it into the queue."""
    process = _new(database, spec, initiator)
    return _submit(database, process, graph=None)


def submit_graph(database: Database, colony: str, specs: Sequence[FunctionSpec], initiator: Member) -> ProcessGraph:
    """Store a new process for each specification; those without dependencies can run at once. May raise Refused."""
    parents = graphs.parents_of(specs)
    members = [_new(database, spec, initiator) for spec in specs]
    graphs.connect(members, parents)
    graph, number = graphs.create(database, colony, members)
    for member in members:
        _submit(database, member, graph=number)
    return graph


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
    process: Process = records.read(database.one("SELECT document FROM processes WHERE number = ?", number)[0])
    now = records.moment(database.now_ns())
    process.isassigned = True
    process.assignedexecutorid = executor.identity
    process.starttime = format_time(now)
    process.endtime = UNSET_TIME
    process.execdeadline = records.deadline(now, process.spec.maxexectime, smallest=0)
    if process.parents:
        process.input = graphs.outputs_of(database, process.parents)
    _enter(database, process, ProcessState.RUNNING)
    return process


def succeed(database: Database, process: Process, output: list[object]) -> None:
    """Close the process as successful; without an output it keeps what it has."""
    process.output = output or process.output
    _close(database, process, ProcessState.SUCCESS)


def fail(database: Database, process: Process, errors: list[str]) -> None:
    """Close the process as failed."""
    process.errors = errors
    _close(database, process, ProcessState.FAILED)


def cancel(database: Database, process: Process) -> None:
    """Close the process as cancelled; who ran it stays visible."""
    _close(database, process, ProcessState.CANCELLED)


def cancel_graph(database: Database, graphid: str) -> None:
    """Close the graph, and all members that have not ended, as cancelled."""
    _close_graph(database, graphid, ProcessState.CANCELLED)


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
        release(database, records.read(document))


def expire(database: Database) -> None:
    """End what has waited or run for too long; what may be tried again goes back into the queue."""
    now_ns = database.now_ns()
    rows = database.all("SELECT processid FROM processes WHERE deadline <= ?", now_ns // 1000)
    for (processid,) in rows:
        process = records.load(database, processid)
        if process is None or process.status.closed:
            continue  # with the graph of one before it
        if process.status is ProcessState.WAITING:
            fail(database, process, [_WAITED_TOO_LONG])
        elif process.spec.maxretries < 0 or process.retries < process.spec.maxretries:
            process.retries += 1
            process.endtime = format_time(records.moment(now_ns))
            _requeue(database, process)
        else:
            fail(database, process, [_RAN_TOO_LONG])


def postpone(database: Database, by_ns: int) -> None:
    """Move all deadlines: the clock was set forward, and nobody has waited or run for longer."""
    rows = database.all("SELECT document FROM processes WHERE deadline IS NOT NULL")
    for (document,) in rows:
        process = records.read(document)
        process.waitdeadline = records.later(process.waitdeadline, by_ns)
        process.execdeadline = records.later(process.execdeadline, by_ns)
        records.save(database, process)


def store_output(database: Database, process: Process, output: list[object]) -> None:
    """Keep output of a process that goes on running."""
    process.output = output
    records.save(database, process)


def add_attribute(database: Database, process: Process, attribute: Attribute) -> Attribute | None:
    """Attach a key and value to the process; None if this attempt has set that key already."""
    number = records.number_of(database, process.processid)
    kind = AttributeType(attribute.attributetype)
    added = records.attach(database, process, number, kind=kind, key=attribute.key, value=attribute.value)
    if added:
        records.save(database, process)
    return added


def _new(database: Database, spec: FunctionSpec, initiator: Member) -> Process:
    """Return a process of this specification, which is yet to be stored."""
    resources.normalise(spec.conditions)
    if spec.conditions.executornames == ["*"]:
        spec.conditions.executornames = []
    spec.kwargs, spec.env = spec.kwargs or {}, spec.env or {}
    now_ns = database.now_ns()
    now = records.moment(now_ns)
    return Process(
        processid=secrets.token_hex(32),
        initiatorid=initiator.identity,
        initiatorname=initiator.name,
        prioritytime=now_ns - spec.priority * _DAY_NS,
        submissiontime=format_time(now),
        waitdeadline=records.deadline(now, spec.maxwaittime, smallest=1),
        spec=spec,
    )


def _submit(database: Database, process: Process, *, graph: int | None) -> Process:
    records.create(database, process, graph=graph)
    return process


def _close(database: Database, process: Process, state: ProcessState) -> None:
    process.endtime = format_time(records.moment(database.now_ns()))
    _enter(database, process, state)


def _requeue(database: Database, process: Process) -> None:
    process.isassigned = False
    process.assignedexecutorid = ""
    process.output = []
    now = records.moment(database.now_ns())
    process.waitdeadline = records.deadline(now, process.spec.maxwaittime, smallest=1)
    records.forget_attempt(database, process)
    _enter(database, process, ProcessState.WAITING)


def _enter(database: Database, process: Process, state: ProcessState) -> None:
    records.enter(database, process, state)
    if process.processgraphid:
        _carry_on(database, process)


def _carry_on(database: Database, process: Process) -> None:
    """Let the process's graph go on, or end, with it."""
    graphid = process.processgraphid
    before = graphs.state_of(database, graphid)
    if before.closed:
        return
    if process.status is ProcessState.RUNNING and before is ProcessState.WAITING:
        graphs.enter(database, graphid, ProcessState.RUNNING)
    elif process.status is ProcessState.SUCCESS:
        for child in graphs.freed_by(database, process):
            child.waitforparents = False
            records.enter(database, child, ProcessState.WAITING)
        if not graphs.has_open_members(database, graphid):
            graphs.enter(database, graphid, ProcessState.SUCCESS)
    elif process.status is ProcessState.FAILED:
        _close_graph(database, graphid, ProcessState.FAILED)


def _close_graph(database: Database, graphid: str, state: ProcessState) -> None:
    graphs.enter(database, graphid, state)
    for member in graphs.open_members(database, graphid):
        member.endtime = format_time(records.moment(database.now_ns()))
        records.enter(database, member, state)
