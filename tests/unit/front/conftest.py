"""A colony in this process for what is shown of one, and one that accepts connections and never says a word."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from pollinator_magic.notebook.lookout import Lookout
from tests.colony_server import running_colony


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Configure no colony, and an embedded one that does not run."""
    for name in [name for name in os.environ if name.startswith(("COLONIES_", "AWS_S3_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POLLINATOR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def point_at(nowhere, monkeypatch):
    """Return a function that makes a colony the configured one."""

    def point(port: int, *, key: str = "ab" * 32, colony: str = "hpc") -> None:
        monkeypatch.setenv("COLONIES_SERVER_HOST", "127.0.0.1")
        monkeypatch.setenv("COLONIES_SERVER_PORT", str(port))
        monkeypatch.setenv("COLONIES_TLS", "false")
        monkeypatch.setenv("COLONIES_COLONY_NAME", colony)
        monkeypatch.setenv("COLONIES_PRVKEY", key)

    return point


@pytest.fixture
def colony(point_at):
    """Run a colony and make it the configured one."""
    with running_colony("hpc") as running:
        point_at(running.server.port, key=running.user_key.reveal())
        yield running


@pytest.fixture
def lookout():
    watching = Lookout()
    yield watching
    watching.close()


class Mute:
    """A server that takes connections and requests, and does not answer."""

    def __init__(self) -> None:
        self.connected = threading.Event()
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            self.connected.set()

    def close(self) -> None:
        if self._socket.fileno() < 0:
            return
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)
        for connection in self._open:
            connection.close()


@pytest.fixture
def mute():
    server = Mute()
    yield server
    server.close()
