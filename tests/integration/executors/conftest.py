from __future__ import annotations

import pytest
from worksite import Site

from tests.colony_server import running_colony


@pytest.fixture
def colony():
    with running_colony() as running:
        yield running


@pytest.fixture
def site(colony, tmp_path):
    site = Site(colony, tmp_path)
    yield site
    site.close()
