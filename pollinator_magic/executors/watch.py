"""Which processes the server believes to run here: asked once for all of them, however many there are."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import ServerError

if TYPE_CHECKING:
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process

EVER_S = 10 * 365 * 86400
_INTERVAL_S = 1.5
_LONGEST_INTERVAL_S = 4.5
_FEW = 10


class Watch:
    """The list of this client's running processes. Who runs one is counted between `enter` and `leave`."""

    def __init__(self, client: Colonies) -> None:
        self._client = client
        self._counting = threading.Lock()
        self._users = 0
        self._asking = threading.Lock()
        self._asked = 0
        self._at = float("-inf")
        self._list: dict[str, Process] = {}
        self._error: ServerError | None = None

    def enter(self) -> None:
        """Count one more."""
        with self._counting:
            self._users += 1

    def leave(self) -> None:
        """Count one less."""
        with self._counting:
            self._users -= 1

    @property
    def interval_s(self) -> float:
        """How long one may go without having heard that a process is still to be run: longer where there are many.

        It counts from when the list was asked for, so that all come back to it when it is too old, and one asks anew.
        """
        return min(_LONGEST_INTERVAL_S, _INTERVAL_S * max(1.0, self._users / _FEW))

    def find(self, process_id: str) -> tuple[Process | None, float]:
        """Return a process as the list has it, None if it is not on it, and when the server was asked (monotonic)."""
        if self._users <= 1:  # the list would be no shorter
            at = time.monotonic()
            return self._client.process(process_id), at
        asked = self._asked
        with self._asking:
            if self._asked == asked and time.monotonic() >= self._at + self.interval_s:
                self._ask()
            elif self._asked != asked and self._error is not None:
                raise self._error  # somebody has just tried; a hundred more would not help
            return self._list.get(process_id), self._at

    def running(self) -> list[Process]:
        """Return the whole list, as it is now."""
        return self._client.history(ProcessState.RUNNING, seconds=EVER_S, executor_id=self._client.identity)

    def _ask(self) -> None:
        at = time.monotonic()
        try:
            self._list = {process.processid: process for process in self.running()}
        except ServerError as error:
            self._error = error
            raise
        else:
            self._at, self._error = at, None
        finally:
            self._asked += 1
