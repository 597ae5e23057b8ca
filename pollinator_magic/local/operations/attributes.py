"""Attributes of processes (protocol.md, section 7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Attribute, ProcessState
from pollinator_magic.local import lifecycle
from pollinator_magic.local.operations.processes import of_member
from pollinator_magic.local.routing import Message, Operation, Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database


class AddAttribute(Message):
    """Attach a key and value to a process."""

    attribute: Attribute | None = None


class OneAttribute(Message):
    """Name an attribute."""

    attributeid: str = ""


def add_attribute(database: Database, caller: str, message: AddAttribute) -> Attribute:
    """Attach a key and value to the caller's running process."""
    attribute = message.attribute
    if attribute is None:
        raise Refused(400, "Failed to add attribute, attribute is nil")
    unknown = Refused(404, "Failed to add attribute, process not found")
    process = of_member(database, caller, attribute.targetid, unknown)
    if process.status is not ProcessState.RUNNING:
        raise Refused(403, "Failed to add attribute, process is not running")
    if process.assignedexecutorid != caller:
        allowed = process.assignedexecutorid
        raise Refused(403, f"Failed to add attribute, only executor with id <{allowed}> is allowed to set attributes")
    if attribute.attributetype not in range(4):
        raise Refused(400, "Failed to add attribute, invalid attribute type")
    added = lifecycle.add_attribute(database, process, attribute)
    if added is None:
        raise Refused(400, f"Failed to add attribute, the process has an attribute <{attribute.key}> of this type")
    return added


def attribute(database: Database, caller: str, message: OneAttribute) -> Attribute:
    """Show an attribute."""
    row = database.first(
        "SELECT processid FROM attributes JOIN processes ON number = process WHERE attributeid = ?",
        message.attributeid,
    )
    unknown = Refused(400, "Attribute does not exists")
    process = of_member(database, caller, row[0] if row else "", unknown)
    for candidate in process.attributes:
        if candidate.attributeid == message.attributeid:
            return candidate
    raise unknown


OPERATIONS = (
    Operation("addattributemsg", "Failed to add attribute", AddAttribute, add_attribute, writes=True),
    Operation("getattributemsg", "Failed to get attribute", OneAttribute, attribute),
)
