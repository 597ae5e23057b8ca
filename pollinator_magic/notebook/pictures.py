"""What a picture says of itself: its type by its first bytes, and its size in pixels."""

from __future__ import annotations

MAX_PIXELS = 64 << 20
"""A browser needs four bytes for each."""

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def picture_type(data: bytes) -> str | None:
    """Return the MIME type of a PNG, JPEG, GIF or WebP that browsers can show within bounds, or None."""
    found = _measure(data)
    if found is None:
        return None
    kind, width, height = found
    return kind if 0 < width * height <= MAX_PIXELS else None


def _measure(data: bytes) -> tuple[str, int, int] | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) > 32:
        return "image/png", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) > 12:
        return "image/gif", int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if data.startswith(b"\xff\xd8\xff"):
        return _measure_jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _measure_webp(data)
    return None


def _measure_jpeg(data: bytes) -> tuple[str, int, int] | None:
    """Go from marker to marker to the one that begins a frame."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_SIZES:
            return (
                "image/jpeg",
                int.from_bytes(data[at + 7 : at + 9], "big"),
                int.from_bytes(data[at + 5 : at + 7], "big"),
            )
        # A marker may have any number of 0xFF before it, and every one but a frame's beginning tells its length.
        at += 1 if marker == 0xFF else 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2)
    return None


def _measure_webp(data: bytes) -> tuple[str, int, int] | None:
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return "image/webp", 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return "image/webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = int.from_bytes(body[6:8], "little"), int.from_bytes(body[8:10], "little")
        return "image/webp", width & 0x3FFF, height & 0x3FFF
    return None
