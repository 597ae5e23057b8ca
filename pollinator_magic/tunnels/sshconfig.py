"""What ssh_config makes of whom to connect to: names, ports, users, keys, hosts to jump over."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from pollinator_magic.errors import TunnelError
from pollinator_magic.tunnels.hostkeys import DEFAULT_PORT, KnownHosts, known_hosts_files, shown
from pollinator_magic.tunnels.keys import agent_path_of

CONFIG = "~/.ssh/config"


@dataclass(frozen=True)
class Login:
    """Whom to connect to, as the user says it: the host may be a name of ssh_config; None leaves it to that."""

    host: str
    port: int | None = None
    user: str | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What it says, as asyncssh wants it; what it does not say is left to ssh_config."""
        said = {"host": self.host, "port": self.port, "username": self.user}
        return {name: value for name, value in said.items() if value is not None}

    @classmethod
    def parse(cls, text: str) -> Login:
        """Read what ProxyJump says of one host: `[user@]host[:port]`."""
        user, _, place = text.strip().rpartition("@")
        host, _, port = place.rpartition(":") if place.count(":") == 1 else (place, "", "")
        return cls(host.strip("[]"), int(port) if port.isdigit() else None, user or None)


@dataclass(frozen=True)
class Settings:
    """What ssh_config makes of a login."""

    login: Login
    host: str
    port: int
    user: str
    known_as: str
    """The name by which known_hosts files know it."""
    known_hosts: KnownHosts
    jumps: tuple[Login, ...]
    identity_files: tuple[Path, ...]
    identities_only: bool
    agent_path: str | None
    config: tuple[str, ...]

    @property
    def server(self) -> str:
        """What people call the server."""
        named = self.login.host if self.host == self.login.host else f"{self.login.host} ({self.host})"
        return named if self.port == DEFAULT_PORT else f"{named} port {self.port}"


def settings_of(login: Login) -> Settings:
    """Ask ssh_config about a login; raise TunnelError if the file cannot be used."""
    config = _config()
    try:
        options = asyncssh.SSHClientConnectionOptions(**login.said, config=list(config), client_keys=None)
    except (ValueError, OSError) as error:
        raise TunnelError(f"{CONFIG} cannot be used for the tunnel: {error}. Change it, or remove the line.") from None
    said = options.config
    alias = said.get("HostKeyAlias")
    files = said.get("IdentityFile") or ()
    return Settings(
        login=login,
        host=options.host,
        port=options.port,
        user=options.username,
        known_as=str(alias) if alias else options.host,
        known_hosts=KnownHosts(known_hosts_files(said.get("UserKnownHostsFile"), said.get("GlobalKnownHostsFile"))),
        jumps=tuple(Login.parse(jump) for jump in str(options.tunnel or "").split(",") if jump),
        identity_files=tuple(Path(str(file)).expanduser() for file in files) if isinstance(files, list) else (),
        identities_only=bool(said.get("IdentitiesOnly")),
        agent_path=agent_path_of(said.get("IdentityAgent", "")),
        config=config,
    )


def _config() -> tuple[str, ...]:
    """Return the user's ssh_config, if there is one; OpenSSH does not read one that others may have written either."""
    path = Path(CONFIG).expanduser()
    try:
        status = path.stat()
    except OSError:
        return ()
    if os.name == "posix" and (status.st_uid not in {0, os.getuid()} or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise TunnelError(f"Others may write in {shown(path)}. Use `chmod go-w {shown(path)}`.")
    return (str(path),)
