"""One SSH connection: where ssh_config leads, over the hosts that have to be jumped over, each of them verified.

Whatever ssh_config allows, an unknown server is refused, no password is given, and nothing but connections to a port is
asked for: no shell, no agent, no display.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncssh
from asyncssh.constants import OPEN_ADMINISTRATIVELY_PROHIBITED

from pollinator_magic.errors import TunnelError
from pollinator_magic.tunnels.patience import within
from pollinator_magic.tunnels.sshconfig import CONFIG, settings_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pollinator_magic.tunnels.hostkeys import KnownHost
    from pollinator_magic.tunnels.keys import KeyPairs, KeyRing, Offers
    from pollinator_magic.tunnels.sshconfig import Login, Settings

    Streams = tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]

CONNECT_TIMEOUT_S = 30.0
REACH_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
KEEPALIVE_S = 15
KEEPALIVES = 3
"""So many of them without an answer, and the connection counts as lost."""
_MOST_JUMPS = 8
_TOLD = 200
"""Characters of what a server says."""
_NO_FORWARDING = "PermitOpen, AllowTcpForwarding"


@asynccontextmanager
async def connected(login: Login, keys: KeyRing) -> AsyncIterator[Connection]:
    """Connect, over other hosts if ssh_config says so, and close all of it at the end.

    Raises TunnelError, `passing` if it may go well another time.
    """
    chain = _Chain(keys)
    try:
        yield await chain.reach(login, _MOST_JUMPS)
    finally:
        await chain.close()


class Connection:
    """An SSH connection, from whose other end one can go on."""

    def __init__(self, ssh: asyncssh.SSHClientConnection, client: _Client) -> None:
        self._ssh, self._client = ssh, client

    @property
    def is_lost(self) -> bool:
        """Whether it has ended."""
        return self._client.is_lost

    async def end(self) -> None:
        """Wait until it ends, in whatever way."""
        await self._ssh.wait_closed()

    async def open(self, host: str, port: int) -> Streams:
        """Connect to a port from there; raise TunnelError, `passing` if it may go well another time."""
        try:
            return await within(REACH_TIMEOUT_S, self._ssh.open_connection(host, port))
        except asyncssh.ChannelOpenError as error:
            raise channel_problem(error, f"port {port} of {host}") from None
        except (OSError, asyncssh.Error, asyncio.TimeoutError) as error:
            raise TunnelError(
                f"There is no connection to port {port} of {host}: {_told(error)}.", passing=True
            ) from None


class _Chain:
    """Connections, each through the one before it, and the commands that carry them (ProxyCommand)."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._last: asyncssh.SSHClientConnection | None = None
        self._begun: list[asyncssh.SSHClientConnection] = []
        """All of them, also those that have not come to anything."""
        self._commands: list[Any] = []

    def begin(self, connection: asyncssh.SSHClientConnection) -> None:
        """Remember to close a connection, which has just begun."""
        self._begun.append(connection)
        command = connection.get_extra_info("subprocess")
        if command is not None:
            self._commands.append(command)

    async def reach(self, login: Login, jumps_left: int) -> Connection:
        """Connect to one more host."""
        loop = asyncio.get_running_loop()
        settings = await loop.run_in_executor(None, settings_of, login)
        if self._last is None:  # what is reached from another host is reached from there, whatever is said of it
            for jump in settings.jumps:
                if jumps_left == 0:
                    raise TunnelError(f"{CONFIG} leads from one jump host to the next without an end.")
                await self.reach(jump, jumps_left - 1)
        offers = await self._keys.offers(settings.agent_path, settings.identity_files, only=settings.identities_only)
        client = _Client(settings, offers, self.begin)
        try:
            connection = await within(
                CONNECT_TIMEOUT_S,
                asyncssh.connect(
                    **login.said,
                    tunnel=self._last,
                    config=list(settings.config),
                    client_factory=lambda: client,
                    known_hosts=client.revoked_keys,
                    server_host_key_algs=client.known_now.algorithms,
                    client_keys=None,
                    preferred_auth=("publickey", "keyboard-interactive", "password"),
                    host_based_auth=False,
                    gss_auth=False,
                    gss_kex=False,
                    canonicalize_hostname=False,
                    agent_forwarding=False,
                    x11_forwarding=False,
                    keepalive_interval=KEEPALIVE_S,
                    keepalive_count_max=KEEPALIVES,
                ),
            )
        except (OSError, ValueError, asyncssh.Error, asyncio.TimeoutError) as error:
            raise client.explained(error) from None
        finally:
            offers.close()
        self._last = connection
        return Connection(connection, client)

    async def close(self) -> None:
        """Close everything, the last connection first."""
        for connection in reversed(self._begun):
            connection.close()
            with suppress(asyncio.TimeoutError, asyncssh.Error, OSError):
                await within(CLOSE_TIMEOUT_S, connection.wait_closed())
            connection.abort()
        with suppress(asyncio.TimeoutError):
            await within(CLOSE_TIMEOUT_S, self._commands_end())

    async def _commands_end(self) -> None:
        """Wait for the commands, which have been killed: the event loop has to see it before it is closed."""
        while any(command.returncode is None for command in self._commands):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)


class _Client(asyncssh.SSHClient):
    """Judges one server and logs in, and knows afterwards why it did not."""

    def __init__(
        self, settings: Settings, offers: Offers, begin: Callable[[asyncssh.SSHClientConnection], None]
    ) -> None:
        self._settings, self._offers, self._begin = settings, offers, begin
        self.known_now = settings.known_hosts.of(settings.known_as, self._port)
        self.is_lost = False
        self._unknown: asyncssh.SSHKey | None = None
        self._by_authority = False

    @property
    def _port(self) -> int | None:
        """The port that goes with the name; a name that ssh_config gives the key goes alone."""
        return None if self._settings.known_as != self._settings.host else self._settings.port

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Tell of the connection, as early as there is one."""
        self._begin(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  named by asyncssh
        """Note that it has ended."""
        self.is_lost = True

    def revoked_keys(self, host: str, _address: str, _port: int | None) -> list[Any]:
        """Return what asyncssh wants to know of a host; which keys are trusted is said below."""
        self.known_now = self._known(host)
        return [[], [], [entry.key for entry in self.known_now.revoked]]

    # asyncssh says which arguments these two have
    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Whether this is the host's key."""
        self.known_now = self._known(host)
        self._unknown = None if self.known_now.trusts(key) else key
        return self._unknown is None

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Whether certificates of this authority are believed."""
        self.known_now = self._known(host)
        self._unknown, self._by_authority = (None if self.known_now.trusts_authority(key) else key), True
        return self._unknown is None

    async def public_key_auth_requested(self) -> KeyPairs | None:
        """Return the next key to try."""
        return await self._offers.next()

    def password_auth_requested(self) -> None:
        """Give no password."""
        self._offers.others.add("a password")

    def kbdint_auth_requested(self) -> None:
        """Answer no questions."""
        self._offers.others.add("answers to its questions, such as a second factor")

    def explained(self, error: Exception) -> TunnelError:
        """Say what was asked, what is wrong and what to do."""
        server, said = self._settings.server, _told(error)
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return TunnelError(self.known_now.refusal(server, self._unknown, authority=self._by_authority, reason=said))
        if isinstance(error, asyncssh.PermissionDenied):
            return TunnelError(self._denied())
        if isinstance(error, asyncssh.KeyExchangeFailed | asyncssh.ProtocolNotSupported):
            return TunnelError(f"The SSH server {server} and this client have no method in common: {said}.")
        if "Too many authentication failures" in said:
            return TunnelError(f"{self._denied()} It was asked with too many keys: name the right one with sshKey.")
        if isinstance(error, socket.gaierror):
            return TunnelError(f"There is no host {self._settings.host!r} to be found: {said}.", passing=True)
        if isinstance(error, asyncssh.ChannelOpenError):
            return channel_problem(error, f"the SSH server {server}")
        if isinstance(error, asyncio.TimeoutError):
            said = f"it did not answer within {CONNECT_TIMEOUT_S:.0f} s"
        passing = isinstance(error, OSError | asyncssh.Error | asyncio.TimeoutError)
        return TunnelError(f"There is no SSH connection to {server}: {said}.", passing=passing)

    def _denied(self) -> str:
        others = f" It would accept {' or '.join(sorted(self._offers.others))}, which a tunnel never gives."
        return (
            f"The SSH server {self._settings.server} does not let {self._settings.user} in. {self._offers.describe()}"
            f"{others if self._offers.others else ''} Check `user` and `sshKey` of the section `tunnel`, and that the "
            "public key is among the authorized keys there."
        )

    def _known(self, host: str) -> KnownHost:
        return self._settings.known_hosts.of(host, self._port)


def channel_problem(error: asyncssh.ChannelOpenError, what: str) -> TunnelError:
    """Say why a connection from an SSH server to `what` could not be made."""
    if error.code == OPEN_ADMINISTRATIVELY_PROHIBITED:
        return TunnelError(
            f"The SSH server does not allow connections to {what}: {_told(error)}. Its administrators can allow them "
            f"({_NO_FORWARDING}); without `jumpHost` one logs in on the node itself."
        )
    return TunnelError(f"There is no connection to {what}: {_told(error)}.", passing=True)


def _told(error: Exception) -> str:
    reason = str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error) or type(error).__name__
    reason = " ".join(reason.split()).rstrip(".")
    return reason if len(reason) <= _TOLD else f"{reason[:_TOLD]}…"
