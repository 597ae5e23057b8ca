"""The database of an earlier version is brought up to date, and keeps everything that is in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pollinator_magic.colonies.models import Conditions, FunctionSpec, ProcessState
from pollinator_magic.local import database as database_module
from pollinator_magic.local import graphs, lifecycle, records
from pollinator_magic.local.access import Member
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.schema import MIGRATIONS

_VERSION_1 = Path(__file__).with_name("version_1.sql")  # what version 1 wrote: jobs in every state, logs, files
_MUCH = 2**40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "colony.db"
    connection = sqlite3.connect(path)
    connection.executescript(_VERSION_1.read_text() + "PRAGMA user_version = 1;")
    connection.close()
    return path


def rows_of(path: Path, tables: dict[str, list[str]] | None = None) -> dict[str, list[tuple]]:
    """Return all rows of all tables, or those columns of these tables."""
    connection = sqlite3.connect(path)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = tables or {name: ["*"] for name in names}
        return {
            name: connection.execute(f"SELECT {', '.join(columns[name])} FROM {name}").fetchall() for name in columns
        }
    finally:
        connection.close()


def schema_of(path: Path) -> set[tuple]:
    connection = sqlite3.connect(path)
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {(table, *row[1:]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")}
        indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        return columns | set(indexes) | set(connection.execute("PRAGMA user_version"))
    finally:
        connection.close()


def test_everything_that_version_1_held_is_kept(path: Path):
    before = rows_of(path)
    connection = sqlite3.connect(path)
    columns = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in before}
    connection.close()

    Database(path, Facts()).close()

    assert len(before["processes"]) == 4
    assert rows_of(path, columns) == before


def test_a_database_that_came_from_version_1_is_like_a_new_one(path: Path, tmp_path: Path):
    new = tmp_path / "new.db"

    Database(path, Facts()).close()
    Database(new, Facts()).close()

    assert schema_of(path) == schema_of(new)


def test_what_waited_in_version_1_can_be_assigned_and_what_ran_can_be_closed(path: Path):
    database = Database(path, Facts())
    (runner,) = database.all("SELECT executorid, processid FROM processes WHERE state = 1")
    executor = Member(runner[0], "ex1", is_executor=True)

    with database.transaction():
        lifecycle.succeed(database, records.load(database, runner[1]), ["done"])
        assigned = lifecycle.assign(database, executor, colony="vec", executortype="vec-exec", cpu=_MUCH, mem=_MUCH)

    assert records.load(database, runner[1]).status is ProcessState.SUCCESS
    assert assigned.spec.env == {"FOO": "bar"}
    database.close()


def test_a_database_of_version_1_takes_workflows(path: Path):
    database = Database(path, Facts())
    specs = [FunctionSpec(nodename="a", conditions=Conditions(colonyname="vec", executortype="t"))]

    with database.transaction():
        graph = lifecycle.submit_graph(database, "vec", specs, Member("1" * 64, "alice", is_executor=False))

    assert [member.spec.nodename for member in graphs.members_of(database, graph.processgraphid)] == ["a"]
    database.close()


def test_a_step_that_fails_leaves_the_database_as_it_was_before_it(path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = "CREATE TABLE half (a INTEGER); INSERT INTO half VALUES (1); CREATE TABLE half (b INTEGER);"
    monkeypatch.setattr(database_module, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError, match="half"):
        Database(path, Facts())
    monkeypatch.undo()

    database = Database(path, Facts())

    assert database.one("PRAGMA user_version") == (len(MIGRATIONS),)
    assert not database.first("SELECT 1 FROM sqlite_master WHERE name = 'half'")
    database.close()
