"""The examples through an executor of a real Slurm: the notebooks are the same, only the executor differs."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.executors.slurm.engine import SlurmEngine
from pollinator_magic.executors.worker import Worker
from tests.notebook.conftest import EXAMPLES, printed, shown
from tests.slurm_cluster import running_slurm

pytestmark = pytest.mark.notebook


@pytest.fixture(scope="module")
def cluster():
    with running_slurm() as cluster:
        yield cluster


@pytest.fixture
def executor(colony, name_colony, cluster):
    """The name of an executor of the colony that the environment of kernels names: it runs jobs through Slurm."""
    storage, name = colony.storages.get("s3", colony.any_storage), colony.free_name("cluster")
    settings = cluster.settings(prolog=[f"export PATH={Path(sys.executable).parent}:$PATH"])
    files = colony.directory / name
    connection = colony.connection(storage, PrivateKey.generate())
    worker = Worker(connection, colony.owner_key, SlurmEngine(settings, files), name=name, fs_dir=files, poll_s=1)
    worker.start()
    name_colony(name, storage)
    yield name
    worker.stop()


def test_the_lumi_example_prints_the_names_of_four_nodes(execute, executor):
    notebook = execute(example="03-lumi.ipynb")

    job_cell = next(cell for cell in notebook.cells if cell.source.startswith("%%pollinate"))
    lines = [line for line in printed(job_cell).splitlines() if line.startswith("rank ")]
    assert sorted(lines) == [f"rank {rank} of 4 on host n{rank + 1}" for rank in range(4)]
    assert any(text.startswith(f"{executor} · success after") for text in shown(job_cell))
    for rank in range(4):
        assert f"'rank-{rank}.txt': 'n{rank + 1}'" in shown(notebook.cells[-1])[0]


def test_the_quickstart_runs_on_slurm(execute, executor):
    example = nbformat.read(EXAMPLES / "01-quickstart.ipynb", as_version=4)
    sources = [cell.source for cell in example.cells if cell.cell_type == "code"]

    notebook = execute(*(source.replace("%%pollinate local", f"%%pollinate {executor}") for source in sources))

    job_cell = next(cell for cell in notebook.cells if cell.source.startswith("%%pollinate"))
    assert "333 penguins of 3 species" in printed(job_cell)
    assert shown(job_cell, "image/png")
    assert any(f"{executor} · success after" in text for text in shown(job_cell))
