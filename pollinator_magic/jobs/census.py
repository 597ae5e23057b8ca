"""Which processes there are: all of the colony that are open, and those of one project that have ended.

The server lists no more than 100 processes of a state and has no pages. Where that could hide one, its history is
asked, which has no limit but that of time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import MAX_CRONS, MAX_PROCESSES
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import NotFound, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pollinator_magic.cfs.crew import Crew, Halt
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process

_EVER_S = 10 * 365 * 86_400
_LONGEST_LIFE_S = 60 * 86_400  # of a process, from its submission to its end
_CLOSED = (ProcessState.SUCCESS, ProcessState.FAILED, ProcessState.CANCELLED)


def open_processes(client: Colonies) -> list[Process]:
    """Return every process of the colony that waits or runs; raise ServerError if that cannot be known.

    They are asked for in the order in which processes go through these states, so that none is missed that moves on
    meanwhile; waiting ones twice, because those that are tried again go back.
    """
    found = [
        process
        for state in (ProcessState.WAITING, ProcessState.RUNNING, ProcessState.WAITING)
        for process in _all_in(client, state)
    ]
    return list({process.processid: process for process in found}.values())


def _all_in(client: Colonies, state: ProcessState) -> list[Process]:
    found = client.processes(state)
    if len(found) < MAX_PROCESSES:
        return found
    everything = client.history(state, seconds=_EVER_S)
    if len(everything) >= MAX_PROCESSES:
        return everything
    again = client.processes(state)  # most may have moved on
    if len(again) < MAX_PROCESSES:
        return again
    raise ServerError(
        f"{client.server} lists no more than {MAX_PROCESSES} {state} processes, so nobody can say what the others "
        "need. Nothing was removed; try again when fewer jobs are open."
    )


def ended_processes(
    client: Colonies,
    crew: Crew,
    *,
    labels: Iterable[str],
    belongs: Callable[[Process], bool],
    newest: int,
    since: float,
    window_s: float,
) -> dict[str, Process]:
    """Return by their ids the ended processes that belong, at least so many of the newest, and all since a moment.

    `labels` are those by which the processes may be listed. `since` is seconds since 1970, and `window_s` how long ago
    that is.
    """

    def listed(kind: tuple[ProcessState, str], _: Halt) -> list[Process]:
        state, label = kind
        found = client.processes(state, label=label)
        own = [process for process in found if belongs(process)]
        if len(found) < MAX_PROCESSES or (len(own) >= newest and ended_at(found[-1]) < since):
            return own
        before = client.history(state, seconds=round(window_s + _LONGEST_LIFE_S))
        return own + [process for process in before if belongs(process)]

    kinds = [(state, label) for state in _CLOSED for label in labels]
    return {process.processid: process for part in crew.each(listed, kinds) for process in part}


def processes_of(client: Colonies, crew: Crew, ids: Iterable[str]) -> list[Process]:
    """Return the processes of these ids, without those that the colony does not know."""

    def one(process_id: str, _: Halt) -> Process | None:
        try:
            return client.process(process_id)
        except NotFound:
            return None

    return [process for process in crew.each(one, sorted(ids)) if process is not None]


def later(client: Colonies) -> tuple[str, ...]:
    """Return the specifications that the server submits by itself; raise ServerError if they cannot all be known."""
    crons = client.crons()
    if len(crons) >= MAX_CRONS:
        raise ServerError(
            f"{client.server} has {MAX_CRONS} crons or more and lists no more, so nobody can say what they need. "
            "Nothing was removed."
        )
    return tuple(cron.workflowspec for cron in crons)


def ended_at(process: Process) -> float:
    """Return when a process ended, in seconds since 1970; one that does not say when ended just now."""
    moment = process.ended_at or process.submitted_at
    return moment.timestamp() if moment else math.inf
