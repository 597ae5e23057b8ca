"""By which keys a tunnel logs in, on real sshds and with a real agent, and what it says where none is accepted."""

from __future__ import annotations

import subprocess

import pytest

from pollinator_magic.errors import TunnelError
from pollinator_magic.tunnels.way import find_way
from tests.integration.tunnels.conftest import asking
from tests.ssh_server import WAIT_S, add_to_agent, keygen, program, public, running_agent, until

SECRET = "correct horse battery staple"
FORMATS = {"PKCS8": ("-m", "PKCS8"), "OpenSSH": ()}


@pytest.fixture
def server(home, servers):
    """An sshd that the user knows; it lets nobody in yet."""
    running = servers()
    home.know(running.line)
    return running


@pytest.fixture
def over(server, project, service):
    def with_keys(**more):
        return project(jumpHost="127.0.0.1", jumpHostPort=server.port, remotePort=service.port, **more)

    return with_keys


def locked(path, kind="PKCS8"):
    """Make a key with a passphrase."""
    return keygen(path, *FORMATS[kind], kind="ecdsa", passphrase=SECRET)


@pytest.mark.parametrize("name", ["id_ed25519", "id_rsa"])
def test_a_key_with_a_usual_name_is_found(hold, home, server, over, name):
    server.authorize(home.key(name, kind=name.removeprefix("id_")))

    assert hold(over()).port


def test_the_section_names_a_key_relative_to_the_project(hold, home, server, over):
    wanted = over(sshKey="keys/cluster")
    (wanted.root / "keys").mkdir()
    server.authorize(keygen(wanted.root / "keys" / "cluster"))
    home.key()

    assert hold(wanted).port
    until(lambda: "Accepted publickey" in server.log)
    assert "Failed publickey" not in server.log


def test_the_section_names_a_key_in_the_home_directory(hold, home, server, over):
    server.authorize(home.key("cluster"))

    assert hold(over(sshKey="~/.ssh/cluster")).port


def test_ssh_config_names_a_key(hold, home, server, over):
    server.authorize(home.key("cluster"))
    home.configure("Host 127.*\n  IdentityFile ~/.ssh/cluster\n")

    assert hold(over()).port


@pytest.mark.parametrize("form", FORMATS)
def test_a_passphrase_is_asked_for_once_and_serves_for_every_connection(hold, home, server, over, form):
    server.authorize(locked(home.ssh / "cluster", form))
    with asking("wrong", SECRET) as ask:
        tunnel = hold(over(sshKey="~/.ssh/cluster"), ask=ask)
        assert tunnel.port
        server.drop()
        tunnel.until(lambda held: "connecting again" in held.told and held.link)

    assert ask.asked == ["Passphrase of ~/.ssh/cluster, for the tunnel: "] * 2
    assert SECRET not in repr(vars(tunnel._tunnel)) + tunnel.told


def test_a_usual_key_with_a_passphrase_is_asked_about_where_there_is_no_other(hold, home, server, over):
    server.authorize(locked(home.ssh / "id_ecdsa"))
    with asking(SECRET) as ask:
        assert hold(over(), ask=ask).port
    assert len(ask.asked) == 1


def test_nobody_is_asked_about_a_key_that_is_not_needed(hold, home, server, over):
    locked(home.ssh / "id_ecdsa")
    server.authorize(home.key())
    with asking() as ask:
        assert hold(over(), ask=ask).port
    assert ask.asked == []


def test_three_wrong_passphrases_are_enough(home, server, over):
    locked(home.ssh / "cluster")
    wanted = over(sshKey="~/.ssh/cluster")

    with (
        asking("a", "b", "c", SECRET) as ask,
        pytest.raises(TunnelError, match=r"not the passphrase of ~/.ssh/cluster"),
    ):
        find_way(wanted, ask)

    assert len(ask.asked) == 3


def test_where_nobody_can_be_asked_the_agent_is_recommended(home, server, over):
    locked(home.ssh / "cluster")

    with asking() as ask, pytest.raises(TunnelError, match=r"nobody can be asked.*`ssh-add ~/.ssh/cluster`"):
        find_way(over(sshKey="~/.ssh/cluster"), ask)


def test_without_bcrypt_it_is_said_what_to_install(home, server, over, monkeypatch):
    from pollinator_magic.tunnels import keys

    monkeypatch.setattr(keys, "find_spec", lambda _: None)
    locked(home.ssh / "cluster", "OpenSSH")

    with asking(SECRET) as ask, pytest.raises(TunnelError, match=r"bcrypt.*pip install.*ssh-add"):
        find_way(over(sshKey="~/.ssh/cluster"), ask)


@pytest.mark.parametrize("form", FORMATS)
def test_a_key_that_the_agent_has_opened_needs_no_passphrase(hold, home, server, over, monkeypatch, form):
    key = locked(home.ssh / "cluster", form)
    server.authorize(key)
    with running_agent() as path, asking() as ask:
        add_to_agent(path, key, SECRET)
        monkeypatch.setenv("SSH_AUTH_SOCK", path)

        tunnel = hold(over(sshKey="~/.ssh/cluster"), ask=ask)

        assert tunnel.port
        assert ask.asked == []


def test_the_agent_alone_is_enough(hold, home, server, over, tmp_path, monkeypatch):
    key = keygen(tmp_path / "elsewhere")
    server.authorize(key)
    with running_agent(key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)

        assert hold(over()).port


def test_ssh_config_names_the_agent_and_the_public_key_of_the_one_to_use(
    hold, home, server, over, tmp_path, monkeypatch
):
    keys = [keygen(tmp_path / f"key{number}") for number in range(4)]
    server.authorize(keys[3])
    (home.ssh / "mine.pub").write_text(f"{public(keys[3])}\n")
    with running_agent(*keys) as path:
        home.configure(f"Host *\n  IdentityAgent {path}\n  IdentityFile ~/.ssh/mine.pub\n  IdentitiesOnly yes\n")

        assert hold(over()).port
        assert "Failed publickey" not in server.log


def test_of_the_agents_keys_only_the_named_one_is_offered(hold, home, server, over, tmp_path, monkeypatch):
    others = [keygen(tmp_path / f"other{number}") for number in range(3)]
    key = home.key("cluster")
    server.authorize(key)
    with running_agent(*others) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)

        assert hold(over(sshKey="~/.ssh/cluster")).port

    assert "Failed publickey" not in server.log


def test_an_agent_that_is_gone_or_hangs_is_no_obstacle(hold, home, server, over, tmp_path, monkeypatch):
    import socket

    from pollinator_magic.tunnels import keys

    monkeypatch.setattr(keys, "_AGENT_TIMEOUT_S", 0.2)
    server.authorize(home.key())
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    assert hold(over()).port

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "silent"))
        assert hold(over()).port


def test_a_certificate_beside_a_key_is_shown(hold, home, servers, project, service, tmp_path):
    authority, key = keygen(tmp_path / "authority"), home.key("cluster")
    sign = [program("ssh-keygen"), "-q", "-s", str(authority), "-I", "me", "-n", "me", f"{key}.pub"]
    subprocess.run(sign, check=True, timeout=WAIT_S)
    principals = tmp_path / "principals"
    principals.write_text("me\n")
    server = servers(
        "with-authority",
        lines=(f"TrustedUserCAKeys {authority}.pub", f"AuthorizedPrincipalsFile {principals}"),
    )
    home.know(server.line)
    section = {"jumpHost": "127.0.0.1", "jumpHostPort": server.port, "remotePort": service.port}

    assert hold(project(**section, sshKey=str(key))).port


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_private_key_that_others_may_read_is_not_used(home, server, over, mode):
    home.key("cluster").chmod(mode)

    with pytest.raises(TunnelError, match=rf"others may read it \(mode {mode:04o}\)\. Use `chmod 600 ~/.ssh/cluster`"):
        find_way(over(sshKey="~/.ssh/cluster"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no such file"),
        ("hello\n", "it holds no key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "cannot be read"),
    ],
)
def test_what_is_no_key_is_named_before_anything_is_sent(home, server, over, content, problem):
    path = home.ssh / "cluster"
    if content is not None:
        path.touch(mode=0o600)
        path.write_text(content)

    with pytest.raises(TunnelError, match=f"The key ~/.ssh/cluster of the tunnel cannot be used: .*{problem}"):
        find_way(over(sshKey="~/.ssh/cluster"))


def test_a_named_pipe_in_the_place_of_a_key_keeps_nobody_waiting(home, server, over):
    import os

    os.mkfifo(home.ssh / "cluster", 0o600)

    with pytest.raises(TunnelError, match="there is no such file"):
        find_way(over(sshKey="~/.ssh/cluster"))


def test_a_user_whose_key_is_not_authorized_is_told_what_was_tried_and_what_to_do(
    hold, home, server, over, tmp_path, monkeypatch
):
    home.key()
    home.key("id_rsa", kind="rsa").chmod(0o644)
    locked(home.ssh / "id_ecdsa")
    with running_agent(keygen(tmp_path / "of-agent")) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)

        refusal = hold(over(user="somebody")).refusal

    assert f"The SSH server 127.0.0.1 port {server.port} does not let somebody in." in refusal
    assert "Tried: of-agent of the agent, ~/.ssh/id_ed25519." in refusal
    assert "~/.ssh/id_rsa was not tried: others may read it (mode 0644). Use `chmod 600 ~/.ssh/id_rsa`." in refusal
    assert "~/.ssh/id_ecdsa was not tried: it has a passphrase." in refusal
    assert "Check `user` and `sshKey`" in refusal


def test_somebody_without_any_key_is_told_so(hold, home, server, over):
    refusal = hold(over()).refusal

    assert "There was no key to try. No agent was asked." in refusal


def test_no_password_is_given_to_a_server_that_would_take_one(hold, home, servers, project, service):
    server = servers("passwords", lines=("PasswordAuthentication yes", "MaxAuthTries 20"))
    home.key()
    home.know(server.line)

    refusal = hold(project(jumpHost="127.0.0.1", jumpHostPort=server.port, remotePort=service.port)).refusal

    assert "It would accept a password, which a tunnel never gives." in refusal
    assert "Failed password" not in server.log


def test_too_many_keys_of_an_agent_are_told_of_with_the_remedy(
    hold, home, servers, project, service, tmp_path, monkeypatch
):
    server = servers("strict", lines=("MaxAuthTries 2",))
    home.know(server.line)
    with running_agent(*(keygen(tmp_path / f"key{number}") for number in range(4))) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)

        refusal = hold(project(jumpHost="127.0.0.1", jumpHostPort=server.port, remotePort=service.port)).refusal

    assert "too many keys: name the right one with sshKey" in refusal


def test_no_key_is_in_any_repr(home, server, over):
    key = home.key()
    server.authorize(key)
    locked(home.ssh / "cluster")
    body = "".join(key.read_text().splitlines()[1:-1])

    with asking(SECRET) as ask:
        ways = [find_way(over()), find_way(over(sshKey="~/.ssh/cluster"), ask)]

    assert body[:20] not in repr(ways)
    assert SECRET not in repr(ways)
