"""Everything of the integration suite, but through a server that misbehaves as a test says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hostile_server import HostileServer

from pollinator_magic.settings import DirectorySettings
from tests.colony_server import running_colony
from tests.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.settings import StorageSettings


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileServer]:
    """The misbehaving server; behind it is a colony of its own, wherever the suite runs."""
    with running_colony() as own:
        server = HostileServer(own)
        yield server
        server.stop()


@pytest.fixture(scope="module")
def colony(hostile: HostileServer) -> Iterator[Place]:
    directory = Path(tempfile.mkdtemp(prefix="hostile-"))
    place = Place(hostile.server, hostile.colony.colony, hostile.colony.owner_key, directory)
    place.storages["directory"] = DirectorySettings(directory / "objects")
    yield place
    hostile.relent()
    place.close()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def storage(colony: Place) -> StorageSettings:
    return colony.any_storage


@pytest.fixture(autouse=True)
def relents(hostile: HostileServer) -> Iterator[None]:
    yield
    hostile.relent()
