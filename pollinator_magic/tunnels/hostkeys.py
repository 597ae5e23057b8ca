"""Which SSH servers are the ones that they say they are, by known_hosts files as OpenSSH reads them.

A server is believed only if one of the files has its key, or the authority that has signed it; there is no asking and
no learning. Lines that cannot be understood are passed over, as OpenSSH does, because they can only make a server less
known, but for revocations: one of a kind of key that is not known here cannot be of a key that would be accepted.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DEFAULT_PORT = 22
USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_MARKERS = {"@revoked": "revoked", "@cert-authority": "authority"}
_LARGEST = 16 << 20  # bytes of one file


@dataclass(frozen=True)
class Entry:
    """One line of a known_hosts file."""

    hosts: str
    key: asyncssh.SSHKey
    marker: str
    """`revoked`, `authority`, or nothing for a key of the host itself."""
    file: Path
    line: int

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"line {self.line} of {shown(self.file)}"

    def is_for(self, name: str) -> bool:
        """Whether the line is about this host, `[host]:port` if the port is not the usual one."""
        if self.hosts.startswith("|"):
            return _is_hash_of(self.hosts, name)
        found = False
        for pattern in self.hosts.split(","):
            if pattern.startswith("!"):
                if _matches(pattern[1:], name):
                    return False
            else:
                found = found or _matches(pattern, name)
        return found


class KnownHosts:
    """What the known_hosts files say."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._entries = [entry for file in files for entry in _read(file)]

    def of(self, host: str, port: int | None) -> KnownHost:
        """Return what is known of a host; a port that is not the usual one goes with the name, as with OpenSSH."""
        plain = host.lower()
        name = plain if port in {None, DEFAULT_PORT} else f"[{plain}]:{port}"
        names = dict.fromkeys((name, plain))  # a key of the host is believed at any port of it
        entries = [entry for entry in self._entries if any(entry.is_for(each) for each in names)]
        return KnownHost(name, tuple(entries), self.files)


@dataclass(frozen=True)
class KnownHost:
    """What the files say about one host, under its name as they write it."""

    name: str
    entries: tuple[Entry, ...]
    files: tuple[Path, ...]

    def trusts(self, key: asyncssh.SSHKey) -> bool:
        """Whether this is a key of the host that is not revoked."""
        return self._has(key, "") and not self._has(key, "revoked")

    def trusts_authority(self, key: asyncssh.SSHKey) -> bool:
        """Whether host certificates that this key has signed are believed."""
        return self._has(key, "authority") and not self._has(key, "revoked")

    @property
    def revoked(self) -> list[Entry]:
        """The lines that revoke keys."""
        return [entry for entry in self.entries if entry.marker == "revoked"]

    @property
    def algorithms(self) -> list[str]:
        """Kinds of host keys to ask for, those first that can be verified; certificates only where they can be."""
        has_authority = any(entry.marker == "authority" for entry in self.entries)
        known = [name for entry in self.entries if not entry.marker for name in entry.key.sig_algorithms]
        wanted = [*(get_default_certificate_algs() if has_authority else ()), *known, *get_default_public_key_algs()]
        return [name.decode() for name in dict.fromkeys(wanted)]

    def refusal(self, server: str, shown_key: asyncssh.SSHKey | None, *, authority: bool, reason: str) -> str:
        """Say why `server`, as people call it, is not believed, and what to do.

        `shown_key` is the key that nobody vouches for (with `authority`, the one that signed the server's), and
        `reason` what is wrong where there is none.
        """
        if shown_key is None:
            return self._invalid(server, reason)
        what = f"{kind(shown_key)} key, {shown_key.get_fingerprint()}"
        if authority:
            return (
                f"The SSH server {server} shows a host certificate that was signed with an {what}, which no "
                f"@cert-authority line for {self.name} in {self._where()} has. Nothing was sent to it. Ask its "
                "administrators which authority signs their hosts."
            )
        others = [entry for entry in self.entries if not entry.marker and entry.is_for(self.name)]
        if others:
            had = "; ".join(
                f"{entry.place} has {kind(entry.key)} {entry.key.get_fingerprint()}" for entry in others[:3]
            )
            return (
                f"THE HOST KEY OF {server} IS NOT THE ONE THAT IS KNOWN. It shows an {what}; {had}. Either the server "
                "was set up anew, or somebody is between you and it. Nothing was sent. Do not go on before its "
                "administrators have confirmed the new fingerprint; then remove the old key with "
                f"`ssh-keygen -R '{self.name}'` and add this line to {self._where()}:\n{self._line(shown_key)}"
            )
        return (
            f"The SSH server {server} is not known: it shows an {what}, and no line for {self.name} is in "
            f"{self._where()}. Nothing was sent to it. Compare the fingerprint with the one that its administrators "
            "publish (on the server, `ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` prints it); only if it is the same, "
            f"add this line to that file:\n{self._line(shown_key)}"
        )

    def _invalid(self, server: str, reason: str) -> str:
        if "revoked" in reason and self.revoked:
            places = ", ".join(entry.place for entry in self.revoked[:3])
            return (
                f"THE HOST KEY OF {server} IS REVOKED ({places}). Whoever shows it must not be believed. "
                "Nothing was sent. Ask the administrators of the server."
            )
        return f"The SSH server {server} cannot be verified: {reason}. Nothing was sent. Ask its administrators."

    def _has(self, key: asyncssh.SSHKey, marker: str) -> bool:
        return any(entry.key == key for entry in self.entries if entry.marker == marker)

    def _where(self) -> str:
        return shown(self.files[0]) if self.files else shown(Path(USER_FILES[0]).expanduser())

    def _line(self, key: asyncssh.SSHKey) -> str:
        kind_and_key = key.export_public_key("openssh").decode().split()[:2]
        return " ".join([self.name, *kind_and_key])


def known_hosts_files(user: object, site: object) -> list[Path]:
    """Return the files to read: what ssh_config names (`UserKnownHostsFile`, `GlobalKnownHostsFile`), or the usual."""
    named: list[str] = []
    for files, usual in ((user, USER_FILES), (site, GLOBAL_FILES)):
        named += usual if files is None else [str(file) for file in files] if isinstance(files, list) else []
    return [Path(file).expanduser() for file in named]


def kind(key: asyncssh.SSHKey) -> str:
    """Return the kind of a key as people call it: "ED25519"."""
    name = key.get_algorithm().removesuffix("@openssh.com").removeprefix("sk-").removeprefix("ssh-")
    return name.partition("-")[0].upper()


def shown(path: Path) -> str:
    """Return a path with the home directory as `~`."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)


def _read(file: Path) -> Iterator[Entry]:
    try:
        with file.open("rb") as opened:
            lines = opened.read(_LARGEST).decode("utf-8", "replace").splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, start=1):
        entry = _entry(line, file, number)
        if entry is not None:
            yield entry


def _entry(line: str, file: Path, number: int) -> Entry | None:
    words = line.split(None, 1)
    if len(words) < 2 or words[0].startswith("#"):
        return None
    marker = ""
    if words[0].startswith("@"):
        if words[0] not in _MARKERS:
            return None
        marker, words = _MARKERS[words[0]], words[1].split(None, 1)
    try:
        return Entry(words[0], asyncssh.import_public_key(words[1]), marker, file, number)
    except (asyncssh.KeyImportError, ValueError, IndexError):
        return None


def _is_hash_of(hashed: str, name: str) -> bool:
    """Whether `|1|salt|hash` stands for this name."""
    try:
        _, version, salt, digest = hashed.split("|")
        key, expected = binascii.a2b_base64(salt), binascii.a2b_base64(digest)
    except (ValueError, binascii.Error):
        return False
    return version == "1" and hmac.compare_digest(hmac.new(key, name.encode(), hashlib.sha1).digest(), expected)


def _matches(pattern: str, name: str) -> bool:
    """Whether a name is what a pattern with `*` and `?` means; every other character stands for itself."""
    parts: Iterable[str] = (re.escape(one) if one not in "*?" else one for one in pattern.lower())
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(part, part) for part in parts), name) is not None
