"""Executors that are the test itself, or nobody at all; and what is asked of the server."""

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
def nobody(colony: Place) -> Iterator[str]:
    """An executor at which nobody works."""
    name = colony.new_executor().name
    yield name
    with colony.session(storage=None) as session:
        for process in session.client.processes(ProcessState.WAITING):
            if process.spec.conditions.executornames == [name]:
                session.client.cancel(process.processid)


@pytest.fixture
def operations(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the server."""
    asked: list[str] = []
    call = session.client.rpc.call

    def noted(msgtype: str, *args: object, **options: object) -> object:
        asked.append(msgtype)
        return call(msgtype, *args, **options)

    monkeypatch.setattr(session.client.rpc, "call", noted)
    return asked


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
