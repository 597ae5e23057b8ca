"""Logs of processes and executors (protocol.md, section 7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import LogEntry, ProcessState
from pollinator_magic.local import access
from pollinator_magic.local.operations import executors
from pollinator_magic.local.routing import DONE, Message, OfColony, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database

_MOST_ENTRIES = 500
_MOST_MATCHES = 100
_MOST_DAYS = 30
_DAY_NS = 86_400 * 10**9
_COLUMNS = "SELECT processid, logs.colonyname, executorname, message, timestamp FROM logs"
_JOIN = "LEFT JOIN processes ON number = process"


class AddLog(Message):
    """Add a chunk to a process's log."""

    processid: str = ""
    message: str = ""


class AddExecutorLog(OfColony):
    """Add a chunk to the calling executor's own log."""

    executorname: str = ""
    message: str = ""


class GetLogs(OfColony):
    """Ask for entries later than `since` (Unix nanoseconds), or for the latest ones."""

    processid: str = ""
    executorname: str = ""
    count: int = 0
    since: int = 0
    latest: bool = False


class SearchLogs(OfColony):
    """Ask for the newest entries that contain a text."""

    text: str = ""
    days: int = 0
    count: int = 0


def add(database: Database, caller: str, message: AddLog) -> object:
    """Add to the log of the caller's running process."""
    row = database.first(
        "SELECT number, colonyname, state, executorid FROM processes WHERE processid = ?", message.processid
    )
    if not row:
        raise Refused(500, "Failed to add log, process is nil")
    number, colony, state, executorid = row
    member = access.member_of(database, caller, colony)
    if state != ProcessState.RUNNING:
        raise Refused(403, "Failed to set output, process is not running")
    if executorid != caller:
        raise Refused(403, "Failed to add log, not allowed to add log, only the assigned Executor may att logs")
    _append(database, number, colony, member.name, message.message)
    database.logged.add(message.processid)
    return DONE


def add_of_executor(database: Database, caller: str, message: AddExecutorLog) -> object:
    """Add to the calling executor's own log."""
    access.member_of(database, caller, message.colonyname)
    executor = executors.load(database, message.colonyname, message.executorname)
    if executor is None or executor.executorid != caller:
        raise Refused(403, "Failed to add executor log, executor name mismatch")
    _append(database, None, message.colonyname, message.executorname, message.message)
    return DONE


def logs(database: Database, caller: str, message: GetLogs) -> list[LogEntry] | None:
    """Return entries oldest first: those after `since`, or the latest ones."""
    condition, parameters = _scope(database, caller, message)
    if message.count > _MOST_ENTRIES:
        raise Refused(403, f"Count exceeds max log count ({_MOST_ENTRIES})")
    if message.count < 0:
        raise Refused(400, "LIMIT must not be negative")
    since = 0 if message.latest else message.since
    order = "DESC" if message.latest else "ASC"
    rows = database.all(
        f"{_COLUMNS} {_JOIN} WHERE {condition} AND timestamp > ? ORDER BY timestamp {order} LIMIT ?",
        *(*parameters, since, message.count),
    )
    return _entries(rows[::-1] if message.latest else rows)


def search(database: Database, caller: str, message: SearchLogs) -> list[LogEntry] | None:
    """Return the newest entries of the colony that contain the text as it is, oldest first."""
    access.member_of(database, caller, message.colonyname)
    if message.count > _MOST_MATCHES:
        raise Refused(400, f"Count exceeds max log count ({_MOST_MATCHES})")
    if message.days > _MOST_DAYS:
        raise Refused(400, f"Count exceeds max day count ({_MOST_DAYS})")
    if message.count < 0:
        raise Refused(400, "LIMIT must not be negative")
    rows = database.all(
        # The + keeps SQLite from choosing an index that would make it sort: entries are read from the newest on.
        f"{_COLUMNS} {_JOIN} WHERE timestamp > ? AND +logs.colonyname = ? AND instr(message, ?)"
        " ORDER BY timestamp DESC LIMIT ?",
        *(database.now_ns() - message.days * _DAY_NS, message.colonyname, message.text, message.count),
    )
    return _entries(rows[::-1])


def _scope(database: Database, caller: str, message: GetLogs) -> tuple[str, tuple[object, ...]]:
    if message.executorname:
        access.member_of(database, caller, message.colonyname)
        if executors.load(database, message.colonyname, message.executorname) is None:
            raise Refused(500, "Failed to get logs, executor does not exist")
        return "logs.colonyname = ? AND executorname = ?", (message.colonyname, message.executorname)
    row = database.first("SELECT number, colonyname FROM processes WHERE processid = ?", message.processid)
    if not row:
        raise Refused(500, "Failed to get logs, process does not exist")
    access.member_of(database, caller, row[1])
    return "process = ?", (row[0],)


def _append(database: Database, process: int | None, colony: str, executor: str, text: str) -> None:
    database.run("INSERT INTO logs VALUES (?, ?, ?, ?, ?)", database.now_ns(), process, colony, executor, text)


def _entries(rows: list[tuple[str | None, str, str, str, int]]) -> list[LogEntry] | None:
    return [
        LogEntry(processid=row[0] or "", colonyname=row[1], executorname=row[2], message=row[3], timestamp=row[4])
        for row in rows
    ] or None


OPERATIONS = (
    Operation("addlogmsg", "Failed to add log", AddLog, add, writes=True),
    Operation("addexecutorlogmsg", "Failed to add executor log", AddExecutorLog, add_of_executor, writes=True),
    Operation("getlogsmsg", "Failed to get logs", GetLogs, logs),
    Operation("searchlogsmsg", "Failed to search logs", SearchLogs, search, slow=True),
)
