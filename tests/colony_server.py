"""A real embedded colony in this process, for tests: `with running_colony() as colony: ...`.

The server runs in a thread on a free loopback port, its database lies in a temporary directory. One colony, its owner
and one user exist from the beginning.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Executor, User
from pollinator_magic.local import bootstrap
from pollinator_magic.local.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.local.database import Database


class RunningColony:
    """Where the colony is, and the keys of those who are in it."""

    def __init__(self, colony: str = "test") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="colony-"))
        self.colony = colony
        self.server_key = PrivateKey.generate()
        self.owner_key = PrivateKey.generate()
        self.user_key = PrivateKey.generate()
        self._users = {"alice": self.user_key}
        self._executors: list[Executor] = []
        self._port = 0
        self._running = self._start()

    @property
    def server(self) -> Server:
        """The address of the server; it stays the same after `restart`."""
        return Server("127.0.0.1", self._port, tls=False)

    def new_user(self, name: str) -> PrivateKey:
        """Add a user; return its key."""
        from pollinator_magic.colonies.client import Colonies

        key = PrivateKey.generate()
        with Colonies(self.server, self.colony, self.owner_key) as owner:
            owner.add_user(User(colonyname=self.colony, userid=key.identity, name=name))
        return key

    def new_executor(self, name: str, approve: bool = True, *, executor_type: str = "container-executor") -> PrivateKey:
        """Register an executor; return its key."""
        from pollinator_magic.colonies.client import Colonies

        key = PrivateKey.generate()
        with Colonies(self.server, self.colony, self.owner_key) as owner:
            owner.add_executor(
                Executor(executorid=key.identity, executorname=name, executortype=executor_type, colonyname=self.colony)
            )
            if approve:
                owner.approve_executor(name)
        return key

    def restart(self) -> None:
        """Stop the server and start it again on the same port, with the same data."""
        self._running.stop()
        self._running = self._start()

    def stop(self) -> None:
        """Stop the server, and keep its data: what a client sees while the server is down."""
        self._running.stop()

    def start(self) -> None:
        """Start the server again after `stop`."""
        self._running = self._start()

    def close(self) -> None:
        """Stop the server and remove its data."""
        self._running.stop()
        shutil.rmtree(self.directory)

    def _start(self) -> LocalServer:
        server = LocalServer(
            self.directory / "colony.db", owner_id=self.server_key.identity, version="test", prepare=self._prepare
        )
        server.start(self._port)
        self._port = server.port
        return server

    def _prepare(self, database: Database) -> None:
        bootstrap.ensure_colony(database, name=self.colony, owner_id=self.owner_key.identity)
        bootstrap.ensure_user(database, User(colonyname=self.colony, userid=self.user_key.identity, name="alice"))


@contextmanager
def running_colony(colony: str = "test") -> Iterator[RunningColony]:
    """Run a colony until the block ends."""
    running = RunningColony(colony)
    try:
        yield running
    finally:
        running.close()
