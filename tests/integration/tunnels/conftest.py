"""An sshd, somebody's home directory, a port that answers, and the tunnel that leads there."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager

import pytest

from pollinator_magic.colonies.models import Attribute, Process, ProcessState
from pollinator_magic.project import Project
from pollinator_magic.tunnels.tunnel import Tunnel
from pollinator_magic.tunnels.way import find_way
from tests.ssh_server import Home, Sshd, until


class Service(socketserver.ThreadingTCPServer):
    """Answers what it has been sent, whole, once there is no more, with a greeting before it."""

    allow_reuse_address = True
    daemon_threads = True

    class handler(socketserver.BaseRequestHandler):  # noqa: N801  as socketserver calls it
        def handle(self):
            received = b""
            while data := self.request.recv(1 << 16):
                received += data
            self.request.sendall(b"hello " + received)

    def __init__(self, port: int = 0):
        super().__init__(("127.0.0.1", port), self.handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def service():
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's home directory, with nothing in it, and no agent."""
    return Home.of_the_user(tmp_path / "home", monkeypatch)


@pytest.fixture
def servers(tmp_path):
    """Start sshds, which are stopped at the end."""
    started = []

    def start(name: str = "login", **options: object) -> Sshd:
        started.append(Sshd(tmp_path / name, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def login(home, servers):
    """An sshd that the user knows, and that knows the user's key."""
    server = servers()
    server.authorize(home.key())
    home.know(server.line)
    return server


@pytest.fixture
def project(tmp_path):
    """Make a project with a section `tunnel`."""

    def with_tunnel(**section: object) -> Project:
        directory = tmp_path / "project"
        directory.mkdir(exist_ok=True)
        lines = [f"  {key}: {value}" for key, value in section.items()]
        (directory / "project.yaml").write_text("\n".join(["projectname: tunnelled", "tunnel:", *lines]) + "\n")
        return Project.open(directory)

    return with_tunnel


class Held:
    """A tunnel and what it has told."""

    def __init__(self, way, look):
        self.all = []
        self._tunnel = Tunnel(way, look, self.all.append)
        self._tunnel.start()

    def runs(self, nodes: str = "", *, retries: int = 0) -> None:
        """Its job runs, on these nodes."""
        self._tunnel.process_is(process(nodes, retries=retries))

    def ends(self) -> None:
        """Its job has ended."""
        self._tunnel.process_is(Process(state=ProcessState.SUCCESS))

    def until(self, condition) -> None:
        until(lambda: condition(self), lambda: self.all)

    @property
    def now(self):
        return self.all[-1] if self.all else None

    @property
    def link(self) -> str:
        return self.now.link if self.now else ""

    @property
    def told(self) -> str:
        """All of it as text."""
        return "\n".join(news.line for news in self.all)

    @property
    def port(self) -> int:
        """The local port, once it leads somewhere."""
        self.until(lambda held: held.link or (held.now and held.now.given_up))
        assert self.link, self.all
        return int(self.link.rstrip("/").rpartition(":")[2])

    @property
    def refusal(self) -> str:
        """Why there is no tunnel, once it is given up."""
        self.until(lambda held: held.now and held.now.given_up)
        return self.now.text

    @property
    def lives(self) -> bool:
        return self._tunnel._thread.is_alive()

    def close(self) -> None:
        self._tunnel.close()


def process(nodes: str = "", *, retries: int = 0) -> Process:
    attributes = [Attribute(key="NODES", value=nodes)] if nodes else []
    return Process(state=ProcessState.RUNNING, retries=retries, attributes=attributes)


@pytest.fixture
def hold():
    """Hold the tunnel that a project wants, for a job that runs on these nodes."""
    held = []

    def begin(project, nodes: str = "127.0.0.1", *, ask=lambda _: None, look=process, runs=True) -> Held:
        held.append(Held(find_way(project, ask), look))
        if runs:
            held[-1].runs(nodes)
        return held[-1]

    yield begin
    for tunnel in held:
        tunnel.close()
        assert not tunnel.lives


@contextmanager
def asking(*answers: str):
    """Answer questions; yields what was asked."""
    asked, left = [], list(answers)

    def ask(prompt: str) -> str | None:
        asked.append(prompt)
        return left.pop(0) if left else None

    ask.asked = asked
    yield ask
