"""Notebooks in real kernels: on an embedded colony of the tests' own, and on the place of tests/place.py."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.place import environment as variables
from tests.place import running_place

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"


@pytest.fixture(scope="session")
def local_home(tmp_path_factory):
    """Give the whole run one embedded colony, and stop it at the end; nothing of the user's is touched."""
    from pollinator_magic.local.colony import LocalColony

    home = tmp_path_factory.mktemp("colony")
    yield home
    LocalColony(home).stop()


@pytest.fixture
def environment(local_home, monkeypatch):
    """Point kernels at the tests' colony and at no other."""
    for name in [name for name in os.environ if name.startswith(("COLONIES_", "AWS_S3_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POLLINATOR_HOME", str(local_home))
    monkeypatch.setenv("IPYTHONDIR", str(local_home / "ipython"))


@pytest.fixture(scope="session")
def colony():
    """The colony in which executors of the tests run notebooks' jobs (tests/place.py)."""
    with running_place() as running:
        yield running


@pytest.fixture
def name_colony(environment, colony, monkeypatch):
    """Name that colony in the environment of kernels, and the executor of `%%pollinate` without one."""

    def name(executor, storage):
        for variable, value in variables(colony.connection(storage, colony.user_key)).items():
            if variable.startswith(("COLONIES_", "AWS_S3_", "POLLINATOR_OBJECTS_DIR")):
                monkeypatch.setenv(variable, value)
        monkeypatch.setenv("POLLINATOR_EXECUTOR", executor)

    return name


@pytest.fixture
def execute(environment, tmp_path):
    """Run cells, or an example, in a fresh kernel and directory; return the executed notebook."""

    def run(*cells: str, example: str | None = None, allow_errors: bool = False) -> nbformat.NotebookNode:
        if example is not None:
            notebook = nbformat.read(EXAMPLES / example, as_version=4)
        else:
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        NotebookClient(
            notebook,
            timeout=120,
            allow_errors=allow_errors,
            resources={"metadata": {"path": str(tmp_path)}},
            store_widget_state=False,
        ).execute()
        return notebook

    yield run
    shutil.rmtree(tmp_path, ignore_errors=True)


def printed(cell: nbformat.NotebookNode) -> str:
    """Return what a cell wrote to its standard output."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def shown(cell: nbformat.NotebookNode, kind: str = "text/plain") -> list[str]:
    """Return what a cell displayed, as one MIME type."""
    return [output.data[kind] for output in cell.outputs if "data" in output and kind in output.data]


def error_of(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the error that a cell ended with."""
    return next(output for output in cell.outputs if output.output_type == "error")
