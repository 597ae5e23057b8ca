"""What the section `tunnel` asks for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pollinator_magic.errors import ProjectError, TunnelError
from pollinator_magic.project import Project
from pollinator_magic.tunnels import way as ways
from pollinator_magic.tunnels.way import find_way, nodes_in


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def project(tmp_path):
    def with_section(text: str) -> Project:
        (tmp_path / "project.yaml").write_text(f"projectname: p\ntunnel: {text}\n")
        return Project.open(tmp_path)

    return with_section


def route(project, nodes):
    return find_way(project).route(nodes_in(nodes))


def test_a_project_without_the_section_wants_no_tunnel(project):
    assert find_way(project("null")) is None


def test_over_a_jump_host_the_node_is_reached_from_there(project):
    to = route(project("{user: me, jumpHost: login.example.org, jumpHostPort: 2222, remotePort: 8888}"), "n1, n2,n3")

    assert (to.login.host, to.login.port, to.login.user) == ("login.example.org", 2222, "me")
    assert (to.host, to.port) == ("n1", 8888)
    assert to.node == "n1, the first of 3 nodes"


def test_without_one_the_node_is_logged_in_on(project):
    to = route(project("{user: me, remotePort: 8888}"), "n1")

    assert (to.login.host, to.login.port, to.login.user) == ("n1", None, "me")
    assert (to.host, to.port, to.node) == ("localhost", 8888, "n1")


def test_a_host_that_the_section_names_goes_before_the_nodes(project):
    to = route(project("{jumpHost: gate, host: front, remotePort: 80}"), "n1,n2")

    assert (to.login.host, to.host, to.node) == ("gate", "front", "front")


def test_nodes_that_are_not_known_yet_lead_nowhere(project):
    assert route(project("{remotePort: 80}"), " , ") is None


def test_the_local_port_is_by_default_that_of_the_program(project):
    assert find_way(project("{remotePort: 8888}")).local_port == 8888
    assert find_way(project("{remotePort: 8888, localPort: 38888}")).local_port == 38888


def test_a_job_on_this_machine_needs_no_keys_unless_a_host_is_named(project):
    assert find_way(project("{jumpHost: gate, sshKey: none, remotePort: 1}"), here=True).keys is None
    assert find_way(project("{jumpHost: gate, host: n1, remotePort: 1}"), here=True).keys is not None


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{jumpHost: gate}", r"tunnel.remotePort is missing. Write the port .* e\.g\. 8888"),
        ("{remotePort: 0}", r"tunnel.remotePort must be a port from 1 to 65535, not 0 \(line 2\)"),
        ("{remotePort: 65536}", "not 65536"),
        ("{remotePort: 1, localPort: -1}", "tunnel.localPort must be a port"),
        ("{remotePort: 1, jumpHost: a, jumpHostPort: 70000}", "tunnel.jumpHostPort must be a port"),
        ("{remotePort: 1, jumpHostPort: 22}", "tunnel.jumpHostPort needs tunnel.jumpHost"),
        ("{remotePort: 1, jumpHost: '-oProxyCommand=x'}", "jumpHost '-oProxyCommand=x' is not the name of a host"),
        ("{remotePort: 1, jumpHost: 'a b'}", "is not the name of a host"),
        ("{remotePort: 1, host: 'a;b'}", "tunnel.host 'a;b' is not the name of a host"),
        ("{remotePort: 1, user: '-l'}", "tunnel.user '-l' is not the name of a user"),
        ("{remotePort: many}", "tunnel.remotePort"),
    ],
)
def test_what_the_section_cannot_mean_is_an_error_with_key_and_line(project, section, problem):
    with pytest.raises(ProjectError, match=problem):
        find_way(project(section))


@pytest.mark.parametrize("host", ["n1", "login.example.org", "192.168.0.1", "::1", "nid_0001", "a-b"])
def test_usual_names_of_hosts_are_taken(project, host):
    assert find_way(project(f"{{remotePort: 1, jumpHost: '{host}'}}")).section.jump_host == host


def test_without_asyncssh_it_is_said_what_to_install(project, monkeypatch):
    monkeypatch.setattr(ways, "find_spec", lambda _: None)

    with pytest.raises(TunnelError, match=r"pip install 'pollinator-magic\[tunnel\]'.*remove the section"):
        find_way(project("{jumpHost: gate, remotePort: 1}"))


def test_asyncssh_is_imported_only_where_a_tunnel_is_wanted():
    program = "import pollinator_magic.running, sys; print('asyncssh' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == "False\n"
