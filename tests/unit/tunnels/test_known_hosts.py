"""known_hosts files: the lines that are about a host are those that ssh-keygen finds."""

from __future__ import annotations

import re
import subprocess

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.tunnels.hostkeys import Entry, KnownHosts, _entry, known_hosts_files
from tests.ssh_server import WAIT_S, program

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIrHJ8AQ4BdFX7JZ4fkJmRgXXN1IjFbL0xYbBmHTTfOo"
NAMES = [
    "login.example.org",
    "LOGIN.example.org",
    "n1",
    "n12",
    "[n1]:2222",
    "127.0.0.1",
    "[127.0.0.1]:2222",
    "a?c",
    "::1",
]
PATTERNS = [
    "*",
    "n1*",
    "n?",
    "n*",
    "*.example.org",
    "[n1]:*",
    "[*]:2222",
    "127.0.0.*",
    "?",
    "",
    "a.c",
    "a?c",
    "N1",
    *NAMES,
]
LINES = [
    *PATTERNS,
    *(f"{one},{other}" for one in PATTERNS for other in (*PATTERNS, *(f"!{each}" for each in PATTERNS))),
]


def lines_that_ssh_finds(file, name: str) -> set[int]:
    asked = [program("ssh-keygen"), "-F", name, "-f", str(file)]
    said = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=WAIT_S).stdout
    return {int(number) for number in re.findall(r"found: line (\d+)", said)}


@pytest.mark.parametrize("name", NAMES)
def test_the_lines_about_a_host_are_those_that_openssh_finds(tmp_path, name):
    file = tmp_path / "known_hosts"
    file.write_text("".join(f"{patterns} {KEY}\n" for patterns in LINES))

    entries = [_entry(f"{patterns} {KEY}", file, number) for number, patterns in enumerate(LINES, start=1)]

    found = {entry.line for entry in entries if entry is not None and entry.is_for(name.lower())}
    assert found
    assert found == lines_that_ssh_finds(file, name)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_line_is_more_than_passed_over(line):
    entry = _entry(line, None, 1)

    assert entry is None or isinstance(entry, Entry)
    if entry is not None:
        entry.is_for("n1")


@pytest.mark.parametrize(
    "line", ["|1|", "|1|x|y", f"|2|AAAA|AAAA {KEY}", f"|1|?|? {KEY}", f"@new n1 {KEY}", "n1", "n1 "]
)
def test_lines_that_cannot_be_understood_are_about_nobody(line):
    entry = _entry(line, None, 1)

    assert entry is None or not entry.is_for("n1")


def test_a_line_does_not_keep_the_next_one_from_being_read(tmp_path):
    file = tmp_path / "known_hosts"
    file.write_bytes(b"# comment\n\xff\xfe\nn1 ssh-new AAAA\n@odd\n" + f"n1 {KEY} comment\n".encode())

    known = KnownHosts([file]).of("N1", 22)

    assert known.trusts(asyncssh.import_public_key(KEY))
    assert [entry.line for entry in known.entries] == [5]


def test_a_file_that_is_not_there_knows_nobody(tmp_path):
    assert KnownHosts([tmp_path / "none", tmp_path]).of("n1", None).entries == ()


def test_a_key_of_the_host_is_believed_at_any_port_as_openssh_does(tmp_path):
    file, key = tmp_path / "known_hosts", asyncssh.import_public_key(KEY)
    file.write_text(f"n1 {KEY}\n[n2]:2222 {KEY}\n")
    known = KnownHosts([file])

    assert known.of("n1", 2222).trusts(key)
    assert known.of("n2", 2222).trusts(key)
    assert not known.of("n2", 22).trusts(key)
    assert not known.of("n2", 2223).trusts(key)


def test_an_authority_is_no_host_and_a_host_no_authority(tmp_path):
    file, key = tmp_path / "known_hosts", asyncssh.import_public_key(KEY)
    file.write_text(f"@cert-authority n1 {KEY}\nn2 {KEY}\n")
    known = KnownHosts([file])

    assert (known.of("n1", 22).trusts(key), known.of("n1", 22).trusts_authority(key)) == (False, True)
    assert (known.of("n2", 22).trusts(key), known.of("n2", 22).trusts_authority(key)) == (True, False)


def test_certificates_are_asked_for_only_where_they_can_be_verified(tmp_path):
    file = tmp_path / "known_hosts"
    file.write_text(f"@cert-authority n1 {KEY}\nn2 {KEY}\n")
    known = KnownHosts([file])

    assert "-cert-" in known.of("n1", 22).algorithms[0]
    assert not any("-cert-" in name for name in known.of("n2", 22).algorithms)
    assert known.of("n2", 22).algorithms[0] == "ssh-ed25519"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (None, ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]),
        ([], []),
        (["~/mine", "/dev/null"], ["~/mine", "/dev/null"]),
    ],
)
def test_the_files_are_those_of_ssh_config_or_the_usual_ones(user, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    files = [str(file).replace("/home/me", "~") for file in known_hosts_files(user, [])]

    assert files == expected
    assert "/etc/ssh/ssh_known_hosts" in map(str, known_hosts_files(user, None))
