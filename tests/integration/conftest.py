"""The place where the suite runs (see tests/place.py), and what a job needs there."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.project import Project
from tests.commandline import CommandLine
from tests.faults.colony_faults import kind_of_rpc
from tests.faults.proxy import Proxy
from tests.integration.executors.worksite import Site
from tests.place import STORAGES, Place, embedded_place, environment, running_place

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


@pytest.fixture
def pollinate(session: Session, project: Project) -> CommandLine:
    """A terminal in the project."""
    return CommandLine(project.root, environment(session.connection))


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A place for an executor of the test's own; with the mark `embedded_colony` its server can be stopped."""
    with ExitStack() as stack:
        own = request.node.get_closest_marker("embedded_colony")
        place = stack.enter_context(embedded_place()) if own else request.getfixturevalue("colony")
        yield stack.enter_context(closing(Site(place, tmp_path)))


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    """A proxy before the server of the site, which tells its requests apart."""
    server = site.colony.server
    if server.tls:
        pytest.skip("nobody can tell requests apart that are encrypted")
    with closing(Proxy((server.host, server.port), kind_of_rpc)) as proxy:
        yield proxy
