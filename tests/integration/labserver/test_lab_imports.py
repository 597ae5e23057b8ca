"""A Jupyter server whose pages never ask for us pays for nothing but the routes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, sys, threading
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient

app = ServerApp()
app.initialize(argv=[
    "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--IdentityProvider.token=t",
    "--ServerApp.jpserver_extensions={'pollinator_magic': True, 'jupyterlab': False, 'notebook': False}",
])

async def probe():
    address = f"http://127.0.0.1:{app.port}"
    status = await AsyncHTTPClient().fetch(f"{address}/api/status?token=t")
    stranger = await AsyncHTTPClient().fetch(f"{address}/pollinator-magic/connection", raise_error=False)
    print(json.dumps({
        "status": status.code,
        "stranger": stranger.code,
        "modules": sorted(sys.modules),
        "threads": [thread.name for thread in threading.enumerate()],
    }))
    app.stop()

app.io_loop.add_callback(probe)
app.start()
"""
LIGHT = {"pollinator_magic", "pollinator_magic.labserver", "pollinator_magic.errors"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What is in a server process that has served others, and refused a stranger."""
    base: Path = tmp_path_factory.mktemp("imports")
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(base), "JUPYTER_RUNTIME_DIR": str(base)}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=base,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["status"] == 200
    assert found["stranger"] == 403  # so our routes are there
    return found


def test_nothing_of_the_library_is_imported(server):
    ours = {name for name in server["modules"] if name.startswith("pollinator_magic")}

    assert "pollinator_magic.labserver.routes" in ours
    assert {name for name in ours if not name.startswith("pollinator_magic.labserver")} <= LIGHT


def test_nothing_heavy_is_imported(server):
    heavy = {"boto3", "botocore", "coincurve", "filelock", "ipywidgets", "msgspec", "numpy", "pandas", "tqdm"}

    assert not heavy & set(server["modules"])


def test_no_thread_of_ours_runs(server):
    assert not [name for name in server["threads"] if name.startswith("pollinator")]
