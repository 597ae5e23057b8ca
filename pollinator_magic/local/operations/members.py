"""Colonies and their users (protocol.md, section 7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.colonies.models import Colony, User
from pollinator_magic.local import access, records
from pollinator_magic.local.routing import DONE, Message, OfColony, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database


class AddColony(Message):
    """Register a colony under its owner's identity."""

    colony: Colony | None = None


class AddUser(Message):
    """Add a user to a colony."""

    user: User | None = None


class OneUser(OfColony):
    """Name a user."""

    name: str = ""
    userid: str = ""


def add_colony(database: Database, caller: str, message: AddColony) -> Colony:
    """Register a colony."""
    access.server_owner(database, caller)
    colony = message.colony
    if colony is None:
        raise Refused(400, "Failed to add colony, colony is <nil>")
    if len(colony.colonyid) != 64:
        raise Refused(400, "Failed to add colony, invalid colony Id length")
    if database.first("SELECT 1 FROM colonies WHERE name = ?", colony.name):
        raise Refused(400, f"A Colony with name <{colony.name}> already exists")
    database.run("INSERT INTO colonies VALUES (?, ?)", colony.name, colony.colonyid)
    return colony


def remove_colony(database: Database, caller: str, message: OfColony) -> object:
    """Remove a colony with everything in it."""
    access.server_owner(database, caller)
    name = message.colonyname
    if not database.first("SELECT 1 FROM colonies WHERE name = ?", name):
        raise Refused(400, f"Colony with name <{name}> not found")
    records.remove(database, "colonyname = ?", name)
    database.run(
        "DELETE FROM snapshot_files WHERE snapshot IN (SELECT number FROM snapshots WHERE colonyname = ?)", name
    )
    for table in ("logs", "functions", "executors", "users", "snapshots", "files"):
        database.run(f"DELETE FROM {table} WHERE colonyname = ?", name)  # noqa: S608  constants
    database.run("DELETE FROM colonies WHERE name = ?", name)
    return DONE


def colonies(database: Database, caller: str, _message: Message) -> list[Colony] | None:
    """List all colonies."""
    access.server_owner(database, caller)
    rows = database.all("SELECT colonyid, name FROM colonies ORDER BY name")
    return [Colony(colonyid=row[0], name=row[1]) for row in rows] or None


def colony(database: Database, caller: str, message: OfColony) -> Colony:
    """Show the caller's colony."""
    access.member_of(database, caller, message.colonyname)
    return Colony(colonyid=access.colony_id(database, message.colonyname), name=message.colonyname)


def add_user(database: Database, caller: str, message: AddUser) -> User:
    """Add a user; one identity may have several names."""
    user = message.user
    if user is None:
        raise Refused(400, "Failed to add user, user is nil")
    access.owner_of(database, caller, user.colonyname, unknown_status=400)
    if database.first("SELECT 1 FROM users WHERE colonyname = ? AND name = ?", user.colonyname, user.name):
        raise Refused(400, f"A user with name <{user.name}> already exists in Colony with name <{user.colonyname}>")
    database.run(
        "INSERT INTO users VALUES (?, ?, ?, ?)", user.colonyname, user.name, user.userid, msgspec.json.encode(user)
    )
    return user


def users(database: Database, caller: str, message: OfColony) -> list[msgspec.Raw] | None:
    """List the colony's users."""
    access.known_to(database, caller, message.colonyname)
    rows = database.all("SELECT document FROM users WHERE colonyname = ? ORDER BY name", message.colonyname)
    return [msgspec.Raw(row[0]) for row in rows] or None


def user(database: Database, caller: str, message: OneUser) -> msgspec.Raw:
    """Show a user by name."""
    access.known_to(database, caller, message.colonyname)
    row = database.first(
        "SELECT document FROM users WHERE colonyname = ? AND name = ?", message.colonyname, message.name
    )
    if not row:
        raise Refused(500, "Failed to get user, user is nil")
    return msgspec.Raw(row[0])


def user_by_id(database: Database, caller: str, message: OneUser) -> msgspec.Raw:
    """Show a user by identity."""
    access.known_to(database, caller, message.colonyname)
    row = database.first(
        "SELECT document FROM users WHERE colonyname = ? AND userid = ?", message.colonyname, message.userid
    )
    if not row:
        raise Refused(404, "Failed to get user by ID, user is nil")
    return msgspec.Raw(row[0])


def remove_user(database: Database, caller: str, message: OneUser) -> object:
    """Remove a user; what it submitted stays."""
    access.owner_of(database, caller, message.colonyname, unknown_status=400)
    cursor = database.run("DELETE FROM users WHERE colonyname = ? AND name = ?", message.colonyname, message.name)
    if not cursor.rowcount:
        raise Refused(400, f"User with name <{message.name}> not found")
    return DONE


OPERATIONS = (
    Operation("addcolonymsg", "Failed to add colony", AddColony, add_colony, writes=True),
    Operation("removecolonymsg", "Failed to remove colony", OfColony, remove_colony, writes=True),
    Operation("getcoloniesmsg", "Failed to get colonies", Message, colonies),
    Operation("getcolonymsg", "Failed to get colony", OfColony, colony),
    Operation("addusermsg", "Failed to add user", AddUser, add_user, writes=True),
    Operation("getusersmsg", "Failed to get users", OfColony, users),
    Operation("getusermsg", "Failed to get user", OneUser, user),
    Operation("getuserbyidmsg", "Failed to get user by ID", OneUser, user_by_id),
    Operation("removeusermsg", "Failed to remove user", OneUser, remove_user, writes=True),
)
