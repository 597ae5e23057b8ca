"""Executors and what they announce (protocol.md, section 7.2)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from pollinator_magic.colonies.models import (
    UNSET_TIME,
    Allocations,
    Capabilities,
    Executor,
    ExecutorState,
    Function,
    Process,
    format_time,
)
from pollinator_magic.local import access, lifecycle, records
from pollinator_magic.local.routing import DONE, Message, OfColony, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database

_executor_decoder = msgspec.json.Decoder(Executor)
_function_decoder = msgspec.json.Decoder(Function)


class AddExecutor(Message):
    """Register an executor."""

    executor: Executor | None = None


class OneExecutor(OfColony):
    """Name an executor."""

    executorname: str = ""
    executorid: str = ""


class UpdateCapabilities(OneExecutor):
    """Say what the executor offers."""

    capabilities: Capabilities = msgspec.field(default_factory=Capabilities)


class ReportAllocations(OneExecutor):
    """Say what its projects may use and have used."""

    allocations: Allocations = msgspec.field(default_factory=Allocations)


class AddFunction(Message):
    """Announce a function."""

    fun: Function | None = None


class OneFunction(Message):
    """Name a function."""

    functionid: str = ""


def load(database: Database, colony: str, name: str) -> Executor | None:
    """Return an executor's registration, or None."""
    row = database.first("SELECT document FROM executors WHERE colonyname = ? AND executorname = ?", colony, name)
    return _executor_decoder.decode(row[0]) if row else None


def save(database: Database, executor: Executor) -> None:
    """Store an executor's registration; one of the same name is replaced."""
    database.run(
        "INSERT INTO executors (colonyname, executorname, executorid, state, document) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (colonyname, executorname) DO UPDATE SET executorid = excluded.executorid,"
        " state = excluded.state, document = excluded.document",
        *(executor.colonyname, executor.executorname, executor.executorid, executor.state),
        msgspec.json.encode(executor),
    )


def add(database: Database, caller: str, message: AddExecutor) -> object:
    """Register an executor, or register it anew: what it was running goes back into the queue."""
    executor = message.executor
    if executor is None:
        raise Refused(400, "Failed to add executor, executor is nil")
    access.owner_of(database, caller, executor.colonyname)
    former = load(database, executor.colonyname, executor.executorname)
    if former:
        lifecycle.release_all_of(database, former.executorid, executor.colonyname)
        database.run(
            "DELETE FROM functions WHERE colonyname = ? AND executorname = ?",
            *(executor.colonyname, executor.executorname),
        )
    executor.state = ExecutorState.PENDING
    executor.commissiontime = format_time(records.moment(database.now_ns()))
    executor.lastheardfromtime = UNSET_TIME
    is_older = executor.location is not UNSET
    executor.location = UNSET
    executor.allocations = Allocations()
    save(database, executor)
    return _as_older(executor) if is_older else executor


def _as_older(executor: Executor) -> dict[str, Any]:
    """Return the record as executors of before version 1.9.6 read it, which end when they cannot."""
    record: dict[str, Any] = msgspec.to_builtins(executor)
    capabilities: dict[str, Any] = {name: next(iter(all_), {}) for name, all_ in record["capabilities"].items()}
    return {**record, "capabilities": capabilities}


def approve(database: Database, caller: str, message: OneExecutor) -> object:
    """Make the executor a member."""
    executor = _of_owner(database, caller, message, "Failed to approve executor")
    executor.state = ExecutorState.APPROVED
    save(database, executor)
    return DONE


def reject(database: Database, caller: str, message: OneExecutor) -> object:
    """Refuse the executor; what it was running goes back into the queue."""
    executor = _of_owner(database, caller, message, "Failed to reject executor")
    return _dismiss(database, executor, ExecutorState.REJECTED)


def remove(database: Database, caller: str, message: OneExecutor) -> object:
    """Unregister the executor; its record stays, and what it was running goes back into the queue."""
    executor = _of_owner(database, caller, message, "Failed to remove executor")
    return _dismiss(database, executor, ExecutorState.UNREGISTERED)


def executors(database: Database, caller: str, message: OfColony) -> list[msgspec.Raw] | None:
    """List the colony's executors, whatever their state."""
    access.known_to(database, caller, message.colonyname)
    rows = database.all("SELECT document FROM executors WHERE colonyname = ? ORDER BY number", message.colonyname)
    return [msgspec.Raw(row[0]) for row in rows] or None


def executor(database: Database, caller: str, message: OneExecutor) -> Executor:
    """Show an executor by name."""
    access.member_of(database, caller, message.colonyname)
    return _existing(database, message, Refused(500, "Failed to get executor, executor is nil"))


def executor_by_id(database: Database, caller: str, message: OneExecutor) -> msgspec.Raw:
    """Show an executor of the colony by identity."""
    access.member_of(database, caller, message.colonyname)
    row = database.first(
        "SELECT document FROM executors WHERE colonyname = ? AND executorid = ? ORDER BY number",
        *(message.colonyname, message.executorid),
    )
    if not row:
        raise Refused(404, "Failed to get executor by ID, executor is nil")
    return msgspec.Raw(row[0])


def update_capabilities(database: Database, caller: str, message: UpdateCapabilities) -> object:
    """Replace what the executor itself offers."""
    access.member_of(database, caller, message.colonyname)
    executor = _existing(database, message, Refused(400, f"Executor with name <{message.executorname}> does not exist"))
    if executor.executorid != caller:
        raise Refused(400, "Only an executor can update its own capabilities")
    executor.capabilities = message.capabilities
    save(database, executor)
    return DONE


def report_allocations(database: Database, caller: str, message: ReportAllocations) -> object:
    """Replace what the executor itself reports of its projects."""
    access.member_of(database, caller, message.colonyname)
    executor = _existing(database, message, Refused(400, f"Executor with name <{message.executorname}> does not exist"))
    if executor.executorid != caller:
        raise Refused(400, "Only an executor can report allocations to itself")
    executor.allocations = message.allocations
    save(database, executor)
    return DONE


def add_function(database: Database, caller: str, message: AddFunction) -> Function:
    """Announce a function of the calling executor."""
    function = message.fun
    if function is None:
        raise Refused(400, "Failed to add function, function is nil")
    access.member_of(database, caller, function.colonyname)
    owner = load(database, function.colonyname, function.executorname)
    if owner is None:
        raise Refused(400, f"Failed to add function, Executor with name <{function.executorname}> does not exist")
    if owner.executorid != caller:
        raise Refused(403, "Not allowed to add a function to another executor")
    function = Function(
        functionid=secrets.token_hex(32),
        executorname=function.executorname,
        executortype=function.executortype,
        colonyname=function.colonyname,
        funcname=function.funcname,
        description=function.description,
        args=function.args,
    )
    database.run(
        "INSERT INTO functions (functionid, colonyname, executorname, funcname, document) VALUES (?, ?, ?, ?, ?)",
        *(function.functionid, function.colonyname, function.executorname, function.funcname),
        msgspec.json.encode(function),
    )
    return function


def functions(database: Database, caller: str, message: OneExecutor) -> list[msgspec.Raw] | None:
    """List the functions of one executor, or of the colony."""
    access.member_of(database, caller, message.colonyname)
    if message.executorname:
        rows = database.all(
            "SELECT document FROM functions WHERE colonyname = ? AND executorname = ? ORDER BY number",
            *(message.colonyname, message.executorname),
        )
    else:
        rows = database.all("SELECT document FROM functions WHERE colonyname = ? ORDER BY number", message.colonyname)
    return [msgspec.Raw(row[0]) for row in rows] or None


def remove_function(database: Database, caller: str, message: OneFunction) -> object:
    """Withdraw a function of the calling executor."""
    row = database.first("SELECT document FROM functions WHERE functionid = ?", message.functionid)
    if not row:
        raise Refused(404, "Failed to remove function, function does not exist")
    function = _function_decoder.decode(row[0])
    access.member_of(database, caller, function.colonyname)
    owner = load(database, function.colonyname, function.executorname)
    if owner is None or owner.executorid != caller:
        raise Refused(403, "Not allowed to remove a function from another executor")
    database.run("DELETE FROM functions WHERE functionid = ?", message.functionid)
    return DONE


def count_execution(database: Database, executorname: str, process: Process) -> None:
    """Enter a successful process into the statistics of its function."""
    submitted, started, ended = process.submitted_at, process.started_at, process.ended_at
    if not (submitted and started and ended):
        return
    wait_s, exec_s = (started - submitted).total_seconds(), (ended - started).total_seconds()
    rows = database.all(
        "SELECT number, document FROM functions WHERE colonyname = ? AND executorname = ? AND funcname = ?",
        *(process.spec.conditions.colonyname, executorname, process.spec.funcname),
    )
    for number, document in rows:
        function = _function_decoder.decode(document)
        count = function.counter
        function.minwaittime = min(function.minwaittime, wait_s) if count else wait_s
        function.minexectime = min(function.minexectime, exec_s) if count else exec_s
        function.maxwaittime = max(function.maxwaittime, wait_s)
        function.maxexectime = max(function.maxexectime, exec_s)
        function.avgwaittime += (wait_s - function.avgwaittime) / (count + 1)
        function.avgexectime += (exec_s - function.avgexectime) / (count + 1)
        function.counter = count + 1
        database.run("UPDATE functions SET document = ? WHERE number = ?", msgspec.json.encode(function), number)


def _existing(database: Database, message: OneExecutor, otherwise: Refused) -> Executor:
    executor = load(database, message.colonyname, message.executorname)
    if executor is None:
        raise otherwise
    return executor


def _of_owner(database: Database, caller: str, message: OneExecutor, failure: str) -> Executor:
    access.owner_of(database, caller, message.colonyname)
    return _existing(database, message, Refused(500, f"{failure}, executor is nil"))


def _dismiss(database: Database, executor: Executor, state: ExecutorState) -> object:
    executor.state = state
    save(database, executor)
    lifecycle.release_all_of(database, executor.executorid, executor.colonyname)
    return DONE


OPERATIONS = (
    Operation("addexecutormsg", "Failed to add executor", AddExecutor, add, writes=True),
    Operation("approveexecutormsg", "Failed to approve executor", OneExecutor, approve, writes=True),
    Operation("rejectexecutormsg", "Failed to reject executor", OneExecutor, reject, writes=True),
    Operation("removeexecutormsg", "Failed to remove executor", OneExecutor, remove, writes=True),
    Operation("getexecutorsmsg", "Failed to get executors", OfColony, executors),
    Operation("getexecutormsg", "Failed to get executor", OneExecutor, executor),
    Operation("getexecutorbyidmsg", "Failed to get executor by ID", OneExecutor, executor_by_id),
    Operation("updateexecutormsg", "Failed to update executor", UpdateCapabilities, update_capabilities, writes=True),
    Operation(
        "reportallocationmsg", "Failed to report allocations", ReportAllocations, report_allocations, writes=True
    ),
    Operation("addfunctionmsg", "Failed to add function", AddFunction, add_function, writes=True),
    Operation("getfunctionsmsg", "Failed to get functions", OneExecutor, functions),
    Operation("removefunctionmsg", "Failed to remove function", OneFunction, remove_function, writes=True),
)
