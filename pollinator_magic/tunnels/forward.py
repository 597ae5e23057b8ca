"""A port of this machine, of 127.0.0.1 alone, that leads through whatever SSH connection there is.

It outlives the connections: while there is none, whoever connects waits for a moment.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import asyncssh

from pollinator_magic.errors import TunnelError
from pollinator_magic.tunnels.patience import within

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pollinator_magic.tunnels.login import Connection, Streams

PATIENCE_S = 30.0
"""For so long at most somebody who has connected here waits for a connection to the other side."""
MOST = 200
"""So many connections at the same time; more are closed at once."""
_CHUNK = 1 << 16


class Forward:
    """The port. Nobody but this machine reaches it."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._way: tuple[Connection, str, int] | None = None
        self._leads = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self, wanted: int) -> int:
        """Take the port that is wanted, or another one if it cannot be had; return which."""
        try:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", wanted)
        except OSError:  # it is taken, or not for everybody to take
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    def lead(self, connection: Connection, host: str, port: int) -> None:
        """Lead new connections to this port, as it is seen from the other end."""
        self._way = connection, host, port
        self._leads.set()

    def lead_nowhere(self) -> None:
        """Let new connections wait for the next way."""
        self._leads.clear()

    async def close(self) -> None:
        """Give the port back, and end all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST:
            writer.close()
            return
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await within(PATIENCE_S, self._far_end())
            try:
                await _both(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.close()
        except (OSError, asyncssh.Error, asyncio.TimeoutError, TunnelError):
            pass  # whoever has connected sees that it is closed, as without a tunnel
        finally:
            writer.close()

    async def _far_end(self) -> Streams:
        """Connect on the other side; where the way there is lost before anything was sent, take the next one."""
        while True:
            await self._leads.wait()
            if self._way is None:
                raise TunnelError("There is no way.")
            connection, host, port = self._way
            try:
                return await connection.open(host, port)
            except TunnelError:
                if not connection.is_lost:
                    raise
                self.lead_nowhere()


class _Source(Protocol):
    async def read(self, n: int) -> bytes: ...


class _Sink(Protocol):
    def write(self, data: bytes) -> None: ...

    def write_eof(self) -> None: ...

    async def drain(self) -> None: ...


async def _both(*ways: Awaitable[None]) -> None:
    """Wait for both; one that fails ends the other."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(source: _Source, sink: _Sink) -> None:
    """Carry bytes one way until there are no more, no faster than they are taken."""
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    with suppress(OSError):
        sink.write_eof()
