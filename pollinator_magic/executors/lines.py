"""Lines in what several write at the same time: none is torn when they are merged."""

from __future__ import annotations

LONGEST = 64 * 1024
"""Bytes without an end after which nobody waits for it any longer."""


def finished(text: bytes) -> int:
    """Return how many bytes at the beginning are whole lines; a carriage return ends one too, so progress bars move."""
    end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    return len(text) if end == 0 and len(text) > LONGEST else end
