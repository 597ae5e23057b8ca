"""A real Jupyter server in a process of its own, and how a page and a stranger ask it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
import websocket

from tests.browser.jupyterlab import free_port, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.colony_server import RunningColony

WAIT_S = 60


@dataclass(frozen=True)
class Jupyter:
    """A running Jupyter server; `root` is the directory that it shows, `home` that of its embedded colony."""

    port: int
    token: str
    root: Path
    home: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def address(self, path: str) -> str:
        """Return the address of a route of ours."""
        return f"{self.url}/pollinator-magic/{path}"

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, **query: object) -> requests.Response:
        """Ask as a page does."""
        return requests.get(self.address(path), params=query, headers={**self.sign, **(headers or {})}, timeout=WAIT_S)

    def post(self, path: str, content: object = None) -> requests.Response:
        return requests.post(self.address(path), data=json.dumps(content or {}), headers=self.sign, timeout=WAIT_S)

    def told(self, path: str, **query: object) -> Any:
        """Return what a page is told, which must not be a refusal."""
        reply = self.get(path, **query)
        assert reply.ok, (reply.status_code, reply.text)
        return reply.json()

    @property
    def sign(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    @contextmanager
    def page(self) -> Iterator[Page]:
        """Listen to the messages, as a page does."""
        address = self.address("events").replace("http://", "ws://")
        socket = websocket.create_connection(address, header=self.sign, timeout=WAIT_S)
        with closing(socket):
            yield Page(socket)


class Page:
    """What an open page hears."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []

    def next(self, timeout_s: float = WAIT_S) -> dict[str, Any] | None:
        """Return the next message, or None if there is none within the time."""
        self.socket.settimeout(timeout_s)
        try:
            message: dict[str, Any] = json.loads(self.socket.recv())
        except websocket.WebSocketTimeoutException:
            return None
        self.heard.append(message)
        return message

    def until(self, wanted: Callable[[dict[str, Any]], object], timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Return the next message that is wanted."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            message = self.next(max(deadline - time.monotonic(), 0.01))
            if message is not None and wanted(message):
                return message
        raise AssertionError(self.heard)

    def until_kind(self, kind: str) -> dict[str, Any]:
        return self.until(lambda message: message["kind"] == kind)

    def until_job(self, process_id: str, *states: str) -> dict[str, Any]:
        """Return the job as it is told when it is in one of these states."""

        def found(message: dict[str, Any]) -> list[dict[str, Any]]:
            jobs = message.get("jobs", [])
            return [job for job in jobs if job["id"] == process_id and (not states or job["state"] in states)]

        return found(self.until(found))[0]

    def during(self, seconds: float) -> list[dict[str, Any]]:
        """Return all that is heard in this time."""
        deadline, begun = time.monotonic() + seconds, len(self.heard)
        while (left := deadline - time.monotonic()) > 0:
            self.next(left)
        return self.heard[begun:]


def variables_of(colony: RunningColony, *, port: int | None = None) -> dict[str, str]:
    """Return the environment that names a colony, by its own port or that of a proxy."""
    return {
        "COLONIES_SERVER_HOST": colony.server.host,
        "COLONIES_SERVER_PORT": str(port or colony.server.port),
        "COLONIES_TLS": "false",
        "COLONIES_COLONY_NAME": colony.colony,
        "COLONIES_PRVKEY": colony.user_key.reveal(),
    }


@contextmanager
def running_jupyter(base: Path, *options: str, **variables: str) -> Iterator[Jupyter]:
    """Run a Jupyter server with our server half and nothing else until the block ends."""
    root, home, log = base / "root", base / "home", base / "jupyter.log"
    root.mkdir(parents=True)
    token, port = secrets.token_hex(16), free_port()
    own = ("COLONIES_", "AWS_", "POLLINATOR_", "COLONYOS_", "JUPYTER", "JPY_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    environment |= {"POLLINATOR_HOME": str(home), "IPYTHONDIR": str(base / "ipython")}
    environment |= {"XDG_CACHE_HOME": str(base / "cache"), **variables}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        environment[name] = str(base / name.lower())
    extensions = '{"pollinator_magic": True, "jupyterlab": False, "notebook": False}'
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.jpserver_extensions={extensions}", f"--ServerApp.port={port}"]
    command += [
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={root}",
        *options,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=root)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/api/status?token={token}", process, log)
        yield Jupyter(port, token, root, home, log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
