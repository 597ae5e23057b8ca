"""How programs end, in words."""

from __future__ import annotations

import signal

from pollinator_magic.executors.amounts import MEBIBYTE


def status_words(status: int) -> str:
    """Say how a program ended; shells report the signal that killed a program as 128 more than its number."""
    number = -status if status < 0 else status - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"exit status {status}"
    return f"exit status {status} (killed by {name})" if status > 0 else f"killed by signal {number} ({name})"


def memory_words(memory_bytes: int, where: str = "") -> str:
    """Say that a program was killed because it used more memory than this; `where` begins with a space."""
    return f"Killed: used more than {memory_bytes // MEBIBYTE}Mi of memory{where}"
