"""A colony, and one of its users."""

from __future__ import annotations

import pytest

from pollinator_magic.colonies.client import Colonies
from tests.colony_server import running_colony


@pytest.fixture(scope="module")
def colony():
    with running_colony() as running:
        yield running


@pytest.fixture
def client(colony):
    with Colonies(colony.server, colony.colony, colony.user_key) as user:
        yield user
