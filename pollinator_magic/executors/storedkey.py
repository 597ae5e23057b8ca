"""An executor's own key, in a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pollinator_magic.colonies.keys import PrivateKey

if TYPE_CHECKING:
    from pathlib import Path


def stored_key(file: Path) -> PrivateKey:
    """Return the key in `file`, which is made with a new one, readable by its owner only, if it is not there."""
    if file.exists():
        return PrivateKey.from_hex(file.read_text(encoding="ascii"))
    key = PrivateKey.generate()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as sink:
        sink.write(key.reveal())
    return key
