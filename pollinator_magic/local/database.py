"""The embedded colony's SQLite database: transactions and its clock; what is in it says `schema`.

One connection writes, owned by the thread that runs the server's event loop: requests are answered one after the other
and never wait for a lock. Slow reads use a second, read-only connection on a thread of their own; WAL lets both work at
the same time. With WAL and synchronous=NORMAL a committed transaction is in the operating system's hands before the
reply is sent, so it survives the death of the process.

A commit writes every page that was changed, and takes longer than all else of a small request. So what is asked for at
the same time shares one: each request is a `part`, undone by itself if it fails, and is answered once `commit` has kept
them all. `transaction` is for whoever goes on only when its own changes are kept.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pollinator_magic.errors import LocalColonyError
from pollinator_magic.local.clock import Clock
from pollinator_magic.local.schema import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pollinator_magic.colonies.models import Process

_LITTLE = 512 * 1024  # bytes


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

    `facts` is what operations may tell about the server. `changed` collects the processes whose state changed, once
    that is committed, until the server announces them. `when_set_forward` is called, in a part of its own, with the
    nanoseconds by which the machine's clock has jumped.
    """

    def __init__(self, path: Path, facts: Facts, *, readonly: bool = False) -> None:
        self.path = path
        self.facts = facts
        self.changed: list[Process] = []
        self.logged: set[str] = set()
        """The ids of processes that may have logged since the server announced it the last time."""
        self.when_set_forward: Callable[[int], None] | None = None
        self._changed_in_part: list[Process] = []
        self._changed_in_parts: list[Process] = []
        self._waiting: list[Callable[[sqlite3.Error | None], None]] = []
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10, cached_statements=512)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA wal_autocheckpoint = 8000")  # 32 MiB: fewer, and pages that changed often once
        self._connection.execute("PRAGMA journal_size_limit = 67108864")
        self._connection.execute("PRAGMA cache_size = -32768")
        if readonly:
            self._connection.execute("PRAGMA query_only = ON")
        else:
            try:
                self._prepare()
            except BaseException:
                self.close()
                raise
        self._clock = Clock(self.one("SELECT coalesce(max(timestamp), 0) FROM logs")[0])

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

    @property
    def changes(self) -> int:
        """How many rows were changed since the connection was opened."""
        return self._connection.total_changes

    def run_many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Carry out a statement once for each row of parameters."""
        self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block does, or nothing of it."""
        self.commit()
        try:
            with self.part():
                yield
        finally:
            self.commit()

    @contextmanager
    def part(self) -> Iterator[None]:
        """Do what the block does, or nothing of it; `commit` keeps it, with the other parts since the last one."""
        jumped_ns = self._clock.take_jump_ns()
        if jumped_ns and self.when_set_forward:
            with self.part():
                self.when_set_forward(jumped_ns)
        first = not self._connection.in_transaction
        self._connection.execute("BEGIN IMMEDIATE" if first else "SAVEPOINT part")
        try:
            yield
            if not first:
                self._connection.execute("RELEASE part")
        except BaseException as error:
            self._changed_in_part.clear()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK" if first else "ROLLBACK TO part")
            else:  # SQLite itself ends the transaction, with all its parts, as when the disk is full
                self._end(error if isinstance(error, sqlite3.Error) else sqlite3.OperationalError(repr(error)))
            raise
        self._changed_in_parts += self._changed_in_part
        self._changed_in_part.clear()

    def commit(self) -> None:
        """Keep all parts since the last commit; or raise what SQLite does, and none of them has happened."""
        if not self._connection.in_transaction:
            return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._end(error)
            raise
        self._end(None)

    @property
    def uncommitted(self) -> bool:
        """Whether there are parts that wait for a commit."""
        return self._connection.in_transaction

    def when_committed(self, then: Callable[[sqlite3.Error | None], None]) -> None:
        """Call `then` once all parts so far are kept, at once if they are, or with the error for which they are not."""
        if self._connection.in_transaction:
            self._waiting.append(then)
        else:
            then(None)

    def _end(self, failure: sqlite3.Error | None) -> None:
        """Tell who waited how the transaction has ended."""
        changed, self._changed_in_parts = self._changed_in_parts, []
        waiting, self._waiting = self._waiting, []
        if failure is None:
            self.changed += changed
        for then in waiting:
            then(failure)

    @property
    def is_full(self) -> bool:
        """Whether there is no room left for what a transaction may need."""
        return shutil.disk_usage(self.path.parent).free < _LITTLE

    def note_change(self, process: Process) -> None:
        """Announce the process's new state once it is committed."""
        self._changed_in_part.append(process)

    def now_ns(self) -> int:
        """Return the time in Unix nanoseconds, later than any time given before, even if the clock was set back."""
        return self._clock.now_ns()

    def _prepare(self) -> None:
        """Bring the schema to the newest version, each step in a transaction of its own."""
        version = self.one("PRAGMA user_version")[0]
        if version > len(MIGRATIONS):
            raise LocalColonyError(
                f"The embedded colony's data in {str(self.path.parent)!r} was written by a newer version of "
                "pollinator_magic. Upgrade, or set POLLINATOR_HOME to another directory."
            )
        for number, step in enumerate(MIGRATIONS[version:], version + 1):
            try:
                self._connection.executescript(f"BEGIN IMMEDIATE;{step}PRAGMA user_version = {number};COMMIT;")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
