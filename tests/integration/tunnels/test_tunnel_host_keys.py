"""Which sshds a tunnel believes, and what it says of the others."""

from __future__ import annotations

import subprocess

import pytest

from tests.ssh_server import WAIT_S, fingerprint, keygen, program, public


@pytest.fixture
def over(project, service):
    def through(server, **more):
        return project(jumpHost="127.0.0.1", jumpHostPort=server.port, remotePort=service.port, **more)

    return through


def nothing_was_sent(server) -> bool:
    return "publickey" not in server.log and "Accepted" not in server.log


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_an_unknown_server_is_refused_with_its_fingerprint_and_the_line_that_makes_it_known(
    hold, home, servers, over, kind
):
    server = servers(host_kind=kind)
    server.authorize(home.key())

    refusal = hold(over(server)).refusal

    assert f"The SSH server 127.0.0.1 port {server.port} is not known" in refusal
    assert f"{kind.upper()} key, {fingerprint(server.host_key)}" in refusal
    assert "~/.ssh/known_hosts" in refusal
    assert "ssh-keygen -lf" in refusal
    assert nothing_was_sent(server)

    line = refusal.splitlines()[-1]
    assert line == server.line
    home.know("# mine", "", line)
    assert hold(over(server)).port


@pytest.mark.parametrize(
    "lenience",
    ["StrictHostKeyChecking no", "StrictHostKeyChecking accept-new", "UserKnownHostsFile /dev/null", "NoSuchOption 1"],
)
def test_no_setting_of_ssh_makes_an_unknown_server_a_known_one(hold, home, servers, over, lenience):
    server = servers()
    server.authorize(home.key())
    home.configure(f"Host *\n  {lenience}\n")

    assert "is not known" in hold(over(server)).refusal
    assert nothing_was_sent(server)
    assert not home.known_hosts.exists()


def test_where_ssh_config_wants_no_file_of_the_user_there_is_no_trust_either(hold, home, servers, over):
    server = servers()
    server.authorize(home.key())
    home.know(server.line)
    home.configure("Host *\n  UserKnownHostsFile none\n")

    assert "is not known" in hold(over(server)).refusal
    assert nothing_was_sent(server)


def test_files_that_ssh_config_names_are_read(hold, home, servers, over):
    server = servers()
    server.authorize(home.key())
    (home.path / "hosts").write_text(f"{server.line}\n")
    home.configure("Host *\n  UserKnownHostsFile ~/none ~/hosts\n")

    assert hold(over(server)).port


def test_a_changed_key_is_refused_loudly(hold, home, servers, over, tmp_path):
    server = servers()
    server.authorize(home.key())
    old = keygen(tmp_path / "old")
    home.know("other.example.org ssh-rsa AAAA", f"{server.name} {public(old)}")

    refusal = hold(over(server)).refusal

    assert f"THE HOST KEY OF 127.0.0.1 port {server.port} IS NOT THE ONE THAT IS KNOWN" in refusal
    assert fingerprint(server.host_key) in refusal
    assert f"line 2 of ~/.ssh/known_hosts has ED25519 {fingerprint(old)}" in refusal
    assert f"ssh-keygen -R '{server.name}'" in refusal
    assert nothing_was_sent(server)


def test_a_key_of_another_kind_than_the_known_one_counts_as_changed(hold, home, servers, over, tmp_path):
    server = servers()
    server.authorize(home.key())
    home.know(f"{server.name} {public(keygen(tmp_path / 'old', kind='rsa'))}")

    assert "IS NOT THE ONE THAT IS KNOWN" in hold(over(server)).refusal
    assert nothing_was_sent(server)


def test_of_several_keys_of_a_server_the_known_one_is_asked_for(hold, home, servers, over, tmp_path):
    second = keygen(tmp_path / "second", kind="ecdsa")
    server = servers(lines=(f"HostKey {second}",))
    server.authorize(home.key())
    home.know(f"{server.name} {public(second)}")

    assert hold(over(server)).port


def test_a_revoked_key_is_refused_even_where_it_is_known_too(hold, home, servers, over):
    server = servers()
    server.authorize(home.key())
    home.know(server.line, f"@revoked * {public(server.host_key)}")

    refusal = hold(over(server)).refusal

    assert f"THE HOST KEY OF 127.0.0.1 port {server.port} IS REVOKED (line 2 of ~/.ssh/known_hosts)" in refusal
    assert nothing_was_sent(server)


def test_a_key_that_is_revoked_for_the_port_is_not_believed_for_the_sake_of_the_host(hold, home, servers, over):
    server = servers()
    server.authorize(home.key())
    home.know(f"127.0.0.1 {public(server.host_key)}", f"@revoked {server.name} {public(server.host_key)}")

    assert "IS REVOKED" in hold(over(server)).refusal


def test_hashed_names_are_understood(hold, home, servers, over):
    server = servers()
    server.authorize(home.key())
    home.know(server.line)
    subprocess.run(
        [program("ssh-keygen"), "-q", "-H", "-f", str(home.known_hosts)],
        check=True,
        timeout=WAIT_S,
        capture_output=True,
    )
    assert home.known_hosts.read_text().startswith("|1|")

    assert hold(over(server)).port


@pytest.fixture
def certified(tmp_path, home, servers):
    """Start an sshd whose host key an authority has signed, for a name; gives both."""

    def start(principal: str = "127.0.0.1", *options: str):
        authority, host_key = keygen(tmp_path / "authority"), tmp_path / "signed" / "host_key"
        host_key.parent.mkdir()
        keygen(host_key)
        sign = [program("ssh-keygen"), "-q", "-s", str(authority), "-I", "host", "-h", "-n", principal, *options]
        subprocess.run([*sign, f"{host_key}.pub"], check=True, timeout=WAIT_S)
        server = servers("signed", lines=(f"HostCertificate {host_key}-cert.pub",))
        server.authorize(home.key())
        return server, authority

    return start


def test_a_server_that_a_known_authority_has_signed_is_believed(hold, home, certified, over):
    server, authority = certified()
    home.know(f"@cert-authority [127.0.0.*]:* {public(authority)}")

    assert hold(over(server)).port


def test_a_certificate_of_another_authority_is_refused_with_its_fingerprint(hold, home, certified, over, tmp_path):
    server, authority = certified()
    home.know(f"@cert-authority * {public(keygen(tmp_path / 'other'))}")

    refusal = hold(over(server)).refusal

    assert f"signed with an ED25519 key, {fingerprint(authority)}" in refusal
    assert nothing_was_sent(server)


@pytest.mark.parametrize(
    ("principal", "options", "reason"),
    [("n1", (), "principal"), ("127.0.0.1", ("-V", "20200101:20200102"), "expired")],
)
def test_a_certificate_for_another_host_or_time_is_refused(hold, home, certified, over, principal, options, reason):
    server, authority = certified(principal, *options)
    home.know(f"@cert-authority * {public(authority)}")

    refusal = hold(over(server)).refusal

    assert f"The SSH server 127.0.0.1 port {server.port} cannot be verified" in refusal
    assert reason in refusal
    assert nothing_was_sent(server)


def test_a_certificate_of_a_revoked_authority_is_refused(hold, home, certified, over):
    server, authority = certified()
    home.know(f"@cert-authority * {public(authority)}", f"@revoked * {public(authority)}")

    assert "IS REVOKED" in hold(over(server)).refusal


def test_a_host_with_a_certificate_can_be_known_by_its_key_alone(hold, home, certified, over):
    server, _ = certified()
    home.know(server.line)

    assert hold(over(server)).port


def test_a_server_that_becomes_another_one_meanwhile_is_not_connected_to_again(hold, home, servers, over, tmp_path):
    server = servers()
    server.authorize(home.key())
    home.know(server.line)
    tunnel = hold(over(server))
    assert tunnel.port

    server.stop()
    keygen(tmp_path / "new")
    for end in ("", ".pub"):
        (tmp_path / f"new{end}").replace(f"{server.host_key}{end}")
    server.start()

    assert "IS NOT THE ONE THAT IS KNOWN" in tunnel.refusal
