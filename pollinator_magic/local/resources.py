"""Resource strings: processor time in millicores, memory in bytes (protocol.md, section 6.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pollinator_magic.local.routing import Refused

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Conditions

UNLIMITED = 2**62
"""More than anybody asks for, and still an integer of the database."""

_MEBIBYTE = 2**20
_BYTES = {
    **dict.fromkeys(("Ki", "KiB"), 2**10),
    **dict.fromkeys(("Mi", "MiB"), _MEBIBYTE),
    **dict.fromkeys(("Gi", "GiB"), 2**30),
    "TiB": 2**40,
    "K": 10**3,
    "M": 10**6,
    **dict.fromkeys(("G", "Gb"), 10**9),
}
_MEMORY = re.compile(r"(\d{1,18})([A-Za-z]*)", re.ASCII)
_MILLICORES = re.compile(r"\d{1,18}", re.ASCII)


def millicores(text: str) -> int:
    """Read `1500m`; whatever does not end in `m` counts as nothing, as with the real server."""
    if not text.endswith("m"):
        return 0
    if not _MILLICORES.fullmatch(text[:-1]):
        raise Refused(400, "Error converting CPU to int")
    return min(int(text[:-1]), UNLIMITED)


def memory_bytes(text: str) -> int:
    """Read `2Gi`; nothing is 0."""
    if not text:
        return 0
    match = _MEMORY.fullmatch(text)
    if not match or match[2] not in _BYTES:
        raise Refused(
            400, f"error converting memory to int: {text!r} is not a whole number with one of {', '.join(_BYTES)}"
        )
    return min(int(match[1]) * _BYTES[match[2]], UNLIMITED)


def normalise(conditions: Conditions) -> None:
    """Rewrite the strings as they are stored and returned: `0m`, whole `Mi`; refuse what cannot be read."""
    conditions.cpu = f"{millicores(conditions.cpu)}m"
    conditions.mem = _mebibytes(conditions.mem)
    conditions.storage = _mebibytes(conditions.storage)
    conditions.gpu.mem = _mebibytes(conditions.gpu.mem)
    conditions.gpu.nodecount = 0


def _mebibytes(text: str) -> str:
    return f"{memory_bytes(text) // _MEBIBYTE}Mi"
