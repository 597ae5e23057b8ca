"""Cells whose job has a tunnel: the link in the card, and the end of it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.notebook.kernels import NEWEST, VERSIONS, WAIT_S, WIDGET, loaded_kernel, put_in_front
from tests.served import page_server, read
from tests.ssh_server import USER, Home, free_port, is_listening, keygen, running_sshd, until

pytestmark = pytest.mark.notebook

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/")


@pytest.fixture
def home(tmp_path, monkeypatch):
    return Home.of_the_user(tmp_path / "home", monkeypatch)


@pytest.fixture
def login(home, tmp_path):
    with running_sshd(tmp_path / "sshd") as server:
        home.know(server.line)
        yield server


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def notebook(tmp_path, login, port):
    """A directory whose project has a tunnel to a port of its jobs."""
    directory = tmp_path / "notebook"
    directory.mkdir()

    def describe(**more: object):
        section = {"jumpHost": "127.0.0.1", "jumpHostPort": login.port, "remotePort": port, "host": "localhost", **more}
        lines = [f"  {key}: {value}" for key, value in section.items() if value is not None]
        (directory / "project.yaml").write_text(
            "projectname: tunnelled\nconditions:\n  executorNames: [local]\n  nodes: 1\n  processesPerNode: 1\n"
            "  cpu: 100m\n  mem: 100Mi\n  walltime: 600\nenvironment:\n  docker: none\n  cmd: python3\n"
            "  source: main.py\ntunnel:\n" + "\n".join(lines) + "\n"
        )
        return directory

    describe()
    yield describe
    (tmp_path / "go").touch()


@pytest.fixture
def cell(tmp_path, port):
    return "%%pollinate local --as job\n" + page_server(port, tmp_path / "go")


@pytest.fixture
def kernel(request, environment, notebook, home, monkeypatch, tmp_path):
    """A kernel in that directory, by default of the newest ipykernel, with the extension loaded."""
    put_in_front(monkeypatch, getattr(request, "param", NEWEST))
    with loaded_kernel(tmp_path / "notebook", go=tmp_path / "go") as front_end:
        yield front_end


@pytest.mark.parametrize("kernel", VERSIONS, indirect=True)
def test_the_card_has_the_link_as_long_as_it_leads_somewhere(kernel, cell, home, login, tmp_path):
    login.authorize(home.key())
    followed = kernel.begin(cell)
    kernel.until(lambda: LINK.search(followed.plain))
    link = LINK.search(followed.plain)[0]

    assert read(link) == b"from the job"
    anchor = f'tunnel: <a href="{link}" target="_blank" rel="noopener noreferrer" '
    assert anchor in followed.card["text/html"]
    kernel.until(lambda: any(anchor in str(state.get("value")) for state in kernel.widgets.values()))
    kernel.until(lambda: WIDGET in followed.card)
    (tmp_path / "go").touch()
    kernel.finish(followed)

    assert "ended" in followed.printed
    assert "success" in followed.plain
    assert not LINK.search(str(followed.card))
    assert not is_listening(int(link.split(":")[2].strip("/")))
    until(lambda: login.sessions() == [])


def test_an_interrupt_closes_it_and_the_card_has_no_link_any_more(kernel, cell, home, login):
    login.authorize(home.key())
    followed = kernel.begin(cell)
    kernel.until(lambda: LINK.search(followed.plain))

    kernel.interrupt()
    kernel.finish(followed)

    assert "goes on" in str(followed.reply)
    assert not LINK.search(followed.plain)
    until(lambda: login.sessions() == [])
    names = kernel.run("import threading; print([t.name for t in threading.enumerate() if 'tunnel' in t.name])")
    assert names.printed == "[]\n"
    kernel.run("job.cancel()")


def test_the_button_that_detaches_closes_it(kernel, cell, home, login):
    login.authorize(home.key())
    followed = kernel.begin(cell)
    kernel.until(lambda: LINK.search(followed.plain))

    kernel.until(lambda: "Detach" in kernel.buttons())
    kernel.click("Detach")
    kernel.finish(followed)

    assert not LINK.search(followed.plain)
    assert "%pollinator attach" in followed.plain
    until(lambda: login.sessions() == [])
    kernel.run("job.cancel()")


def test_a_tunnel_that_cannot_be_is_a_line_in_the_card_and_the_cell_goes_on(kernel, cell, home, login, tmp_path):
    home.key()  # which nobody has authorized
    followed = kernel.begin(cell)

    kernel.until(lambda: "There is no tunnel, and the job goes on." in followed.plain)
    assert f"does not let {USER} in. Tried: ~/.ssh/id_ed25519." in followed.plain
    (tmp_path / "go").touch()
    kernel.finish(followed)

    assert followed.reply["status"] == "ok"
    assert "ended" in followed.printed
    assert "Tried: ~/.ssh/id_ed25519." in followed.plain


def test_a_kernel_that_ends_takes_its_tunnel_along(kernel, cell, home, login):
    login.authorize(home.key())
    followed = kernel.begin(cell)
    kernel.until(lambda: LINK.search(followed.plain))

    assert kernel.shut_down() == 0

    until(lambda: login.sessions() == [])


def test_a_job_on_this_machine_is_linked_to_without_any_tunnel(kernel, cell, notebook, login, port, tmp_path):
    notebook(host=None)
    followed = kernel.begin(cell)

    kernel.until(lambda: f"tunnel: http://127.0.0.1:{port}/ is the job's own port" in followed.plain)
    assert read(f"http://127.0.0.1:{port}/") == b"from the job"
    (tmp_path / "go").touch()
    kernel.finish(followed)

    assert "Connection from" not in login.log.partition("Connection closed")[2]


def test_a_passphrase_is_asked_for_below_the_cell_and_is_in_none_of_its_outputs(
    kernel, cell, notebook, home, login, tmp_path
):
    key = keygen(home.ssh / "cluster", "-m", "PKCS8", kind="ecdsa", passphrase="open sesame")
    login.authorize(key)
    notebook(sshKey="~/.ssh/cluster")
    followed = kernel.begin(cell)
    asked = kernel._client.get_stdin_msg(timeout=WAIT_S)["content"]
    assert asked == {"prompt": "Passphrase of ~/.ssh/cluster, for the tunnel: ", "password": True}

    kernel._client.input("open sesame")
    kernel.until(lambda: LINK.search(followed.plain))
    assert read(LINK.search(followed.plain)[0]) == b"from the job"
    (tmp_path / "go").touch()
    kernel.finish(followed)

    assert "sesame" not in str(followed.outputs)


def test_where_nobody_can_be_asked_nothing_is_sent(kernel, cell, notebook, home, login):
    keygen(home.ssh / "cluster", "-m", "PKCS8", kind="ecdsa", passphrase="open sesame")
    notebook(sshKey="~/.ssh/cluster")

    failed = kernel.run(cell, allow_stdin=False)

    assert "nobody can be asked" in failed.reply["evalue"]
    assert "ssh-add ~/.ssh/cluster" in failed.reply["evalue"]
    assert kernel.run("job").reply["ename"] == "NameError"


def test_in_a_terminal_the_address_is_printed_by_the_cell(environment, notebook, cell, home, login, tmp_path):
    login.authorize(home.key())
    program = tmp_path / "program.ipy"
    magic = f"get_ipython().run_cell_magic('pollinate', 'local', {cell.partition(chr(10))[2]!r})\n"
    program.write_text(f"get_ipython().run_line_magic('load_ext', 'pollinator_magic')\n{magic}")
    command = [sys.executable, "-u", "-m", "IPython", "--no-banner", "--colors=NoColor", str(program)]
    with subprocess.Popen(command, cwd=tmp_path / "notebook", stdout=subprocess.PIPE, text=True) as running:
        said = ""
        while not LINK.search(said):
            line = running.stdout.readline()
            assert line, said
            said += line
        assert read(LINK.search(said)[0]) == b"from the job"
        (tmp_path / "go").touch()
        said += running.communicate(timeout=WAIT_S)[0]

    assert "ended" in said
    assert running.returncode == 0
    until(lambda: login.sessions() == [])
