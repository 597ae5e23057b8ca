"""A running JupyterLab that shares nothing with the one of whoever runs the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "for-these-tests-only"
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'
DIRECTORIES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
DIRECTORIES += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab; `root` is the directory that it shows, `home` that of its embedded colony."""

    url: str
    root: Path
    home: Path

    def address(self, notebook: str) -> str:
        return f"{self.url}/lab/tree/{notebook}?token={TOKEN}&reset"

    def address_in_notebook_7(self, notebook: str) -> str:
        """The same server and files, in Notebook 7."""
        return f"{self.url}/notebooks/{notebook}?token={TOKEN}"

    def get(self, path: str) -> requests.Response:
        """Ask the server, as a page would."""
        return requests.get(f"{self.url}/{path}", headers={"Authorization": f"token {TOKEN}"}, timeout=30)


def environment(base: Path) -> dict[str, str]:
    """Return variables that place the configuration, the settings and the embedded colony below `base`."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("COLONIES_", "AWS_S3_"))}
    variables |= {name: str(base / name.lower()) for name in DIRECTORIES}
    return variables | {"JUPYTER_PREFER_ENV_PATH": "1", "POLLINATOR_HOME": str(base / "colony")}


@contextmanager
def running_lab(
    base: Path, *options: str, python: str | Path = sys.executable, path: str | None = None
) -> Iterator[Lab]:
    """Run the JupyterLab of a Python, with programs found in `path`."""
    variables = environment(base)
    if path is not None:
        variables["PATH"] = path
    root = base / "notebooks"
    root.mkdir()
    settings = base / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(NO_NEWS)
    port = free_port()
    command = [str(python), "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}"]
    command += ["--JupyterNotebookApp.expose_app_in_browser=True", *options]
    with (base / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=root)
    lab = Lab(f"http://127.0.0.1:{port}", root, base / "colony")
    try:
        wait_until_ready(f"{lab.url}/api/status?token={TOKEN}", server, base / "lab.log")
        yield lab
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        from pollinator_magic.local.colony import LocalColony

        LocalColony(lab.home).stop()


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
