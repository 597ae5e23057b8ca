"""Brings together what the server believes to run here and what the engine has kept of an earlier life.

A process without a run is to be taken up. A job without a process that is still this executor's is ended, unless the
process waits in the queue because the server thought the executor dead: then it may come back. Jobs are asked for a few
at a time, and seldom.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import NotFound, PollinatorError
from pollinator_magic.executors.ownership import is_given_to
from pollinator_magic.executors.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.engine import Engine
    from pollinator_magic.executors.watch import Watch
    from pollinator_magic.executors.workspace import Store

_log = logging.getLogger(__name__)
_MOST = 5
LEFT_S = 60.0
"""So soon a job that was left is looked after."""
_SELDOM_S = 300.0


class Lookout:
    """Looks for the worker, in its polling thread."""

    def __init__(self, client: Colonies, watch: Watch, engine: Engine, store: Store) -> None:
        self._client = client
        self._watch = watch
        self._engine = engine
        self._store = store
        self._left: set[str] = set()
        self._todo: list[str] | None = None

    def tidy(self) -> None:
        """Forget what was noted long ago of processes whose jobs are gone."""
        with suppress(OSError, PollinatorError):  # then another time
            self._store.journal.prune(keep=self._engine.leftovers())

    def leave(self, process_id: str) -> None:
        """Note that the job of a process was left, to be looked after."""
        self._left.add(process_id)

    def lost(self, running: Collection[str]) -> list[Process]:
        """Return what the server believes to run here and does not."""
        return [process for process in self._watch.running() if process.processid not in running]

    def sweep(self, running: Collection[str]) -> Iterator[Process]:
        """Look at some jobs without a run, and end those that nobody will ask for; give processes to be taken up.

        They were cancelled: what their jobs have made is still wanted.
        """
        self._left -= set(running)
        if self._todo is None:
            self._todo = sorted(self._kept() | self._left)
        now, self._todo = self._todo[:_MOST], self._todo[_MOST:]
        for process_id in now:
            if process_id in running:
                continue
            try:
                process = self._client.process(process_id)
            except NotFound:
                self._end(process_id)
                self._store.journal.forget(process_id)
                continue
            if process.status is ProcessState.CANCELLED and process.assignedexecutorid == self._client.identity:
                yield process
            elif not self._may_come_back(process):
                self._end(process_id)
                with suppress(PollinatorError, OSError):
                    Workspace(self._store, process).remove()
                if process.status is not ProcessState.WAITING:  # else whoever runs it again wants to know
                    self._store.journal.forget(process_id)

    def again_in_s(self) -> float:
        """Return when to look next: at once in the middle of many, soon where one was left, else seldom or never."""
        if not self._engine.durable:
            return math.inf
        if self._todo:
            return 0.0
        self._todo = None
        return LEFT_S if self._left else _SELDOM_S

    def _kept(self) -> set[str]:
        try:
            return set(self._engine.leftovers())
        except (OSError, PollinatorError) as error:
            _log.warning("What jobs there are from before cannot be found out yet: %s", error)
            return set()

    def _may_come_back(self, process: Process) -> bool:
        if is_given_to(process, self._client.identity):
            return True  # it was given to us since
        past = self._store.journal.past(process.processid)
        return process.status is ProcessState.WAITING and (past is None or past.is_of(process))

    def _end(self, process_id: str) -> None:
        try:
            self._engine.discard(process_id)
        except (OSError, PollinatorError) as error:
            _log.warning("The job of process %r cannot be ended yet: %s", process_id, error)
        else:
            _log.info("Ended what was left of process %r, which is not this executor's any more.", process_id)
            self._left.discard(process_id)
