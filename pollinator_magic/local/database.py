"""The embedded colony's SQLite database: schema, transactions and its clock.

One connection writes, owned by the thread that runs the server's event loop: requests are answered one after the other
and never wait for a lock. Slow reads use a second, read-only connection on a thread of their own; WAL lets both work at
the same time. With WAL and synchronous=NORMAL a committed transaction is in the operating system's hands before the
reply is sent, so it survives the death of the process.

Objects are stored as the JSON that is sent (`document`); the other columns exist to find and order them.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pollinator_magic.errors import LocalColonyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pollinator_magic.colonies.models import Process

_VERSION = 1
_LARGEST_INTEGER = 2**63 - 1

_SCHEMA = """
CREATE TABLE colonies (name TEXT PRIMARY KEY, colonyid TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE users (
    colonyname TEXT NOT NULL, name TEXT NOT NULL, userid TEXT NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (colonyname, name)) WITHOUT ROWID;
CREATE INDEX users_by_id ON users (colonyname, userid);

CREATE TABLE executors (
    number INTEGER PRIMARY KEY, colonyname TEXT NOT NULL, executorname TEXT NOT NULL, executorid TEXT NOT NULL,
    state INTEGER NOT NULL, document BLOB NOT NULL,
    UNIQUE (colonyname, executorname));
CREATE INDEX executors_by_id ON executors (colonyname, executorid, state);

CREATE TABLE functions (
    number INTEGER PRIMARY KEY, functionid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL, executorname TEXT NOT NULL,
    funcname TEXT NOT NULL, document BLOB NOT NULL);
CREATE INDEX functions_by_executor ON functions (colonyname, executorname, funcname);

-- rank orders the processes of one state: priority time while waiting, start while running, most recent end first.
-- deadline is what the next check of this state is about. Both are microseconds, except for the priority time.
CREATE TABLE processes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, processid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL,
    state INTEGER NOT NULL, executortype TEXT NOT NULL, label TEXT NOT NULL, initiatorname TEXT NOT NULL,
    executorid TEXT NOT NULL, submitted INTEGER NOT NULL, rank INTEGER NOT NULL, deadline INTEGER,
    document BLOB NOT NULL);
CREATE INDEX processes_by_state ON processes (colonyname, state, rank);
CREATE INDEX processes_by_type ON processes (colonyname, executortype, state, rank);
CREATE INDEX processes_by_label ON processes (colonyname, label, state, rank);
CREATE INDEX processes_by_initiator ON processes (colonyname, initiatorname, state, rank);
CREATE INDEX processes_by_submission ON processes (colonyname, submitted);
CREATE INDEX processes_by_deadline ON processes (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX processes_by_executor ON processes (executorid) WHERE state = 1;

-- What can be assigned: one row for each executor name that the process allows, or one with the name ''.
CREATE TABLE queue (
    colonyname TEXT NOT NULL, executortype TEXT NOT NULL, executorname TEXT NOT NULL, prioritytime INTEGER NOT NULL,
    process INTEGER NOT NULL, cpu INTEGER NOT NULL, mem INTEGER NOT NULL,
    PRIMARY KEY (colonyname, executortype, executorname, prioritytime, process)) WITHOUT ROWID;
CREATE INDEX queue_by_process ON queue (process);

-- of_spec tells the environment of the specification from what an executor attached.
CREATE TABLE attributes (
    attributeid TEXT PRIMARY KEY, process INTEGER NOT NULL, of_spec INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX attributes_by_process ON attributes (process);

-- process is NULL for an executor's own log.
CREATE TABLE logs (
    timestamp INTEGER PRIMARY KEY, process INTEGER, colonyname TEXT NOT NULL, executorname TEXT NOT NULL,
    message TEXT NOT NULL);
CREATE INDEX logs_by_process ON logs (process);
CREATE INDEX logs_by_executor ON logs (colonyname, executorname);

-- A removed revision is kept, hidden, while a snapshot lists it.
CREATE TABLE files (
    sequencenr INTEGER PRIMARY KEY AUTOINCREMENT, fileid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL,
    label TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, checksum TEXT NOT NULL, object TEXT NOT NULL,
    latest INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0, document BLOB NOT NULL);
CREATE INDEX files_by_name ON files (colonyname, label, name, sequencenr) WHERE removed = 0;
CREATE INDEX files_latest ON files (colonyname, label, name, fileid) WHERE latest = 1;

CREATE TABLE snapshots (
    number INTEGER PRIMARY KEY AUTOINCREMENT, snapshotid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL,
    name TEXT NOT NULL, document BLOB NOT NULL, UNIQUE (colonyname, name));
CREATE TABLE snapshot_files (
    snapshot INTEGER NOT NULL, file INTEGER NOT NULL, PRIMARY KEY (snapshot, file)) WITHOUT ROWID;
CREATE INDEX snapshot_files_by_file ON snapshot_files (file);
"""


@dataclass
class Facts:
    """What the server knows of itself."""

    owner_id: str = ""
    """The identity of the server's owner."""
    host: str = "127.0.0.1"
    port: int = 0
    version: str = ""


class Database:
    """A connection to the colony's database; to be used by the thread that made it.

    `facts` is what operations may tell about the server. `changed` collects the processes whose state changed in
    transactions that committed, until the server announces them.
    """

    def __init__(self, path: Path, facts: Facts, *, readonly: bool = False) -> None:
        self.path = path
        self.facts = facts
        self.changed: list[Process] = []
        self._pending: list[Process] = []
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10, cached_statements=512)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA journal_size_limit = 67108864")
        self._connection.execute("PRAGMA cache_size = -32768")
        if readonly:
            self._connection.execute("PRAGMA query_only = ON")
        else:
            self._prepare()
        self._last_ns: int = self.one("SELECT coalesce(max(timestamp), 0) FROM logs")[0]

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        self._connection.close()

    def all(self, sql: str, *parameters: object) -> list[Any]:
        """Return every row."""
        return self._connection.execute(sql, parameters).fetchall()

    def first(self, sql: str, *parameters: object) -> Any:
        """Return the first row, or None."""
        return self._connection.execute(sql, parameters).fetchone()

    def one(self, sql: str, *parameters: object) -> Any:
        """Return the only row of a query that always has one."""
        return self._connection.execute(sql, parameters).fetchone()

    def run(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        """Carry out a statement."""
        return self._connection.execute(sql, parameters)

    def run_many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Carry out a statement once for each row of parameters."""
        self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block does, or nothing of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._pending.clear()
            if self._connection.in_transaction:  # SQLite itself ends the transaction when the disk is full
                self._connection.execute("ROLLBACK")
            raise
        self.changed += self._pending
        self._pending.clear()

    def note_change(self, process: Process) -> None:
        """Announce the process's new state once the transaction has committed."""
        self._pending.append(process)

    def now_ns(self) -> int:
        """Return the time in Unix nanoseconds, later than any time given before, even if the clock was set back."""
        self._last_ns = min(max(time.time_ns(), self._last_ns + 1), _LARGEST_INTEGER)
        return self._last_ns

    def _prepare(self) -> None:
        version = self.one("PRAGMA user_version")[0]
        if version > _VERSION:
            raise LocalColonyError(
                f"The embedded colony's data in {str(self.path.parent)!r} was written by a newer version of "
                "pollinator_magic. Upgrade, or set POLLINATOR_HOME to another directory."
            )
        if version == 0:
            self._connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
