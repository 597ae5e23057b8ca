"""Which colony the pages look at, and its executors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from pollinator_magic.labserver.handlers import Handler

if TYPE_CHECKING:
    from pollinator_magic.labserver.desk import Desk


class ConnectionHandler(Handler):
    """The connection. `POST {"where": "local", "start": true}` chooses another, and may start the embedded colony."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the connection as it is now."""
        self.reply(await self.ask(_connection, self.desk))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Choose the colony for all pages; return the connection to it."""
        asked = self.asked()
        self.reply(await self.ask(_choose, self.desk, asked.get("where"), start=asked.get("start") is True))


class ExecutorsHandler(Handler):
    """The executors of the colony."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the executors as they are now."""
        self.reply({"executors": await self.ask(_executors, self.desk)})


def _connection(desk: Desk) -> dict[str, Any]:
    connection = desk.connection()
    if connection["reachable"]:
        desk.watcher().reached()
    return connection


def _choose(desk: Desk, where: object, *, start: bool) -> dict[str, Any]:
    desk.choose(where, start=start)
    desk.watcher().hurry()
    return _connection(desk)


def _executors(desk: Desk) -> list[dict[str, Any]]:
    from pollinator_magic.jobs.executors import survey
    from pollinator_magic.labserver.summaries import executors_told

    return executors_told(survey(desk.place().client))
