"""Keeps what a cell would overwrite: a source file that somebody wrote by hand is copied before a cell takes its place.

Cells overwrite each other, that is what re-running one means. So the checksum of what the last cell wrote is
remembered, and only a file that is something else by now is kept, in `.pollinator/replaced`.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

from pollinator_magic.cfs.atomic import write_new
from pollinator_magic.project.files import make_directory, write_if_changed

if TYPE_CHECKING:
    from pathlib import Path

_MEMORY = "cells.json"


def keep_replaced(path: Path, text: str, *, name: str, state: Path) -> Path | None:
    """Return where the present content of `path` has been kept, or None if `text` may simply take its place."""
    memory = _read(state / _MEMORY)
    kept = None
    if path.is_file():
        present = path.read_bytes()
        by_hand = _checksum(present) != memory.get(name)
        if by_hand and present.strip() and present != text.encode("utf-8"):
            kept = _keep(present, state / "replaced" / name)
    memory[name] = _checksum(text.encode("utf-8"))
    make_directory(state)
    write_if_changed(state / _MEMORY, json.dumps(memory, indent=0, sort_keys=True))
    return kept


def _keep(content: bytes, wanted: Path) -> Path:
    """Write `content` under the first free name: `main.py`, `main-1.py`, …; the same content is kept once."""
    make_directory(wanted.parent)
    number, path = 0, wanted
    while os.path.lexists(path):
        if path.is_file() and path.read_bytes() == content:
            return path
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    write_new(path, content)
    return path


def _read(path: Path) -> dict[str, str]:
    try:
        memory = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
