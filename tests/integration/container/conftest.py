from __future__ import annotations

import pytest
from container_host import Host

from tests.docker_host import running_docker
from tests.podman_host import running_podman


@pytest.fixture(scope="session")
def podman():
    with running_podman() as running:
        yield running


@pytest.fixture(scope="session")
def docker():
    with running_docker() as running:
        yield running


@pytest.fixture(scope="session", params=["podman", "docker"])
def runtime(request):
    """Each of them."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def host(runtime, tmp_path):
    host = Host(runtime, tmp_path)
    yield host
    host.close()
    runtime.clear()


@pytest.fixture
def engine(host):
    return host.engine()
