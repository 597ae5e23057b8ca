"""The example notebooks on an executor that runs jobs in containers."""

from __future__ import annotations

import re

import nbformat
import pytest

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.executors.container.engine import ContainerEngine
from pollinator_magic.executors.worker import Worker
from tests.containers import IMAGE
from tests.notebook.conftest import EXAMPLES, printed, shown
from tests.podman_host import running_podman

pytestmark = pytest.mark.notebook
OF_PROJECTS = "docker.io/library/python:3.12-rc-bookworm"
"""The image that projects ask for if they do not say otherwise."""


@pytest.fixture(scope="module")
def executor(colony, tmp_path_factory):
    """The name of an executor that runs containers with the Python of these tests."""
    with running_podman() as podman:
        podman.run("tag", IMAGE, OF_PROJECTS)
        files, name = tmp_path_factory.mktemp("files"), colony.free_name("containers")
        engine = ContainerEngine(podman.settings(volumes=podman.python, cpu="16"), files)
        connection = colony.connection(colony.any_storage, PrivateKey.generate())
        worker = Worker(connection, colony.owner_key, engine, name=name, fs_dir=files, poll_s=1)
        worker.start()
        yield name
        worker.stop()


@pytest.fixture
def configured(colony, executor, name_colony):
    name_colony(executor, colony.any_storage)
    return executor


def test_the_quickstart_runs_in_a_container(execute, configured):
    cells = nbformat.read(EXAMPLES / "01-quickstart.ipynb", as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]

    notebook = execute(*(source.replace("%%pollinate local", f"%%pollinate {configured}") for source in sources))

    job_cell = next(cell for cell in notebook.cells if cell.source.startswith("%%pollinate"))
    assert "333 penguins of 3 species" in printed(job_cell)
    assert "heaviest on average: Gentoo" in printed(job_cell)
    assert shown(job_cell, "image/png")
    assert any(f"{configured} · success after" in text for text in shown(job_cell))
    assert "Gentoo" in printed(notebook.cells[-1])


def test_the_lumi_example_runs_in_four_containers_with_names_of_their_own(execute, configured):
    notebook = execute(example="03-lumi.ipynb")

    job_cell = next(cell for cell in notebook.cells if cell.source.startswith("%%pollinate"))
    ranks = re.findall(r"^rank (\d) of 4 on host (node\d)-", printed(job_cell), re.MULTILINE)
    assert sorted(ranks) == [(str(rank), f"node{rank}") for rank in range(4)]
    assert shown(notebook.cells[-2]) == ["['rank-0.txt', 'rank-1.txt', 'rank-2.txt', 'rank-3.txt']"]
