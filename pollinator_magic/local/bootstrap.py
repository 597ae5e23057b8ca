"""What a fresh embedded colony holds: the colony itself, one user, and perhaps an approved executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import User
    from pollinator_magic.local.database import Database


def ensure_colony(database: Database, *, name: str, owner_id: str) -> None:
    """Make the colony exist under this owner."""
    database.run("INSERT OR REPLACE INTO colonies VALUES (?, ?)", name, owner_id)


def ensure_user(database: Database, user: User) -> None:
    """Make the user exist with this identity."""
    database.run(
        "INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?)",
        *(user.colonyname, user.name, user.userid, msgspec.json.encode(user)),
    )
