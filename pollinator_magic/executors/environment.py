"""The environment of a process that has just been submitted may not be there yet.

A Colonies server stores a process first and then, one after the other, the variables of its specification; an executor
that waits for work can be given the process in between, with some of them or none. So a process that was given out so
soon is read again until it stays the same.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError

if TYPE_CHECKING:
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process

_SOON = timedelta(seconds=5)
_PAUSES_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)


def wait_for_environment(client: Colonies, process: Process) -> None:
    """Complete the environment and the attributes of a process that was assigned to us, if it is a new one."""
    submitted, started = process.submitted_at, process.started_at
    if submitted and started and started - submitted > _SOON:
        return
    with suppress(PollinatorError):  # what is known of it will do, or whoever runs it finds out more
        for pause_s in _PAUSES_S:
            time.sleep(pause_s)
            known, now = process.spec.env, client.process(process.processid)
            process.spec.env, process.attributes = now.spec.env, now.attributes
            if now.spec.env == known and (known or not process.spec.fs.snapshots):
                return  # every project sets one variable at least, so that a snapshot without any is suspicious
