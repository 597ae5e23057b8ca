"""What the section `tunnel` asks for, and the keys for it: found out before a job is submitted."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.errors import TunnelError
from pollinator_magic.project.validation import is_host_name, validate_tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pollinator_magic.project import Project, Tunnel
    from pollinator_magic.tunnels.keys import KeyRing
    from pollinator_magic.tunnels.sshconfig import Login

NODES = "NODES"
"""The attribute in which an executor names the nodes of a process, separated by commas."""


@dataclass(frozen=True)
class Route:
    """Where to log in, and what to connect to from there."""

    login: Login
    host: str
    port: int
    node: str
    """What people call the host that the port is of."""


@dataclass(frozen=True)
class Way:
    """What leads to the port of a job, wherever that will run."""

    section: Tunnel
    keys: KeyRing | None
    """None for a job on this machine, to which no tunnel is needed."""

    @property
    def local_port(self) -> int:
        """The port that is wanted on this machine: where none is said, the same as there."""
        return self.section.local_port or self.section.remote_port

    def route(self, nodes: Sequence[str]) -> Route | None:
        """Return the way to the first of these nodes, or to the host that the section names; None if neither is known.

        Raises TunnelError for a node that cannot be a host.
        """
        from pollinator_magic.tunnels.sshconfig import Login

        host = self.section.host or (nodes[0] if nodes else "")
        if not host:
            return None
        if not is_host_name(host):
            raise TunnelError(f"The executor says that the job runs on {host[:80]!r}, which is not the name of a host.")
        first = f"{host}, the first of {len(nodes)} nodes" if len(nodes) > 1 and not self.section.host else host
        user = self.section.user or None
        if self.section.jump_host:
            port = self.section.jump_host_port or None
            return Route(Login(self.section.jump_host, port, user), host, self.section.remote_port, first)
        return Route(Login(host, None, user), "localhost", self.section.remote_port, first)


def find_way(project: Project, ask: Callable[[str], str | None] | None = None, *, here: bool = False) -> Way | None:
    """Return the way that the project's section `tunnel` describes, None if it has none.

    `here`: the job will run on this machine, unless the section names a host. `ask` asks for the passphrase of a key,
    by default in the terminal or below the cell. Raises ProjectError for what the section says, TunnelError for keys
    that cannot be used, and where asyncssh is not installed.
    """
    if project.tunnel is None:
        return None
    validate_tunnel(project)
    if here and not project.tunnel.host:
        return Way(project.tunnel, None)
    if find_spec("asyncssh") is None:
        raise TunnelError(
            "The section `tunnel` of project.yaml needs the package asyncssh: pip install 'pollinator-magic[tunnel]'. "
            "Or remove the section."
        )
    from pollinator_magic.tunnels.keys import agent_path_of, ask_in_front_end, ring_of
    from pollinator_magic.tunnels.sshconfig import Login, settings_of

    section = project.tunnel
    named = project.root / Path(section.ssh_key).expanduser() if section.ssh_key else None
    host = section.jump_host or section.host
    if not host:  # the node is not known before the job runs, and nor is what ssh_config says of it
        return Way(section, ring_of(named, (), agent_path_of(""), ask or ask_in_front_end))
    settings = settings_of(Login(host, section.jump_host_port or None, section.user or None))
    return Way(section, ring_of(named, settings.identity_files, settings.agent_path, ask or ask_in_front_end))


def nodes_in(value: str) -> list[str]:
    """Read a list of nodes."""
    return [node for node in (part.strip() for part in value.split(",")) if node]
