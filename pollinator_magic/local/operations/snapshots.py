"""Snapshots of labels (protocol.md, section 7.7)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from pollinator_magic.colonies.models import Snapshot, format_time
from pollinator_magic.local import access, records
from pollinator_magic.local.operations.files import below
from pollinator_magic.local.routing import DONE, OfColony, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database


class CreateSnapshot(OfColony):
    """Freeze a label under a name."""

    label: str = ""
    name: str = ""


class OneSnapshot(OfColony):
    """Name a snapshot by id or by name."""

    snapshotid: str = ""
    name: str = ""


def create(database: Database, caller: str, message: CreateSnapshot) -> Snapshot:
    """Remember the latest revision of every file in the label and below it."""
    colony = message.colonyname
    access.member_of(database, caller, colony)
    if database.first("SELECT 1 FROM snapshots WHERE colonyname = ? AND name = ?", colony, message.name):
        raise Refused(500, f"Snapshot with name <{message.name}> in Colony <{colony}> already exists")
    label = message.label.removesuffix("/")
    condition, parameters = below(label)
    rows = database.all(
        f"SELECT sequencenr, fileid FROM files WHERE colonyname = ? AND latest = 1 AND {condition}"  # noqa: S608  constants
        " ORDER BY label, name",
        *(colony, *parameters),
    )
    snapshot = Snapshot(
        snapshotid=secrets.token_hex(32),
        colonyname=colony,
        label=label,
        name=message.name,
        fileids=[row[1] for row in rows],
        added=format_time(records.moment(database.now_ns())),
    )
    cursor = database.run(
        "INSERT INTO snapshots (snapshotid, colonyname, name, document) VALUES (?, ?, ?, ?)",
        *(snapshot.snapshotid, colony, message.name, msgspec.json.encode(snapshot)),
    )
    database.run_many("INSERT INTO snapshot_files VALUES (?, ?)", [(cursor.lastrowid, row[0]) for row in rows])
    return snapshot


def get(database: Database, caller: str, message: OneSnapshot) -> msgspec.Raw:
    """Show a snapshot."""
    access.member_of(database, caller, message.colonyname)
    if not (message.snapshotid or message.name):
        raise Refused(500, "Failed to get snapshot, malformatted msg")
    row = _find(database, message)
    if not row:
        which = f"Id <{message.snapshotid}>" if message.snapshotid else f"name <{message.name}>"
        raise Refused(500, f"Snapshot not found with {which} in Colony <{message.colonyname}> does not exists")
    return msgspec.Raw(row[1])


def snapshots(database: Database, caller: str, message: OfColony) -> list[msgspec.Raw] | None:
    """List the colony's snapshots, newest first."""
    access.member_of(database, caller, message.colonyname)
    rows = database.all("SELECT document FROM snapshots WHERE colonyname = ? ORDER BY number DESC", message.colonyname)
    return [msgspec.Raw(row[0]) for row in rows] or None


def remove(database: Database, caller: str, message: OneSnapshot) -> object:
    """Remove a snapshot, if there is such, and the removed files that only it kept."""
    access.member_of(database, caller, message.colonyname)
    row = _find(database, message)
    if row:
        forget(database, row[0])
    return DONE


def remove_all(database: Database, caller: str, message: OfColony) -> object:
    """Remove all snapshots of the colony."""
    access.member_of(database, caller, message.colonyname)
    for (number,) in database.all("SELECT number FROM snapshots WHERE colonyname = ?", message.colonyname):
        forget(database, number)
    return DONE


def _find(database: Database, message: OneSnapshot) -> Any:
    column, value = ("snapshotid", message.snapshotid) if message.snapshotid else ("name", message.name)
    return database.first(
        f"SELECT number, document FROM snapshots WHERE colonyname = ? AND {column} = ?",  # noqa: S608  constants
        *(message.colonyname, value),
    )


def forget(database: Database, number: int) -> None:
    """Remove a snapshot, and the removed files that only it kept."""
    database.run(
        "DELETE FROM files WHERE removed = 1 AND sequencenr IN (SELECT file FROM snapshot_files WHERE snapshot = ?)"
        " AND NOT EXISTS (SELECT 1 FROM snapshot_files WHERE file = sequencenr AND snapshot <> ?)",
        *(number, number),
    )
    database.run("DELETE FROM snapshot_files WHERE snapshot = ?", number)
    database.run("DELETE FROM snapshots WHERE number = ?", number)


OPERATIONS = (
    Operation("createsnapshotmsg", "Failed to create snapshot", CreateSnapshot, create, writes=True),
    Operation("getsnapshotmsg", "Failed to get snapshot", OneSnapshot, get),
    Operation("getsnapshotsmsg", "Failed to get snapshots", OfColony, snapshots),
    Operation("removesnapshotmsg", "Failed to remove snapshot", OneSnapshot, remove, writes=True),
    Operation("removeallsnapshotmsg", "Failed to remove snapshots", OfColony, remove_all, writes=True),
)
