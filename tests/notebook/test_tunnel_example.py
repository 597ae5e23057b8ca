"""The example with a tunnel: JupyterLab as a job, and its page here."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import nbformat
import pytest

from tests.notebook.kernels import WAIT_S, FrontEnd
from tests.ssh_server import Home, free_port, running_sshd, until

pytestmark = pytest.mark.notebook

EXAMPLE = Path(__file__).parents[2] / "example_notebooks" / "06-tunnel.ipynb"


@pytest.fixture
def login(tmp_path, monkeypatch):
    """An sshd that lets the user in, and is named to the example as the jump host."""
    home = Home(tmp_path / "home")
    home.path.mkdir()
    with running_sshd(tmp_path / "sshd") as server:
        server.authorize(home.key("id_cluster"))
        home.know(server.line)
        variables = {
            "HOME": str(home.path),
            "TUNNEL_JUMP_HOST": "127.0.0.1",
            "TUNNEL_JUMP_PORT": str(server.port),
            "TUNNEL_KEY": "~/.ssh/id_cluster",
            "TUNNEL_PORT": str(free_port()),
            "TUNNEL_HOST": "localhost",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        yield server


@pytest.fixture
def kernel(environment, request, tmp_path):
    (tmp_path / "notebook").mkdir()
    front_end = FrontEnd(tmp_path / "notebook")
    yield front_end
    front_end.close()


def begin(kernel):
    """Run the example, and return its last cell, which goes on."""
    *before, last = [cell.source for cell in nbformat.read(EXAMPLE, 4).cells if cell.cell_type == "code"]
    for source in before:
        assert kernel.run(source).reply["status"] == "ok"
    return kernel.begin(last)


def ask(link: str, token: str, path: str, data: bytes | None = None) -> bytes:
    request = urllib.request.Request(f"{link}{path}", data=data, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
        return reply.read()


def use(kernel, cell, link: str) -> None:
    """Use the page as its user does, until it is shut down there."""
    kernel.until(lambda: re.search(r"\?token=(\w+)", cell.printed))
    token = re.search(r"\?token=(\w+)", cell.printed)[1]
    assert "kernels" in json.loads(ask(link, token, "api/status"))
    ask(link, token, "api/shutdown", b"")
    kernel.finish(cell)
    assert cell.reply["status"] == "ok", cell.reply


def test_jupyter_on_a_compute_node_is_used_through_the_tunnel(login, kernel):
    cell = begin(kernel)
    kernel.until(lambda: "(port " in cell.plain)  # here, the node is this machine, and has the port already

    use(kernel, cell, re.search(r"tunnel: (http://127\.0\.0\.1:\d+/) leads", cell.plain)[1])

    assert "success" in cell.plain
    until(lambda: login.sessions() == [])


def test_on_this_machine_the_link_is_that_of_the_program(login, kernel, monkeypatch):
    kernel.run("import os; del os.environ['TUNNEL_HOST']")
    cell = begin(kernel)
    kernel.until(lambda: "is the job's own port" in cell.plain)

    use(kernel, cell, re.search(r"tunnel: (http://127\.0\.0\.1:\d+/) is", cell.plain)[1])

    assert "Accepted" not in login.log
