"""A real JupyterLab and a real Chromium, each started once for all browser tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nbformat
import pytest
import requests

from tests.browser import chromium

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
TOKEN = "for-these-tests-only"
KERNEL_IS_IDLE = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab; `root` is the directory that it shows."""

    url: str
    root: Path

    def address(self, notebook: str) -> str:
        return f"{self.url}/lab/tree/{notebook}?token={TOKEN}&reset"

    def address_in_notebook_7(self, notebook: str) -> str:
        """The same server and files, in Notebook 7."""
        return f"{self.url}/notebooks/{notebook}?token={TOKEN}"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Start JupyterLab with configuration, settings and an embedded colony of its own."""
    base = tmp_path_factory.mktemp("lab")
    root = base / "notebooks"
    root.mkdir()
    settings = base / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(NO_NEWS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COLONIES_", "AWS_S3_"))}
    environment |= {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTERLAB_SETTINGS_DIR": str(base / "settings"),
        "POLLINATOR_HOME": str(base / "colony"),
    }
    for name in (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
        "JUPYTERLAB_WORKSPACES_DIR",
    ):
        environment[name] = str(base / name.lower())
    port = free_port()
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}"]
    command += ["--JupyterNotebookApp.expose_app_in_browser=True"]
    with (base / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=root)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/api/status?token={TOKEN}", server, base / "lab.log")
        yield Lab(f"http://127.0.0.1:{port}", root)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        from pollinator_magic.local.colony import LocalColony

        LocalColony(base / "colony").stop()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    path = chromium.find()
    assert path, "the browser tests need Chromium: tests/browser/chromium.py installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield started
        started.close()


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(url: str, server: subprocess.Popen, log: Path, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())
