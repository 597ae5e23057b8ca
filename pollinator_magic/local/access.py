"""Who may do what (protocol.md, section 5): every function returns, or raises the real server's refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ExecutorState
from pollinator_magic.local.routing import Refused

if TYPE_CHECKING:
    from pollinator_magic.local.database import Database


@dataclass(frozen=True)
class Member:
    """A user or an approved executor of a colony."""

    identity: str
    name: str
    is_executor: bool


def member_of(database: Database, caller: str, colony: str) -> Member:
    """Return the caller as a member of the colony; its owner's key is none."""
    row = database.first("SELECT name FROM users WHERE colonyname = ? AND userid = ?", colony, caller)
    if row:
        return Member(caller, row[0], is_executor=False)
    row = database.first(
        "SELECT executorname FROM executors WHERE colonyname = ? AND executorid = ? AND state = ?",
        *(colony, caller, ExecutorState.APPROVED),
    )
    if row:
        return Member(caller, row[0], is_executor=True)
    colony_id(database, colony)
    raise _not_a_member(colony)


def known_to(database: Database, caller: str, colony: str) -> None:
    """Allow members, and executors whatever their registration's state."""
    row = database.first("SELECT 1 FROM executors WHERE colonyname = ? AND executorid = ?", colony, caller)
    if not row:
        member_of(database, caller, colony)


def owner_of(database: Database, caller: str, colony: str, *, unknown_status: int = 403) -> None:
    """Allow the colony's owner only."""
    if colony_id(database, colony, unknown_status=unknown_status) != caller:
        raise Refused(403, "Access denied, not colony owner")


def colony_id(database: Database, colony: str, *, unknown_status: int = 403) -> str:
    """Return the identity of the colony's owner; refuse an unknown colony."""
    row = database.first("SELECT colonyid FROM colonies WHERE name = ?", colony)
    if not row:
        raise Refused(unknown_status, f"Colony with name <{colony}> does not exists")
    return str(row[0])


def server_owner(database: Database, caller: str) -> None:
    """Allow the server's owner only."""
    if caller != database.facts.owner_id:
        raise Refused(403, "Access denied, not server owner")


def _not_a_member(colony: str) -> Refused:
    return Refused(403, f"Access denied, not a member of Colony with name <{colony}>")
