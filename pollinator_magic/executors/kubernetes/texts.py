"""What Kubernetes says, as part of what users read."""

from __future__ import annotations

_LONGEST = 600


def one_line(text: str) -> str:
    """Return a text of somebody else as one line without control characters, cut where it is long."""
    words = " ".join("".join(one if one.isprintable() else " " for one in text[: 4 * _LONGEST]).split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def sentence(beginning: str, rest: str | None) -> str:
    """Return a sentence that goes on with what Kubernetes says, if it says anything."""
    words = one_line(rest or "").rstrip(".")
    return f"{beginning}: {words}." if words else f"{beginning}."
