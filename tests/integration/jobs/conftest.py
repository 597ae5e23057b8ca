"""Processes whose executor is the test itself: it takes them, writes their logs and closes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scripted_executor import asked_of

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import ProcessState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Session
    from tests.place import Member, Place


@pytest.fixture(scope="module")
def scripted(colony: Place) -> Member:
    """An executor of which only this test takes work."""
    return colony.new_executor("scripted")


@pytest.fixture
def user(colony: Place) -> Iterator[Session]:
    """A session without an object store."""
    with colony.session(storage=None) as session:
        yield session


@pytest.fixture
def hand(colony: Place, user: Session, scripted: Member) -> Iterator[Colonies]:
    """The client with which the scripted executor acts; what it leaves open is cancelled."""
    with Colonies(colony.server, colony.colony, scripted.key) as client:
        yield client
        for state in (ProcessState.WAITING, ProcessState.RUNNING):
            for process in client.processes(state):
                if process.spec.conditions.executornames == [scripted.name]:
                    user.client.cancel(process.processid)


@pytest.fixture
def submit(user: Session, scripted: Member) -> Callable[..., Process]:
    """Submits a process for the scripted executor."""

    def submit(**spec: object) -> Process:
        return user.client.submit(asked_of(scripted.name, user.connection.colony, **spec))

    return submit
