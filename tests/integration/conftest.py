"""The place where the suite runs (see tests/place.py), and what a job needs there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pollinator_magic.project import Project
from tests.place import STORAGES, Place, running_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pollinator_magic.jobs import Session
    from pollinator_magic.settings import StorageSettings


@pytest.fixture(scope="session")
def colony() -> Iterator[Place]:
    with running_place() as running:
        yield running


@pytest.fixture(scope="session", params=STORAGES)
def storage(request: pytest.FixtureRequest, colony: Place) -> StorageSettings:
    """The object store; every test runs with each of them."""
    return colony.storages[request.param]


@pytest.fixture
def session(colony: Place, storage: StorageSettings) -> Iterator[Session]:
    """A user of the colony whom nobody has seen before."""
    with colony.session(storage) as session:
        yield session


@pytest.fixture
def executor(colony: Place, storage: StorageSettings) -> str:
    """The name of an executor that runs jobs."""
    return colony.executor(storage)


@pytest.fixture
def project(executor: str, tmp_path: Path) -> Project:
    """A project as `new` makes it, with its sample, in a directory of its own."""
    return Project.create(tmp_path / "project", executor)
