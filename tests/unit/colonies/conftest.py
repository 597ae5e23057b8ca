"""Scripted servers, clients of them, and a certificate that nobody trusts."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from scripted_server import ScriptedServer

from pollinator_magic.colonies import rpc as rpc_module
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.settings import Server
from tests import tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def key() -> PrivateKey:
    return PrivateKey.from_hex("3834475e0a6b08594ad3476c641f31920bcef2536f4676baab63cee36b6f2faa")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.stop()


@pytest.fixture
def client(server: ScriptedServer, key: PrivateKey) -> Iterator[Colonies]:
    with Colonies(server.address, "hpc", key, read_timeout_s=10) as colonies:
        yield colonies


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry as often as always, only sooner."""
    monkeypatch.setattr(rpc_module, "_FIRST_DELAY_S", 0.001)


@pytest.fixture
def nobody() -> Server:
    """An address where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return Server("127.0.0.1", sock.getsockname()[1], tls=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a self-signed certificate for 127.0.0.1 and its key."""
    return tls.write_certificate(tmp_path_factory.mktemp("tls") / "certificate.pem")


@pytest.fixture
def server_context(certificate: Path) -> ssl.SSLContext:
    return tls.server_context(certificate)


@pytest.fixture
def tls_server(server_context: ssl.SSLContext) -> Iterator[ScriptedServer]:
    scripted = ScriptedServer(server_context)
    yield scripted
    scripted.stop()
