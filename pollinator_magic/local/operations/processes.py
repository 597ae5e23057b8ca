"""Processes (protocol.md, section 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pollinator_magic.colonies.models import FunctionSpec, Process, ProcessState, format_time
from pollinator_magic.local import access, lifecycle, records, resources
from pollinator_magic.local.operations import executors
from pollinator_magic.local.routing import DONE, Message, OfColony, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database

_MOST_PROCESSES = 100
_PRIORITIES = range(-50_000, 50_001)


class Submit(Message):
    """Submit a function specification."""

    spec: FunctionSpec | None = None


class OneProcess(Message):
    """Name a process."""

    processid: str = ""


class ListProcesses(OfColony):
    """Ask for the first processes of a state; only one of the filters is applied."""

    count: int = 0
    state: int = 0
    executortype: str = ""
    label: str = ""
    initiator: str = ""


class History(OfColony):
    """Ask for what was submitted within the last seconds."""

    executorid: str = ""
    seconds: int = 0
    state: int = 0


class Assign(OfColony):
    """Ask for work, and wait for it."""

    timeout: int = 0
    availablecpu: str = ""
    availablemem: str = ""


class CloseSuccessful(OneProcess):
    """Close with output, or set the output."""

    out: list[Any] = msgspec.field(default_factory=list)


class CloseFailed(OneProcess):
    """Close with errors."""

    errors: list[str] = msgspec.field(default_factory=list)


class RemoveAll(OfColony):
    """Remove all processes of a state; -1 means of every state."""

    state: int = 0


@dataclass(frozen=True)
class LongPoll:
    """An assign call that found no work yet."""

    colony: str
    executorid: str
    executortype: str
    cpu: int
    mem: int
    timeout_s: int
    """Not positive if it does not want to wait."""


def submit(database: Database, caller: str, message: Submit) -> Process:
    """Store a new process."""
    spec = message.spec
    if spec is None:
        raise Refused(400, "Failed to submit process spec, msg.FunctionSpec is nil")
    initiator = access.member_of(database, caller, spec.conditions.colonyname)
    require_priority(spec)
    return lifecycle.submit(database, spec, initiator)


def require_priority(spec: FunctionSpec) -> None:
    """Refuse priorities that are out of range."""
    if spec.priority not in _PRIORITIES:
        raise Refused(400, "Failed to submit function spec, priority outside range [-50000, 50000]")


def process(database: Database, caller: str, message: OneProcess) -> msgspec.Raw:
    """Show a process."""
    row = database.first("SELECT colonyname, document FROM processes WHERE processid = ?", message.processid)
    if not row:
        raise Refused(404, "Failed to get process, process not found")
    access.member_of(database, caller, row[0])
    return msgspec.Raw(row[1])


def processes(database: Database, caller: str, message: ListProcesses) -> list[msgspec.Raw] | None:
    """List processes: waiting in the order of the queue, running by start, closed with the most recent first."""
    access.member_of(database, caller, message.colonyname)
    if message.count > _MOST_PROCESSES:
        raise Refused(400, f"Count is larger than MaxCount limit <{_MOST_PROCESSES}>")
    if message.count < 0:
        raise Refused(400, "LIMIT must not be negative")
    if ProcessState(message.state) is ProcessState.UNKNOWN:
        raise Refused(400, "Failed to get processes, invalid msg.State")
    column, value = "", ""
    if message.executortype:
        column, value = " AND executortype = ?", message.executortype
    elif message.initiator:
        user = "SELECT 1 FROM users WHERE colonyname = ? AND name = ?"
        if not database.first(user, message.colonyname, message.initiator):
            raise Refused(400, f"User <{message.initiator}> does not exist")
        column, value = " AND initiatorname = ?", message.initiator
    elif message.label:
        column, value = " AND label = ? AND label != ''", message.label  # as its index says
    rows = database.all(
        f"SELECT document FROM processes WHERE colonyname = ? AND state = ?{column} ORDER BY rank LIMIT ?",  # noqa: S608  constants
        *(message.colonyname, message.state),
        *([value] if column else []),
        message.count,
    )
    return [msgspec.Raw(row[0]) for row in rows] or None


def history(database: Database, caller: str, message: History) -> list[msgspec.Raw] | None:
    """List all processes of a state that were submitted within the last seconds, oldest first."""
    access.member_of(database, caller, message.colonyname)
    if ProcessState(message.state) is ProcessState.UNKNOWN:
        raise Refused(400, "Failed to get process history, invalid msg.State")
    rows = database.all(
        "SELECT document FROM processes WHERE number > coalesce("
        " (SELECT number FROM processes WHERE submitted < ? ORDER BY number DESC LIMIT 1), 0)"  # numbered as submitted
        " AND +colonyname = ? AND +state = ? AND (? = '' OR executorid = ?) ORDER BY number",
        *(database.now_ns() // 1000 - message.seconds * 10**6, message.colonyname, message.state),
        *(message.executorid, message.executorid),
    )
    return [msgspec.Raw(row[0]) for row in rows] or None


def assign(database: Database, caller: str, message: Assign) -> Process | LongPoll:
    """Give the calling executor a process, or let it wait for one."""
    member = access.member_of(database, caller, message.colonyname)
    if message.timeout == 0:
        raise Refused(400, "Invalid timeout value, timeout cannot be zero")
    executor = executors.load(database, message.colonyname, member.name) if member.is_executor else None
    if executor is None:
        raise Refused(500, "Failed to assign process, executor not found")
    cpu = resources.millicores(message.availablecpu) if message.availablecpu else resources.UNLIMITED
    mem = resources.memory_bytes(message.availablemem) if message.availablemem else resources.UNLIMITED
    executor.lastheardfromtime = format_time(records.moment(database.now_ns()))
    executors.save(database, executor)
    poll = LongPoll(message.colonyname, caller, executor.executortype, cpu, mem, message.timeout)
    return assign_now(database, poll) or poll


def assign_now(database: Database, poll: LongPoll) -> Process | None:
    """Try to get work for an assign call; while it waited, its executor may have been dismissed."""
    member = access.member_of(database, poll.executorid, poll.colony)
    return lifecycle.assign(
        database, member, colony=poll.colony, executortype=poll.executortype, cpu=poll.cpu, mem=poll.mem
    )


def close_successful(database: Database, caller: str, message: CloseSuccessful) -> object:
    """Close the caller's process as successful; again, to replace the output of one that is."""
    process = _assigned(database, caller, message, "successful")
    first_time = process.status is ProcessState.RUNNING
    if not first_time and process.status is not ProcessState.SUCCESS:
        raise Refused(400, f"Tried to set {_word(process)} process as successful")
    lifecycle.succeed(database, process, message.out)
    if first_time:
        name = access.member_of(database, caller, process.spec.conditions.colonyname).name
        executors.count_execution(database, name, process)
    return DONE


def close_failed(database: Database, caller: str, message: CloseFailed) -> object:
    """Close the caller's process as failed."""
    process = _assigned(database, caller, message, "failed")
    if process.status is not ProcessState.RUNNING:
        raise Refused(400, f"Tried to set {_word(process)} process as failed")
    lifecycle.fail(database, process, message.errors)
    return DONE


def set_output(database: Database, caller: str, message: CloseSuccessful) -> object:
    """Keep output of a process that goes on running; an empty list changes nothing."""
    process = of_member(database, caller, message.processid, Refused(500, "Failed to set output, process is nil"))
    if process.assignedexecutorid != caller:
        raise Refused(403, "Failed to close process as successful, not allowed to close process as successful")
    if process.status is not ProcessState.RUNNING:
        raise Refused(403, "Failed to set output, process is not running")
    if message.out:
        lifecycle.store_output(database, process, message.out)
    return DONE


def cancel(database: Database, caller: str, message: OneProcess) -> object:
    """Close a process that has not ended, for any member."""
    process = of_member(database, caller, message.processid, Refused(500, "Failed to cancel process, process is nil"))
    if process.processgraphid:
        raise Refused(
            400, "Failed to cancel, cannot cancel a process part of a workflow, cancel the entire workflow instead"
        )
    if process.status.closed:
        already = "already " if process.status is ProcessState.CANCELLED else ""
        raise Refused(400, f"Tried to cancel {already}{_word(process)} process")
    lifecycle.cancel(database, process)
    return DONE


def remove(database: Database, caller: str, message: OneProcess) -> object:
    """Remove a process that is not running."""
    process = of_member(database, caller, message.processid, Refused(500, "Failed to remove process, process is nil"))
    if process.processgraphid:
        raise Refused(
            400, "Failed to remove, cannot remove a process part of a workflow, delete the entire workflow instead"
        )
    if process.status is ProcessState.RUNNING:
        raise Refused(400, "Failed to remove process, cannot remove a running process")
    records.remove(database, "processid = ?", message.processid)
    return DONE


def remove_all(database: Database, caller: str, message: RemoveAll) -> object:
    """Remove the colony's processes of one state, or all."""
    access.owner_of(database, caller, message.colonyname)
    if message.state == ProcessState.RUNNING:
        raise Refused(400, "Not possible to remove running processes")
    if message.state == -1:
        records.remove(database, "colonyname = ? AND graph IS NULL", message.colonyname)
    elif ProcessState(message.state) is ProcessState.UNKNOWN:
        raise Refused(400, "Failed to remove all processes, invalid msg.State")
    else:
        records.remove(database, "colonyname = ? AND graph IS NULL AND state = ?", message.colonyname, message.state)
    return DONE


def of_member(database: Database, caller: str, processid: str, unknown: Refused) -> Process:
    """Return the process if the caller is a member of its colony; raise `unknown` if there is none."""
    process = records.load(database, processid)
    if process is None:
        raise unknown
    access.member_of(database, caller, process.spec.conditions.colonyname)
    return process


def _assigned(database: Database, caller: str, message: OneProcess, outcome: str) -> Process:
    failure = f"Failed to close process as {outcome}"
    process = of_member(database, caller, message.processid, Refused(500, f"{failure}, process is nil"))
    if not process.isassigned:
        raise Refused(403, f"{failure}, process is not assigned")
    if process.assignedexecutorid != caller:
        raise Refused(403, f"{failure}, not allowed to close process as {outcome}")
    return process


def _word(process: Process) -> str:
    return {ProcessState.SUCCESS: "successful", ProcessState.FAILED: "failed"}.get(process.status, "cancelled")


OPERATIONS = (
    Operation("submitfuncspecmsg", "Failed to submit process", Submit, submit, writes=True),
    Operation("getprocessmsg", "Failed to get process", OneProcess, process),
    Operation("getprocessesmsg", "Failed to get processes", ListProcesses, processes),
    Operation("getprocesshistmsg", "Failed to get process history", History, history, slow=True),
    Operation("assignprocessmsg", "Failed to assign process", Assign, assign, writes=True),
    Operation(
        "closesuccessfulmsg", "Failed to close process as successful", CloseSuccessful, close_successful, writes=True
    ),
    Operation("closefailedmsg", "Failed to close process as failed", CloseFailed, close_failed, writes=True),
    Operation("setoutputmsg", "Failed to set output", CloseSuccessful, set_output, writes=True),
    Operation("cancelprocessmsg", "Failed to cancel process", OneProcess, cancel, writes=True),
    Operation("removeprocessmsg", "Failed to remove process", OneProcess, remove, writes=True),
    Operation("removeallprocessesmsg", "Failed to remove all processes", RemoveAll, remove_all, writes=True),
)
