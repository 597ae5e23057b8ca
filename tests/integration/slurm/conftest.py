from __future__ import annotations

import pytest
from cluster_jobs import Nodes

from tests.slurm_cluster import running_slurm


@pytest.fixture(scope="session")
def slurm():
    with running_slurm() as cluster:
        yield cluster


@pytest.fixture
def cluster(slurm):
    """The cluster, without jobs of other tests."""
    yield slurm
    slurm.clear()


@pytest.fixture
def nodes(cluster, tmp_path):
    nodes = Nodes(cluster, tmp_path)
    yield nodes
    nodes.close()
