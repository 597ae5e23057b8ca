"""Carrying files again and again while what hinders it may pass: a job has waited for long, and has worked for longer.

The layers below repeat a request for some seconds. Here an outage of minutes is sat out.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

from pollinator_magic.errors import (
    DamagedFile,
    InvalidReply,
    ObjectMissing,
    PollinatorError,
    ServerError,
    ServerUnreachable,
    StorageDenied,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    T = TypeVar("T")

_log = logging.getLogger(__name__)
_LOOK_S = 0.1
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_SILENT_TRIES = 2  # a short hiccup is no news


def patiently(
    work: Callable[[], None],
    *,
    patience_s: float,
    wait: Callable[[float], bool],
    say: Callable[[str], None],
    precious: bool = False,
) -> None:
    """Do `work`, and again after a while if it fails for a reason that may pass, for at most `patience_s`.

    `wait` waits and returns whether to go on. `say` is told, once, that it takes longer. What is `precious` is tried
    again whatever the servers say: they have accepted these keys before, and may do so again.
    """
    until = time.monotonic() + patience_s
    delay_s, tries = _FIRST_DELAY_S, 0
    while True:
        try:
            return work()
        except PollinatorError as error:
            tries += 1
            if not _may_pass(error, precious=precious) or time.monotonic() + delay_s > until:
                raise
            if tries == _SILENT_TRIES:
                say(f"\n{error} Until it works, it is tried again, for {patience_s / 60:.0f} minutes at the most.\n")
            if not wait(delay_s):
                raise
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)


def insistently(action: Callable[[], T], *, wait: Callable[[float], bool]) -> T:
    """Do it, again and again while the engine cannot; raise what hinders it when `wait` says not to go on."""
    delay_s = _FIRST_DELAY_S
    while True:
        try:
            return action()
        except (OSError, PollinatorError) as error:
            _log.warning("What an engine could not do is tried again: %s", error)
            if not wait(delay_s):
                raise
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)


def pause(delay_s: float, unwanted: Callable[[], object]) -> bool:
    """Wait, until it is unwanted at the most; return whether to go on."""
    until = time.monotonic() + delay_s
    while not unwanted() and time.monotonic() < until:
        time.sleep(_LOOK_S)
    return not unwanted()


def _may_pass(error: PollinatorError, *, precious: bool) -> bool:
    if isinstance(error, ServerUnreachable):
        return error.passing
    if isinstance(error, ServerError):
        # With 500 a server also says that there is no such snapshot.
        return isinstance(error, InvalidReply) or (precious and (error.status or 0) >= 500)
    if isinstance(error, StorageDenied | ObjectMissing):
        return precious
    return isinstance(error, StorageError | DamagedFile)
