"""Requests that arrive together share a commit, and none is answered, or announced, before it."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.colonies.envelope import seal
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Conditions, FunctionSpec, Process, ProcessState, User
from pollinator_magic.local import bootstrap, lifecycle
from pollinator_magic.local.access import Member
from pollinator_magic.local.core import Core
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.routing import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ALICE = PrivateKey.from_hex(f"{3:064x}")
_MEMBER = Member(_ALICE.identity, "alice", is_executor=False)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "colony.db", Facts())
    with database.transaction():
        bootstrap.ensure_colony(database, name="c", owner_id="0" * 64)
        bootstrap.ensure_user(database, User(colonyname="c", userid=_ALICE.identity, name="alice"))
    yield database
    database.close()


@pytest.fixture
def commits(database: Database) -> list[str]:
    """Every commit from now on."""
    seen: list[str] = []
    database._connection.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
    return seen


def spec(**fields: object) -> FunctionSpec:
    return FunctionSpec(funcname="f", conditions=Conditions(colonyname="c", executortype="t"), **fields)


def submission(**fields: object) -> bytes:
    return seal(_ALICE, "submitfuncspecmsg", {"spec": spec(**fields)})


def stored(database: Database) -> int:
    """Return how many processes another connection sees: those that are committed."""
    other = sqlite3.connect(database.path)
    try:
        return int(other.execute("SELECT count(*) FROM processes").fetchone()[0])
    finally:
        other.close()


def test_requests_of_one_turn_share_a_commit_and_are_answered_after_it(database: Database, commits: list[str]):
    async def ask() -> None:
        core, answered = Core(database), []
        for number in range(5):
            core.answer(submission())
            database.when_committed(lambda failure, number=number: answered.append((number, failure, stored(database))))

        assert (answered, commits, stored(database)) == ([], [], 0)
        await asyncio.sleep(0)

        assert answered == [(number, None, 5) for number in range(5)]
        assert commits == ["COMMIT"]

    asyncio.run(ask())


def test_what_a_reader_is_shown_is_kept_before_it_is_shown(database: Database):
    async def ask() -> None:
        core, shown = Core(database), []
        _, process = core.answer(submission())
        assert isinstance(process, Process)
        core.answer(seal(_ALICE, "getprocessmsg", {"processid": process.processid}))
        database.when_committed(lambda failure: shown.append((failure, stored(database))))

        assert shown == []
        await asyncio.sleep(0)

        assert shown == [(None, 1)]
        core.answer(seal(_ALICE, "getprocessmsg", {"processid": process.processid}))
        database.when_committed(lambda failure: shown.append((failure, stored(database))))
        assert len(shown) == 2, "nothing waits where there is nothing to keep"

    asyncio.run(ask())


def test_a_refused_request_takes_nothing_from_those_beside_it(database: Database, commits: list[str]):
    async def ask() -> None:
        core = Core(database)
        core.answer(submission())
        with pytest.raises(Refused, match="priority"):
            core.answer(submission(priority=10**6))
        core.answer(submission())
        await asyncio.sleep(0)

        assert (stored(database), len(commits)) == (2, 1)

    asyncio.run(ask())


@pytest.mark.parametrize("place", range(3))
def test_a_part_that_fails_is_undone_alone(database: Database, place: int):
    def part(number: int) -> None:
        with database.part():
            lifecycle.submit(database, spec(label=str(number)), _MEMBER)
            if number == place:
                raise RuntimeError

    for number in range(3):
        try:
            part(number)
        except RuntimeError:
            assert number == place
    database.commit()

    left = [str(number) for number in range(3) if number != place]
    assert [row[0] for row in database.all("SELECT label FROM processes ORDER BY number")] == left
    assert [process.spec.label for process in database.changed] == left


def test_a_commit_that_fails_keeps_nothing_announces_nothing_and_everybody_hears_of_it(database: Database):
    told: list[sqlite3.Error | None] = []
    _let_commits_fail(database)
    with database.part():
        lifecycle.submit(database, spec(), _MEMBER)
    database.when_committed(told.append)
    database.run("INSERT INTO child VALUES (1)")

    with pytest.raises(sqlite3.IntegrityError):
        database.commit()

    assert [type(error) for error in told] == [sqlite3.IntegrityError]
    assert (stored(database), database.changed, database.uncommitted) == (0, [], False)
    with database.transaction():
        lifecycle.submit(database, spec(), _MEMBER)
    assert (stored(database), len(database.changed)) == (1, 1)


def test_when_sqlite_ends_the_transaction_those_beside_hear_of_it_at_once(database: Database):
    """As it may do on a full disk; whoever comes next begins a new one."""
    told: list[sqlite3.Error | None] = []
    with database.part():
        lifecycle.submit(database, spec(), _MEMBER)
    database.when_committed(told.append)

    def next_one() -> None:
        with database.part():
            database.run("INSERT OR ROLLBACK INTO colonies VALUES ('c', 'again')")

    with pytest.raises(sqlite3.IntegrityError):
        next_one()

    assert [type(error) for error in told] == [sqlite3.IntegrityError]
    assert not database.uncommitted
    with database.transaction():
        lifecycle.submit(database, spec(), _MEMBER)
    assert (stored(database), [process.status for process in database.changed]) == (1, [ProcessState.WAITING])


def test_who_needs_its_own_changes_kept_keeps_those_before_them_too(database: Database, commits: list[str]):
    told: list[sqlite3.Error | None] = []
    with database.part():
        lifecycle.submit(database, spec(), _MEMBER)
    database.when_committed(told.append)

    def fail() -> None:
        with database.transaction():
            lifecycle.submit(database, spec(), _MEMBER)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert (told, stored(database), database.uncommitted) == ([None], 1, False)
    with database.transaction():
        lifecycle.submit(database, spec(), _MEMBER)
    assert stored(database) == 2


def test_what_was_answered_is_kept_when_the_server_ends(database: Database):
    async def ask() -> None:
        core = Core(database)
        core.answer(submission())
        core.close()

    asyncio.run(ask())

    assert stored(database) == 1


def _let_commits_fail(database: Database) -> None:
    """Make tables for which a commit fails, and nothing before it: `child` needs a row in `parent` by then."""
    database.run("PRAGMA foreign_keys = ON")
    database.run("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    database.run("CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
