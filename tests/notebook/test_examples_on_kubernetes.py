"""The example notebooks through the Kubernetes engine.

The cluster is a replay of what was recorded from Kubernetes 1.36.2; its pods are processes of this host.
"""

from __future__ import annotations

import nbformat
import pytest

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.executors.kubernetes.engine import KubernetesEngine
from pollinator_magic.executors.kubernetes.settings import KubernetesSettings
from pollinator_magic.executors.worker import Worker
from tests.kubernetes_replay import ReplayedCluster
from tests.notebook.conftest import EXAMPLES, printed, shown

pytestmark = pytest.mark.notebook


@pytest.fixture
def cluster(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cluster")
    cluster = ReplayedCluster(directory, claims={"files": directory / "files"})
    yield cluster
    cluster.close()


@pytest.fixture
def executor(cluster, colony, name_colony):
    """The name of an executor of the colony that the environment of kernels names: its jobs are Jobs of the cluster."""
    fs_dir, storage, name = cluster.claims["files"], colony.any_storage, colony.free_name("kubernetes")
    settings = KubernetesSettings(kubeconfig=str(cluster.kubeconfig), claim="files", image="python:3.12-slim")
    connection = colony.connection(storage, PrivateKey.generate())
    engine = KubernetesEngine(settings, fs_dir)
    worker = Worker(connection, colony.owner_key, engine, name=name, fs_dir=fs_dir, poll_s=1)
    worker.start()
    name_colony(name, storage)
    yield name
    worker.stop()


def job_cell(notebook):
    return next(cell for cell in notebook.cells if cell.source.startswith("%%pollinate"))


def test_the_quickstart_is_a_job_of_the_cluster(execute, executor, cluster, tmp_path):
    notebook = nbformat.read(EXAMPLES / "01-quickstart.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("%%pollinate local", f"%%pollinate {executor} --cpu 500m")
    copy = tmp_path.parent / "quickstart.ipynb"
    nbformat.write(notebook, copy)

    done = execute(example=copy)

    assert "333 penguins of 3 species" in printed(job_cell(done))
    assert shown(job_cell(done), "image/png")
    assert any(f"{executor} · success after" in text for text in shown(job_cell(done)))
    assert sorted(path.name for path in (tmp_path / "cfs" / "result").iterdir()) == ["means.csv", "summary.txt"]
    assert "Gentoo" in printed(done.cells[-2])
    assert len(cluster.created) == 1


def test_the_lumi_example_prints_the_names_of_four_pods(execute, executor, cluster):
    done = execute(example="03-lumi.ipynb")

    (manifest,) = cluster.created
    name = manifest["metadata"]["name"]
    assert sorted(line for line in printed(job_cell(done)).splitlines() if line.startswith("rank ")) == [
        f"rank {rank} of 4 on host {name}-{rank}" for rank in range(4)
    ]
    assert any(text.startswith(f"{executor} · success after") for text in shown(job_cell(done)))
    assert manifest["spec"]["completions"] == 4
