"""The newest processes of a colony, asked for state by state while they go on."""

from __future__ import annotations

from types import SimpleNamespace

from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.jobs import Session


class MovesOn:
    """A colony with one process, which takes its next step after each list that is asked for."""

    def __init__(self) -> None:
        self._steps = iter((ProcessState.WAITING, ProcessState.RUNNING, ProcessState.SUCCESS))
        self._state = next(self._steps)

    def processes(self, state: ProcessState, *, count: int) -> list[Process]:
        shown = [Process(processid="a" * 64, state=self._state)] if state is self._state else []
        self._state = next(self._steps, self._state)
        return shown[:count]


def test_a_process_that_moves_on_meanwhile_is_found_once_as_it_is_now():
    session = Session(SimpleNamespace())
    session.__dict__["client"] = MovesOn()

    found = session.recent_processes()

    assert [process.status for process in found] == [ProcessState.SUCCESS]
