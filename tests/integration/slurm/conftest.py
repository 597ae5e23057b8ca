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


@pytest.fixture(scope="session")
def accounting_slurm():
    with running_slurm(accounting=True) as cluster:
        yield cluster


@pytest.fixture
def accounting(accounting_slurm):
    """A cluster that keeps accounts and forgets jobs soon, without jobs of other tests."""
    yield accounting_slurm
    accounting_slurm.clear()


@pytest.fixture
def accounting_nodes(accounting, tmp_path):
    nodes = Nodes(accounting, tmp_path)
    yield nodes
    nodes.close()
