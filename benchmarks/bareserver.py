"""The server that the embedded one is compared with: a tornado handler that puts the body into SQLite, and no more."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.netutil
import tornado.web


class _Insert(tornado.web.RequestHandler):
    def initialize(self, database: sqlite3.Connection) -> None:
        self._database = database

    def post(self) -> None:
        self._database.execute("INSERT INTO bodies (body) VALUES (?)", (self.request.body,))
        self.finish({"error": False})

    def get(self) -> None:
        """Say nothing: it is up."""


async def _serve(directory: Path) -> None:
    database = sqlite3.connect(directory / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB)")
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    routes: list[Any] = [("/api", _Insert, {"database": database})]
    server = tornado.httpserver.HTTPServer(tornado.web.Application(routes, log_function=lambda _: None))
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it lets go


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
