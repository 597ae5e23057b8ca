"""Real SSH for tests: Debian's sshd on loopback, each in a directory of its own, and the agent of OpenSSH.

    with running_sshd(directory) as server: ...

A test's client gets a home directory of its own: `Home` writes its known_hosts, ssh_config and keys.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

USER = getpass.getuser()
WAIT_S = 30


def program(name: str) -> str:
    """Return where a program of OpenSSH is; sshd wants to be called by its whole path."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert path is not None, f"{name} is missing: apt-get install openssh-server openssh-client"
    return path


def keygen(path: Path, *options: str, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a pair of keys; return the private one's file."""
    arguments = ["-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path), *options]
    subprocess.run([program("ssh-keygen"), *arguments], check=True, stdin=subprocess.DEVNULL, timeout=WAIT_S)
    return path


def public(path: Path) -> str:
    """The public key of a file, without its comment."""
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


def fingerprint(path: Path) -> str:
    """What ssh-keygen says of a key, as administrators publish it."""
    listed = subprocess.run(
        [program("ssh-keygen"), "-lf", f"{path}.pub"], check=True, capture_output=True, text=True, timeout=WAIT_S
    )
    return listed.stdout.split()[1]


class Sshd:
    """One sshd: where it listens, its host key, whom it lets in, and its log."""

    def __init__(self, directory: Path, *, port: int = 0, lines: tuple[str, ...] = (), host_kind: str = "ed25519"):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        self.host_key = directory / "host_key"
        if not self.host_key.exists():
            keygen(self.host_key, kind=host_kind)
        self.authorized = directory / "authorized_keys"
        self.authorized.touch()
        self.port = port or free_port()
        self.lines = lines
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def name(self) -> str:
        """What known_hosts files call it."""
        return f"[127.0.0.1]:{self.port}"

    @property
    def line(self) -> str:
        """The line of a known_hosts file that makes it known."""
        return f"{self.name} {public(self.host_key)}"

    def authorize(self, key: Path) -> None:
        """Let in whoever has this key."""
        with self.authorized.open("a") as file:
            file.write(f"{public(key)}\n")

    def start(self) -> None:
        """Begin to listen."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # for the separation of privileges; a service would make it
        config = self.directory / "sshd_config"
        own = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self.authorized}",
            f"PidFile {self.directory / 'pid'}",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "StrictModes no",
            "LogLevel VERBOSE",
        ]
        config.write_text("\n".join([*self.lines, *own]) + "\n")  # of two lines the first counts
        command = [program("sshd"), "-D", "-f", str(config), "-E", str(self.directory / "log")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        until(lambda: is_listening(self.port), lambda: self.log)

    def sessions(self) -> list[psutil.Process]:
        """The processes that serve connections."""
        try:
            return psutil.Process(self._process.pid).children() if self._process else []
        except psutil.NoSuchProcess:
            return []

    def drop(self) -> int:
        """End all connections as a server does that falls over; return how many there were."""
        return self._to_all(signal.SIGKILL)

    def freeze(self) -> None:
        """Let all connections hang."""
        self._to_all(signal.SIGSTOP)

    def _to_all(self, number: signal.Signals) -> int:
        sessions = self.sessions()
        for session in sessions:
            with suppress(psutil.NoSuchProcess):
                for process in [*session.children(recursive=True), session]:
                    process.send_signal(number)
        return len(sessions)

    def stop(self) -> None:
        """Stop listening, and end all connections."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            for session in psutil.Process(process.pid).children():
                session.kill()
        except psutil.NoSuchProcess:
            pass
        finally:
            process.terminate()
            try:
                process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(WAIT_S)

    @property
    def log(self) -> str:
        """What it says of its connections."""
        path = self.directory / "log"
        return path.read_text() if path.exists() else ""


@contextmanager
def running_sshd(directory: Path, **options: object) -> Iterator[Sshd]:
    """Run an sshd until the block ends."""
    server = Sshd(directory, **options)
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Home:
    """A home directory, whose `.ssh` a client reads."""

    path: Path

    @classmethod
    def of_the_user(cls, path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
        """Make it, with nothing in it, and for this test that of the user, who has no agent."""
        path.mkdir()
        monkeypatch.setenv("HOME", str(path))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        return cls(path)

    @property
    def ssh(self) -> Path:
        directory = self.path / ".ssh"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return directory

    @property
    def known_hosts(self) -> Path:
        return self.ssh / "known_hosts"

    def know(self, *lines: str) -> None:
        """Write the known_hosts file."""
        self.known_hosts.write_text("".join(f"{line}\n" for line in lines))

    def configure(self, text: str) -> None:
        """Write the ssh_config."""
        path = self.ssh / "config"
        path.write_text(text)
        path.chmod(0o600)

    def key(self, name: str = "id_ed25519", **options: str) -> Path:
        """Make a key in it."""
        return keygen(self.ssh / name, **options)


@contextmanager
def running_agent(*keys: Path) -> Iterator[str]:
    """Run an ssh-agent that has these (unencrypted) keys; yields where it listens."""
    directory = Path(subprocess.check_output(["mktemp", "-d", "/tmp/agent-XXXXXXXX"], text=True).strip())  # short
    path = str(directory / "socket")
    agent = subprocess.Popen([program("ssh-agent"), "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        until(lambda: Path(path).exists(), lambda: "ssh-agent does not start")
        for key in keys:
            add_to_agent(path, key)
        yield path
    finally:
        agent.terminate()
        agent.wait(WAIT_S)
        shutil.rmtree(directory, ignore_errors=True)


def add_to_agent(path: str, key: Path, passphrase: str = "") -> None:
    """Let an agent open a key, with the passphrase if it has one."""
    environment = {**os.environ, "SSH_AUTH_SOCK": path, "PASSPHRASE": passphrase}
    if passphrase:
        asker = Path(path).with_name("ask")
        asker.write_text('#!/bin/sh\nprintf "%s\\n" "$PASSPHRASE"\n')
        asker.chmod(0o700)
        environment |= {"SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    subprocess.run(
        [program("ssh-add"), "-q", str(key)], check=True, env=environment, stdin=subprocess.DEVNULL, timeout=WAIT_S
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=WAIT_S).close()
    except ConnectionRefusedError:
        return False
    return True


def until(condition: object, explain: object = lambda: "") -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.02)
