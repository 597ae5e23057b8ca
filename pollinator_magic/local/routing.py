"""What an operation is: its name, how its message is read, and the function that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.local.database import Database

DONE: dict[str, str] = {}
"""The reply of operations that have nothing to say."""


class Refused(Exception):
    """The answer is an error envelope with this HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Message(msgspec.Struct, kw_only=True):
    """Base of the requests; every field may be missing."""

    msgtype: str = ""
    nonce: str = ""
    """What only this request carries."""
    issued: int = 0
    """When it was signed, in Unix nanoseconds."""


class OfColony(Message):
    """A request that concerns one colony and needs nothing else."""

    colonyname: str = ""


@dataclass(frozen=True)
class Operation:
    """One entry of the route table."""

    msgtype: str
    failure: str
    """How refusals of a malformed message begin, e.g. `Failed to get colony`."""
    message: type[Message]
    handler: Callable[[Database, str, Any], object]
    """Answers (database, identity of the caller, message) with what is to be encoded, or raises Refused."""
    writes: bool = False
    """Whether it runs in a transaction."""
    slow: bool = False
    """Whether it may take long; it is then answered beside the event loop, from a read-only connection."""
