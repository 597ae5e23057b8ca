"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from pollinator_magic.cfs.ignore import PART_PREFIX

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(file: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file so that readers see the old content or the new one, making its directory where needed.

    What a killed process leaves behind has a name that is never synchronised. `mode` is what a new file may allow.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{PART_PREFIX}{secrets.token_hex(8)}")
    try:
        write_new(temporary, content, mode=mode)
        temporary.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_new(file: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file that was not there; whatever has its name, also a link that leads elsewhere, is left alone."""
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as sink:  # O_EXCL follows no link
        sink.write(content)
