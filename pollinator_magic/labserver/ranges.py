"""Parts of a file that a request asks for (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})", re.IGNORECASE)


class Span(NamedTuple):
    """The bytes from `start` on, without the one at `end`."""

    start: int
    end: int


def asked_span(headers: Mapping[str, str], size: int, etag: str) -> Span | None:
    """Return the part that is asked for; None for the whole file, also where several parts or no valid one are named.

    A span of nothing stands for one that the file of `size` bytes does not have.
    """
    asked = _RANGE.fullmatch(headers.get("Range", "").strip())
    if asked is None or asked.groups() == ("", "") or headers.get("If-Range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first:
        return Span(max(size - int(last), 0), size)
    start, end = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < int(first):
        return None
    return Span(start, end) if start < size else Span(size, size)


def is_current(headers: Mapping[str, str], etag: str) -> bool:
    """Whether who asks has the file already."""
    known = [tag.strip().removeprefix("W/") for tag in headers.get("If-None-Match", "").split(",")]
    return etag in known or known == ["*"]
