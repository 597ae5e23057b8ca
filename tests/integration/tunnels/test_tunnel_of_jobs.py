"""Jobs of a colony that have a tunnel: on the command line, from the start of the job to its end."""

from __future__ import annotations

import os
import pty
import re
import signal
import sys
import threading

import psutil
import pytest
import yaml

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import AttributeType, ProcessState
from pollinator_magic.jobs import Job
from pollinator_magic.project import Project
from tests.commandline import PROGRAM, CommandLine
from tests.place import environment
from tests.served import page_server, read
from tests.ssh_server import WAIT_S, free_port, is_listening, keygen, until


@pytest.fixture(scope="session")
def storage(colony):
    return colony.any_storage


def heed_interrupts() -> None:
    """A test runner in the background may have had SIGINT ignored, which new processes inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A command that runs, and what it has written so far."""

    def __init__(self, process):
        self.process = process
        self.out, self.err = [], []
        for stream, lines in ((process.stdout, self.out), (process.stderr, self.err)):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _read(stream, lines):
        lines.extend(iter(stream.readline, ""))

    def said(self, text: str) -> re.Match:
        """Wait for a line on standard error; return what was found in it."""
        until(lambda: re.search(text, "".join(self.err)), lambda: [self.out, self.err])
        return re.search(text, "".join(self.err))

    @property
    def link(self) -> str:
        return self.said(r"tunnel: (http://127\.0\.0\.1:\d+/) leads")[1]

    def job(self, session) -> Job:
        return Job.attach(session, self.said(r"process (\w+) submitted")[1])

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        return self.process.wait(WAIT_S)


@pytest.fixture
def start(session):
    """Start a command in a project; it is killed if it still runs at the end."""
    started = []

    def run(project, *words, **options):
        line = CommandLine(project.root, environment(session.connection))
        started.append(Terminal(line.start(*words, preexec_fn=heed_interrupts, **options)))
        return started[-1]

    yield run
    for terminal in started:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait(WAIT_S)


@pytest.fixture
def tunnelled(tmp_path, login):
    """Make a project for an executor, with a tunnel over the jump host."""

    def make(executor: str, **section) -> Project:
        project = Project.create(tmp_path / "project", executor)
        content = yaml.safe_load(project.file.read_text())
        content["tunnel"] = {"jumpHost": "127.0.0.1", "jumpHostPort": login.port, **section}
        project.file.write_text(yaml.safe_dump(content))
        return Project.open(project.root)

    return make


@pytest.fixture
def serving(executor, tunnelled, tmp_path):
    """A project whose program serves a page until the test has ended."""
    port, go = free_port(), tmp_path / "go"
    project = tunnelled(executor, remotePort=port, host="localhost")
    (project.src / "main.py").write_text(page_server(port, go))
    yield project
    go.touch()


def test_the_link_leads_to_the_job_as_long_as_it_is_followed(start, serving, tmp_path, login):
    terminal = start(serving, "run", "--follow")

    link = terminal.link
    assert read(link) == b"from the job"
    (tmp_path / "go").touch()

    assert terminal.end() == 0
    until(lambda: "ended\n" in terminal.out)
    assert not is_listening(int(link.split(":")[2].strip("/")))
    until(lambda: login.sessions() == [])
    assert "Traceback" not in "".join(terminal.err)


def test_an_interrupt_closes_it_and_attach_opens_it_again(start, serving, session, login):
    terminal = start(serving, "run", "--follow")
    link = terminal.link

    terminal.interrupt()

    assert terminal.end() == 130
    assert not is_listening(int(link.split(":")[2].strip("/")))
    until(lambda: login.sessions() == [])
    job = terminal.job(session)
    assert job.state is ProcessState.RUNNING

    again = start(serving, "attach", job.short_id)
    assert read(again.link) == b"from the job"
    job.cancel()
    assert again.end() == 1


def test_a_command_that_is_killed_leaves_no_connection(start, serving, login):
    terminal = start(serving, "run", "--follow")
    assert read(terminal.link) == b"from the job"

    terminal.process.kill()

    until(lambda: login.sessions() == [])
    assert terminal.end() == -signal.SIGKILL


def test_without_following_there_is_no_tunnel(start, serving, login):
    terminal = start(serving, "run")

    assert terminal.end() == 0
    assert "Accepted" not in login.log


def test_a_tunnel_that_cannot_be_is_a_warning_and_the_job_goes_on(start, serving, home, tmp_path):
    home.know()
    terminal = start(serving, "run", "--follow")

    terminal.said(r"There is no tunnel, and the job goes on\. The SSH server 127\.0\.0\.1 port \d+ is not known")
    assert terminal.process.poll() is None
    (tmp_path / "go").touch()

    assert terminal.end() == 0
    until(lambda: "ended\n" in terminal.out)


def test_what_is_wrong_with_the_section_or_the_key_is_found_before_anything_is_sent(start, serving, session):
    content = yaml.safe_load(serving.file.read_text())
    content["tunnel"]["sshKey"] = "none"
    serving.file.write_text(yaml.safe_dump(content))

    terminal = start(serving, "run", "--follow")

    assert terminal.end() == 2
    terminal.said("The key .*none of the tunnel cannot be used: there is no such file")
    mark = f"/pollinator/{serving.name}/"
    assert not [p for p in session.recent_processes() if any(mark in m.label for m in p.spec.fs.dirs)]


def test_attach_follows_a_job_although_its_tunnel_cannot_be_begun(start, serving, session, tmp_path):
    submitted = start(serving, "run")
    assert submitted.end() == 0
    content = yaml.safe_load(serving.file.read_text())
    content["tunnel"]["sshKey"] = "none"
    serving.file.write_text(yaml.safe_dump(content))

    terminal = start(serving, "attach", submitted.job(session).short_id)
    terminal.said("There is no tunnel, and the job goes on. The key .*none of the tunnel cannot be used")
    (tmp_path / "go").touch()

    assert terminal.end() == 0
    until(lambda: "ended\n" in terminal.out)


def test_a_passphrase_is_asked_for_in_the_terminal_unseen(session, serving, home, login, tmp_path):
    key = keygen(home.ssh / "cluster", "-m", "PKCS8", kind="ecdsa", passphrase="open sesame")
    login.authorize(key)
    content = yaml.safe_load(serving.file.read_text())
    content["tunnel"]["sshKey"] = "~/.ssh/cluster"
    serving.file.write_text(yaml.safe_dump(content))
    shown = b""

    child, terminal = pty.fork()
    if child == 0:
        os.chdir(serving.root)
        os.execve(sys.executable, [*PROGRAM, "run", "--follow"], environment(session.connection))
    try:
        while b"for the tunnel: " not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, b"open sesame\n")
        while b" leads to port" not in shown:
            shown += os.read(terminal, 1000)
        assert b"Passphrase of ~/.ssh/cluster, for the tunnel: " in shown
        assert b"sesame" not in shown
        assert read(re.search(rb"http://127\.0\.0\.1:\d+/", shown)[0].decode()) == b"from the job"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


@pytest.fixture
def manned(colony, session):
    """An executor whose work the test does itself."""
    member = colony.new_executor()
    with Colonies(session.connection.server, session.connection.colony, member.key) as client:
        yield member.name, client


def test_the_executor_says_on_which_nodes_it_runs(start, tunnelled, manned, service, login):
    name, client = manned
    terminal = start(tunnelled(name, remotePort=service.port), "run", "--follow")
    process = client.assign(WAIT_S)
    client.add_log(process.processid, "begun\n")
    terminal.said("waiting to hear on which node")

    client.add_attribute(process.processid, "NODES", "127.0.0.1,n2,n3", AttributeType.ENV)
    terminal.said(rf"tunnel: {terminal.link} leads to port {service.port} of 127\.0\.0\.1, the first of 3 nodes")
    client.add_log(process.processid, "ended\n")
    client.close_successful(process.processid)

    assert terminal.end() == 0
    assert {"begun\n", "ended\n"} <= set(terminal.out)
    until(lambda: login.sessions() == [])


def test_a_job_that_waits_in_its_queue_needs_no_connection(start, tunnelled, manned, service, session, login):
    name, _ = manned
    terminal = start(tunnelled(name, remotePort=service.port), "run", "--follow")

    terminal.job(session).cancel()

    assert terminal.end() == 1
    assert "Accepted" not in login.log
    assert "tunnel" not in "".join(terminal.err)


def test_a_command_that_follows_listens_on_the_one_port_and_on_no_other(start, serving, tmp_path):
    terminal = start(serving, "run", "--follow")
    link = terminal.link

    program = psutil.Process(terminal.process.pid)
    listening = [each.laddr for each in program.net_connections() if each.status == psutil.CONN_LISTEN]
    assert [address.ip for address in listening] == ["127.0.0.1"]
    assert link.endswith(f":{listening[0].port}/")
    (tmp_path / "go").touch()
    assert terminal.end() == 0
