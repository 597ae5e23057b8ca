"""A real JupyterLab, started once for all browser tests, and a real Chromium for each file of them."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.browser import chromium
from tests.browser.jupyterlab import running_lab

if TYPE_CHECKING:
    from pathlib import Path

KERNEL_IS_IDLE = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab, that of this environment or, to try another version, of the Python in POLLINATOR_TEST_JUPYTER."""
    python = os.environ.get("POLLINATOR_TEST_JUPYTER", sys.executable)
    with running_lab(tmp_path_factory.mktemp("lab"), python=python) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    """Chromium, for the tests of one file: while Playwright is open, no other event loop can run in this thread."""
    with chromium.running() as started:
        yield started


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(lab, page):
    """Open a notebook that lies below the server's directory, in JupyterLab or Notebook 7, and wait for its kernel."""

    def visited(path: Path, *, notebook_7: bool = False):
        name = path.relative_to(lab.root).as_posix()
        page.goto(lab.address_in_notebook_7(name) if notebook_7 else lab.address(name))
        page.wait_for_function(KERNEL_IS_IDLE)
        return page

    return visited


@pytest.fixture
def open_notebook(lab, visit):
    """Copy a notebook into the server's directory and open it."""

    def opened(path: Path, *, notebook_7: bool = False):
        shutil.copy(path, lab.root / path.name)
        return visit(lab.root / path.name, notebook_7=notebook_7)

    return opened


@pytest.fixture
def new_notebook(lab, visit, tmp_path):
    """Open a notebook of these cells, in a directory that no other test uses."""

    def opened(*cells: str, notebook_7: bool = False):
        path = lab.root / tmp_path.name / "notebook.ipynb"
        path.parent.mkdir()
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
        nbformat.write(notebook, path)
        return visit(path, notebook_7=notebook_7)

    return opened


@pytest.fixture
def go(tmp_path):
    """The file that jobs of this test wait for."""
    file = tmp_path / "go"
    yield file
    file.touch()  # what still waits for it would keep later jobs from running
