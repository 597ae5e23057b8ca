"""Why a process still waits, in a few words."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import MAX_PROCESSES
from pollinator_magic.colonies.models import ExecutorState
from pollinator_magic.jobs.executors import QUIET_AFTER_S, may_take
from pollinator_magic.screen import rough_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.colonies.models import Executor, Process


def why_waiting(
    process: Process, executors: Sequence[Executor], waiting: Sequence[Process], *, now: datetime | None = None
) -> str:
    """Return e.g. "executor last heard 3 s ago; 4 processes ahead".

    `waiting` are the processes that wait, in the order in which the server gives them out, as far as it lists them.
    """
    if process.waitforparents:
        return "the processes that it comes after have not ended"
    able = [one for one in executors if one.status is ExecutorState.APPROVED and may_take(one, process)]
    if not able:
        return "there is no executor that could take it"
    said = [_heard(able, now or datetime.now(timezone.utc)), _ahead(process, able, waiting)]
    return "; ".join(part for part in said if part)


def _heard(able: Sequence[Executor], now: datetime) -> str:
    who = "executor" if len(able) == 1 else f"{len(able)} executors,"
    moments = [moment for one in able if (moment := one.last_heard_at) is not None]
    if not moments:
        return f"{who} never heard of"
    ago_s = max((now - max(moments)).total_seconds(), 0.0)
    doubt = ", it may be down" if ago_s > QUIET_AFTER_S else ""
    return f"{who} last heard {'just now' if ago_s < 1 else f'{rough_duration(ago_s)} ago'}{doubt}"


def _ahead(process: Process, able: Sequence[Executor], waiting: Sequence[Process]) -> str:
    number = 0
    for other in waiting:
        if other.processid == process.processid:
            break
        number += any(may_take(executor, other) for executor in able)
    else:
        if len(waiting) < MAX_PROCESSES:
            return ""  # it does not wait any more
        return f"{number} or more processes ahead"
    return f"{number} process{'' if number == 1 else 'es'} ahead" if number else "next in line"
