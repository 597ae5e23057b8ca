from __future__ import annotations

import pytest
from container_host import Host

from tests.podman_host import running_podman


@pytest.fixture(scope="session")
def podman():
    with running_podman() as running:
        yield running


@pytest.fixture
def host(podman, tmp_path):
    host = Host(podman, tmp_path)
    yield host
    host.close()
    podman.clear()


@pytest.fixture
def engine(host):
    return host.engine()
