"""What a browser plays or shows by itself: sound, films, PDF, and web pages in a frame that can do nothing.

Small ones are put into the notebook whole, as data: nothing is requested from anywhere. Large ones are only linked.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from pollinator_magic.jobs.results import human_size
from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem
from pollinator_magic.notebook.gallery.text import RECORD_LINES, beginning, lines_of, record

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDED_BYTES = 8 << 20
"""The largest sound, film or PDF that is put into the notebook."""
PAGE_BYTES = 2 << 20
"""The largest web page that is."""

_SOUNDS = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
}
_FILMS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".ogv": "video/ogg", ".mov": "video/mp4"}
SOUNDS, FILMS = tuple(_SOUNDS), tuple(_FILMS)


def sound(path: Path) -> Preview:
    """Show a player for a sound; raise Problem if the file is none."""
    return _played(path, Kind.AUDIO, _SOUNDS[path.suffix.lower()], "audio", "width:100%")


def film(path: Path) -> Preview:
    """Show a player for a film; raise Problem if the file is none."""
    return _played(path, Kind.VIDEO, _FILMS[path.suffix.lower()], "video", "max-width:100%;max-height:32em")


def _played(path: Path, kind: Kind, mime: str, tag: str, style: str) -> Preview:
    with path.open("rb") as file:
        head = file.read(16)
    if not _begins_as(mime, head):
        raise Problem(f"not what {path.suffix.lower()} files hold")
    name = mime.partition("/")[2].upper()
    if path.stat().st_size > EMBEDDED_BYTES:
        return Preview(kind, f"{name}; larger than {human_size(EMBEDDED_BYTES)}, so not put into the notebook")
    data = base64.b64encode(path.read_bytes()).decode()
    html = f'<{tag} controls preload="metadata" style="{style}" src="data:{mime};base64,{data}"></{tag}>'
    return Preview(kind, name, html=html, record="")


def _begins_as(mime: str, head: bytes) -> bool:
    if mime == "audio/wav":
        return head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE"
    if mime == "audio/mpeg":
        return head.startswith(b"ID3") or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
    if mime == "audio/flac":
        return head.startswith(b"fLaC")
    if mime == "video/webm":
        return head.startswith(b"\x1a\x45\xdf\xa3")
    if mime.endswith("/ogg"):
        return head.startswith(b"OggS")
    return head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free"}  # MP4 and QuickTime


def pdf(path: Path) -> Preview:
    """Show a PDF in the browser's own viewer; raise Problem if the file is none."""
    with path.open("rb") as file:
        if not file.read(5).startswith(b"%PDF-"):
            raise Problem("not a PDF")
    if path.stat().st_size > EMBEDDED_BYTES:
        return Preview(Kind.PDF, f"larger than {human_size(EMBEDDED_BYTES)}, so not put into the notebook")
    data = base64.b64encode(path.read_bytes()).decode()
    return Preview(
        Kind.PDF,
        "PDF document",
        html=(
            f'<object type="application/pdf" data="data:application/pdf;base64,{data}" '
            'style="width:100%;height:34em">This browser shows no PDF here: open the file by its name above.</object>'
        ),
        record="",
        alone={"application/pdf": data},
    )


def page(path: Path) -> Preview:
    """Show a web page in a frame without scripts, without network, and without a way to the notebook."""
    from pollinator_magic.notebook.outputs import sandboxed_frame

    found = beginning(path, PAGE_BYTES)
    if found is None:
        raise Problem("binary")
    if not found.whole:
        raise Problem(f"larger than {human_size(PAGE_BYTES)}, so shown as text;")
    about = "web page; scripts and pictures from elsewhere are left out"
    lines = lines_of(found.text)
    return Preview(
        Kind.PAGE,
        about + found.remark,
        html=sandboxed_frame(found.text, scripts=False, otherwise="\n".join(lines[:RECORD_LINES])),
        plain="\n".join(lines[:RECORD_LINES]),
        record=record(lines, cut=False),
    )
