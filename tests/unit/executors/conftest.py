from __future__ import annotations

import pytest
from hosting import Host


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path / "fs")
    yield host
    host.engine.close()
