"""What a worker makes of a program that another one has started: it has ended, was cut off, or may be tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.journal import Past

_CUT_OFF = "The executor was killed while the job was running, in the last of its {tries} tries. Submit it again."
_AGAIN = "\nThe executor was killed while this job was running; it is run again (try {now} of {most}).\n"
_OVER = (
    "\nThe time of this job was over while the executor was away, and it was ended; it is run again "
    "(try {now} of {most}).\n"
)
_TAKEN_UP = "\nThe executor was killed after the program had ended; what was printed last may be missing here.\n"


def errors_of(past: Past, process: Process, say: Callable[[str], None]) -> list[str] | None:
    """Return the errors of a program that has ended under another worker, or was cut off for good.

    None if the program is to be run again, which its log is told.
    """
    same = past.is_of(process)
    if past.errors is not None and same:
        if not past.log_is_whole:
            say(_TAKEN_UP)
        return past.errors
    most = process.spec.maxretries + 1
    if not past.allows(process):
        return [_CUT_OFF.format(tries=most)]
    say((_AGAIN if same else _OVER).format(now=past.tries + 1, most=most or "any number"))
    return None
