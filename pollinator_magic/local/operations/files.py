"""Files and labels of the meta-filesystem (protocol.md, section 7.6): metadata only, the content lies elsewhere."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.colonies.models import File, FileData, Label, format_time
from pollinator_magic.local import access, records
from pollinator_magic.local.routing import DONE, Message, OfColony, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database

_LAST_CHARACTER = chr(0x10FFFF)


class AddFile(Message):
    """Add a revision of a file."""

    file: File | None = None


class OneFile(OfColony):
    """Name a revision by id, or a file by label and name."""

    fileid: str = ""
    label: str = ""
    name: str = ""
    latest: bool = False


class ListFiles(OfColony):
    """Ask for the files of one label."""

    label: str = ""


class ListLabels(OfColony):
    """Ask for labels by prefix, or for a label and those below it."""

    name: str = ""
    exact: bool = False


def add(database: Database, caller: str, message: AddFile) -> File:
    """Add a revision; former ones of the same label and name stay."""
    file = message.file
    if file is None:
        raise Refused(400, "Failed to add file, msg.File is nil")
    access.member_of(database, caller, file.colonyname)
    now_ns = database.now_ns()
    file.fileid = f"{now_ns:016x}{secrets.token_hex(24)}"  # in the order of time: one page of the index, not any
    file.added = format_time(records.moment(now_ns))
    database.run(
        "UPDATE files SET latest = 0 WHERE colonyname = ? AND label = ? AND name = ? AND latest = 1",
        *(file.colonyname, file.label, file.name),
    )
    used = database.first("SELECT seq FROM sqlite_sequence WHERE name = 'files'")
    file.sequencenr = used[0] + 1 if used else 1
    database.run(
        "INSERT INTO files (sequencenr, fileid, colonyname, label, name, size, checksum, object, latest, document)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
        *(file.sequencenr, file.fileid, file.colonyname, file.label, file.name, file.size, file.checksum),
        *(file.ref.s3object.object, msgspec.json.encode(file)),
    )
    return file


def get(database: Database, caller: str, message: OneFile) -> list[msgspec.Raw]:
    """Return one revision by id, or the latest or all revisions of a file, newest first."""
    access.member_of(database, caller, message.colonyname)
    if message.fileid:
        row = database.first(
            "SELECT document FROM files WHERE fileid = ? AND colonyname = ?", message.fileid, message.colonyname
        )
        if not row:
            raise Refused(400, "Failed to get file")
        return [msgspec.Raw(row[0])]
    if not (message.label and message.name):
        raise Refused(500, "malformatted get file msg")
    rows = database.all(
        "SELECT document FROM files WHERE colonyname = ? AND label = ? AND name = ? AND removed = 0"
        " ORDER BY sequencenr DESC LIMIT ?",
        *(message.colonyname, message.label, message.name, 1 if message.latest else -1),
    )
    if not rows:
        raise Refused(404, "Failed to get file")
    return [msgspec.Raw(row[0]) for row in rows]


def files(database: Database, caller: str, message: ListFiles) -> list[FileData]:
    """List the latest revisions of a label's own files."""
    access.member_of(database, caller, message.colonyname)
    rows = database.all(
        "SELECT name, checksum, size, object FROM files WHERE colonyname = ? AND label = ? AND latest = 1"
        " ORDER BY name",
        *(message.colonyname, message.label),
    )
    return [FileData(name=row[0], checksum=row[1], size=row[2], s3filename=row[3]) for row in rows]


def labels(database: Database, caller: str, message: ListLabels) -> list[Label] | None:
    """List labels that begin with a text, or (exact) a label and everything below it, with their revisions."""
    access.member_of(database, caller, message.colonyname)
    condition, parameters = below(message.name) if message.exact and message.name else _beginning_with(message.name)
    rows = database.all(
        f"SELECT label, count(*) FROM files WHERE colonyname = ? AND removed = 0 AND {condition} GROUP BY label",  # noqa: S608  constants
        *(message.colonyname, *parameters),
    )
    return [Label(name=row[0], files=row[1]) for row in rows] or None


def remove(database: Database, caller: str, message: OneFile) -> object:
    """Remove a revision by id, or all revisions of a file; those that a snapshot lists stay readable by id."""
    access.member_of(database, caller, message.colonyname)
    if message.fileid:
        rows = database.all(
            "SELECT sequencenr, label, name FROM files WHERE fileid = ? AND colonyname = ? AND removed = 0",
            *(message.fileid, message.colonyname),
        )
    elif message.label and message.name:
        rows = database.all(
            "SELECT sequencenr, label, name FROM files WHERE colonyname = ? AND label = ? AND name = ? AND removed = 0",
            *(message.colonyname, message.label, message.name),
        )
    else:
        raise Refused(400, "malformatted remove file msg")
    for number, _, _ in rows:
        if database.first("SELECT 1 FROM snapshot_files WHERE file = ?", number):
            database.run("UPDATE files SET removed = 1, latest = 0 WHERE sequencenr = ?", number)
        else:
            database.run("DELETE FROM files WHERE sequencenr = ?", number)
    if rows:
        _mark_latest(database, message.colonyname, label=rows[0][1], name=rows[0][2])
    return DONE


def below(label: str) -> tuple[str, tuple[object, ...]]:
    """Return the SQL condition, with its parameters, for a label and everything below it."""
    return "(label = ? OR (label >= ? AND label < ?))", (label, f"{label}/", f"{label}0")  # "0" follows "/"


def _beginning_with(prefix: str) -> tuple[str, tuple[object, ...]]:
    return "label >= ? AND label < ?", (prefix, prefix + _LAST_CHARACTER)


def _mark_latest(database: Database, colony: str, *, label: str, name: str) -> None:
    database.run(
        "UPDATE files SET latest = 1 WHERE sequencenr = (SELECT max(sequencenr) FROM files"
        " WHERE colonyname = ? AND label = ? AND name = ? AND removed = 0)",
        *(colony, label, name),
    )


OPERATIONS = (
    Operation("addfilemsg", "Failed to add file", AddFile, add, writes=True),
    Operation("getfilemsg", "Failed to get file", OneFile, get),
    Operation("getfilesmsg", "Failed to get files", ListFiles, files),
    Operation("getfilelabelsmsg", "Failed to get file labels", ListLabels, labels),
    Operation("removefilemsg", "Failed to remove file", OneFile, remove, writes=True),
)
