"""Tunnels over real sshds: where they lead, and how long they last."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

import psutil
import pytest

from tests.integration.tunnels.conftest import Service
from tests.ssh_server import USER, free_port, is_listening, until


def talk(port: int, said: bytes = b"world") -> bytes:
    """Say something to a port, and return all that it answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        sending = threading.Thread(target=_say, args=(connection, said))
        sending.start()
        answer = b""
        while data := connection.recv(1 << 16):
            answer += data
        sending.join()
    return answer


def _say(connection: socket.socket, said: bytes) -> None:
    with suppress(OSError):
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)


def answers(port: int) -> bool:
    try:
        return talk(port) == b"hello world"
    except ConnectionResetError:
        return False


@pytest.fixture
def over(login, project, service):
    """The project whose section leads over the jump host to the service."""
    return project(jumpHost="127.0.0.1", jumpHostPort=login.port, remotePort=service.port)


def test_the_port_of_the_first_of_several_nodes_is_on_this_machine(hold, over, service):
    tunnel = hold(over, "127.0.0.1,n2,n3")

    assert talk(tunnel.port) == b"hello world"
    assert f"leads to port {service.port} of 127.0.0.1, the first of 3 nodes" in tunnel.told


def test_nobody_but_this_machine_reaches_it(hold, over):
    port = hold(over).port

    listening = [each for each in psutil.Process().net_connections() if each.status == psutil.CONN_LISTEN]
    assert {each.laddr.ip for each in listening if each.laddr.port == port} == {"127.0.0.1"}


def test_it_has_the_port_that_the_section_says(hold, login, project, service):
    wanted = free_port()

    tunnel = hold(project(jumpHost="127.0.0.1", jumpHostPort=login.port, remotePort=service.port, localPort=wanted))

    assert tunnel.port == wanted
    assert "taken" not in tunnel.told


def test_a_port_that_is_taken_is_replaced_and_that_is_said(hold, login, project, service):
    tunnel = hold(
        project(jumpHost="127.0.0.1", jumpHostPort=login.port, remotePort=service.port, localPort=service.port)
    )

    assert talk(tunnel.port) == b"hello world"
    assert tunnel.port != service.port
    assert f"(port {service.port} was taken)" in tunnel.told


def test_it_waits_until_the_port_answers_on_the_other_side(hold, login, project):
    port = free_port()
    tunnel = hold(project(jumpHost="127.0.0.1", jumpHostPort=login.port, remotePort=port))
    tunnel.until(lambda held: f"waiting for port {port} of node 127.0.0.1" in held.told)
    assert not tunnel.link

    late = Service(port)
    try:
        assert talk(tunnel.port) == b"hello world"
    finally:
        late.stop()


def test_megabytes_and_half_closed_connections_pass_unchanged(hold, over):
    port, data = hold(over).port, os.urandom(3 << 20)

    answers = []
    threads = [threading.Thread(target=lambda: answers.append(talk(port, data))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [b"hello " + data] * 4


def test_one_logs_in_on_the_node_itself_where_there_is_no_jump_host(hold, home, servers, project, service):
    node = servers("node")
    key = home.key("id_cluster")
    node.authorize(key)
    home.know(f"n1 {' '.join(node.line.split()[1:])}")
    home.configure(
        f"Host n?\n  HostName 127.0.0.1\n  Port {node.port}\n  IdentityFile ~/.ssh/id_cluster\n"
        "Host n1\n  HostKeyAlias n1\n"
    )

    tunnel = hold(project(remotePort=service.port, user=USER), "n1,n2")

    assert talk(tunnel.port) == b"hello world"
    assert "of n1, the first of 2 nodes" in tunnel.told


def test_ssh_config_may_lead_over_another_host_which_is_verified_too(hold, home, servers, project, service):
    jump, node = servers("jump"), servers("node")
    key = home.key()
    for server in (jump, node):
        server.authorize(key)
    home.configure(
        f"Host gate\n  HostName 127.0.0.1\n  Port {jump.port}\n"
        f"Host n1\n  HostName 127.0.0.1\n  Port {node.port}\n  ProxyJump gate\n"
    )
    home.know(node.line)
    wanted = project(remotePort=service.port)

    assert f"The SSH server gate (127.0.0.1) port {jump.port} is not known" in hold(wanted, "n1").refusal
    assert "Accepted" not in jump.log
    assert node.sessions() == []

    home.know(node.line, jump.line)
    tunnel = hold(wanted, "n1")
    assert talk(tunnel.port) == b"hello world"
    assert (len(jump.sessions()), len(node.sessions())) == (1, 1)
    tunnel.close()
    until(lambda: not jump.sessions() and not node.sessions())


def test_jump_hosts_that_lead_in_a_circle_are_given_up(hold, home, project):
    home.key()
    home.configure("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")

    assert "without an end" in hold(project(remotePort=1), "a").refusal


def test_a_proxy_command_carries_it_and_leaves_no_process(hold, home, servers, project, service, caplog):
    node = servers("node")
    node.authorize(home.key())
    home.know(f"n1 {' '.join(node.line.split()[1:])}")
    carry = home.path / "carry.py"
    carry.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "def up():\n"
        "    while data := os.read(0, 65536): s.sendall(data)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := s.recv(65536): os.write(1, data)\n"
    )
    home.configure(f"Host n1\n  ProxyCommand python3 {carry} {node.port}\n")

    before = {child.pid for child in psutil.Process().children()}
    tunnel = hold(project(remotePort=service.port), "n1")
    assert talk(tunnel.port) == b"hello world"
    tunnel.close()

    until(lambda: {child.pid for child in psutil.Process().children()} <= before)
    assert caplog.text == ""


def test_what_ssh_config_lets_others_write_is_not_read(project, home):
    from pollinator_magic.errors import TunnelError
    from pollinator_magic.tunnels.way import find_way

    home.configure("Host *\n  ProxyCommand true\n")
    (home.ssh / "config").chmod(0o666)

    with pytest.raises(TunnelError, match=r"Others may write in ~/.ssh/config.*chmod go-w"):
        find_way(project(jumpHost="gate", remotePort=1))


def test_an_ssh_config_that_cannot_be_read_is_named_with_its_line(project, home):
    from pollinator_magic.errors import TunnelError
    from pollinator_magic.tunnels.way import find_way

    home.configure("Host *\n  Port many\n")

    with pytest.raises(TunnelError, match=r"line 2: Invalid Port"):
        find_way(project(jumpHost="gate", remotePort=1))


def test_after_a_lost_connection_the_same_port_leads_there_again(hold, over, login):
    tunnel = hold(over)
    port = tunnel.port
    assert talk(port) == b"hello world"

    assert login.drop() == 1

    assert talk(port) == b"hello world"  # whoever connects meanwhile waits
    tunnel.until(lambda held: "was lost; connecting again" in held.told and held.link)
    assert tunnel.port == port


def test_a_server_that_is_away_for_a_time_is_asked_again(hold, over, login):
    tunnel = hold(over)
    port = tunnel.port

    login.stop()
    tunnel.until(lambda held: "There is no SSH connection to 127.0.0.1" in held.told)
    login.start()

    tunnel.until(lambda held: held.link)
    assert tunnel.port == port
    assert talk(port) == b"hello world"


def test_a_connection_that_hangs_is_noticed(hold, over, login, monkeypatch):
    from pollinator_magic.tunnels import login as logins

    monkeypatch.setattr(logins, "KEEPALIVE_S", 0.2)
    tunnel = hold(over)
    port = tunnel.port

    login.freeze()

    tunnel.until(lambda held: "was lost; connecting again" in held.told and held.link)
    assert talk(port) == b"hello world"


def test_a_server_that_allows_no_forwarding_is_told_so(hold, home, servers, project, service):
    server = servers(lines=("AllowTcpForwarding no",))
    server.authorize(home.key())
    home.know(server.line)

    refusal = hold(project(jumpHost="127.0.0.1", jumpHostPort=server.port, remotePort=service.port)).refusal

    assert f"does not allow connections to port {service.port} of 127.0.0.1" in refusal
    assert "AllowTcpForwarding" in refusal


def test_it_closes_with_its_job_and_leaves_nothing(hold, over, login):
    before = {thread.ident for thread in threading.enumerate()}
    tunnel = hold(over)
    port = tunnel.port
    with socket.create_connection(("127.0.0.1", port)) as somebody:
        tunnel.ends()

        assert somebody.recv(1) == b""
        until(lambda: not tunnel.lives)
    assert not is_listening(port)
    until(lambda: login.sessions() == [])
    until(lambda: {thread.ident for thread in threading.enumerate()} <= before)
    assert not [each for each in psutil.Process().net_connections() if each.raddr and each.raddr.port == login.port]


def test_a_job_that_ends_while_it_still_connects_ends_it(hold, home, project):
    home.key()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        tunnel = hold(project(jumpHost="127.0.0.1", jumpHostPort=port, remotePort=1))
        connection, _ = silent.accept()  # and nothing is said
        with connection:
            tunnel.ends()

            until(lambda: not tunnel.lives)
            connection.settimeout(30)
            while connection.recv(1000):
                pass  # what the client has said before it went


def test_closing_does_not_wait_for_a_server_that_says_nothing(hold, home, project):
    home.key()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tunnel = hold(project(jumpHost="127.0.0.1", jumpHostPort=silent.getsockname()[1], remotePort=1))
        connection, _ = silent.accept()
        with connection:
            tunnel.close()

            assert not tunnel.lives


def test_a_job_that_never_runs_needs_no_connection(hold, over, login):
    tunnel = hold(over, runs=False)

    tunnel.ends()

    until(lambda: not tunnel.lives)
    assert tunnel.all == []
    assert "Connection from" not in login.log.partition("Accepted")[2]


def test_a_job_that_is_begun_anew_elsewhere_is_followed_there(hold, home, servers, project, service):
    nodes = [servers("n1"), servers("n2")]
    key = home.key()
    for number, node in enumerate(nodes, start=1):
        node.authorize(key)
        with (home.ssh / "config").open("a") as config:
            config.write(f"Host n{number}\n  HostName 127.0.0.1\n  Port {node.port}\n")
    (home.ssh / "config").chmod(0o600)
    home.know(*(node.line for node in nodes))
    tunnel = hold(project(remotePort=service.port), "n1")
    port = tunnel.port

    tunnel.runs("n2", retries=1)

    tunnel.until(lambda held: "of n2" in held.now.text and held.link)
    assert tunnel.port == port
    assert talk(port) == b"hello world"
    until(lambda: nodes[0].sessions() == [])


def test_the_nodes_are_asked_for_until_the_executor_has_said_them(hold, over):
    from tests.integration.tunnels.conftest import process

    said = [process(), process(), process("127.0.0.1")]
    tunnel = hold(over, "", look=lambda: said.pop(0) if len(said) > 1 else said[0])

    assert talk(tunnel.port) == b"hello world"
    assert tunnel.all[0].text == "waiting to hear on which node the job runs"


def test_an_executor_that_never_says_a_node_is_told_of_with_the_remedy(hold, over, monkeypatch):
    from pollinator_magic.tunnels import tunnel as tunnels

    monkeypatch.setattr(tunnels, "_NODES_EXPECTED_S", 0.0)

    tunnel = hold(over, "")

    tunnel.until(lambda held: "`host` in the section `tunnel`" in held.told)


@pytest.mark.parametrize("node", ["-oProxyCommand=true", "n1 n2", "n[1-3]", "n1;id", "a" * 300, "<b>"])
def test_a_node_that_is_no_host_name_is_not_connected_to(hold, over, node):
    assert "which is not the name of a host" in hold(over, node).refusal


def test_the_section_may_name_the_host(hold, login, project, service):
    tunnel = hold(
        project(jumpHost="127.0.0.1", jumpHostPort=login.port, remotePort=service.port, host="localhost"), "n1,n2"
    )

    assert talk(tunnel.port) == b"hello world"
    assert "of localhost" in tunnel.told


def test_more_connections_than_anybody_needs_are_closed(hold, over, monkeypatch):
    from pollinator_magic.tunnels import forward

    port = hold(over).port
    monkeypatch.setattr(forward, "MOST", 2)
    kept = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(3)]

    assert kept[2].recv(1) == b""
    for connection in kept:
        connection.close()
    until(lambda: answers(port))
