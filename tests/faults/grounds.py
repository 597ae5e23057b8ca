"""Where lives are lived under faults: a real colony, a real S3 server, a real executor, and a proxy on each way.

    user's client --client_colony--> colony <--executor_colony-- executor
    user's client --client_s3------> S3     <--executor_s3------ executor

What the test itself asks (`truth`) goes around the proxies.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Session
from pollinator_magic.settings import Connection
from tests.colony_server import running_colony
from tests.faults.colony_faults import kind_of_rpc
from tests.faults.proxy import Proxy
from tests.faults.s3_faults import kind_of_s3
from tests.s3_server import running_s3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.settings import S3Settings
    from tests.colony_server import RunningColony
    from tests.faults.proxy import AfterBytes, AtRequest
    from tests.s3_server import RunningS3

READ_TIMEOUT_S = 2.0
"""How long the user's client waits for a reply here; long enough for a busy machine."""
_HELD_S = 0.3
BUCKET = "faults"
EXECUTOR = "host"


class Grounds:
    """The servers, the executor, and the ways between them."""

    def __init__(self, colony: RunningColony, s3: RunningS3, directory: Path) -> None:
        self.colony = colony
        self.s3 = s3
        self.directory = directory
        (s3.directory / BUCKET).mkdir()
        self.client_colony = Proxy((colony.server.host, colony.server.port), kind_of_rpc)
        self.executor_colony = Proxy((colony.server.host, colony.server.port), kind_of_rpc)
        self.client_s3 = Proxy(("127.0.0.1", s3.port), kind_of_s3)
        self.executor_s3 = Proxy(("127.0.0.1", s3.port), kind_of_s3)
        self.truth = self.session(through=False)
        """Sees what the servers really have."""
        self.worker = self._new_worker()

    @property
    def proxies(self) -> tuple[Proxy, ...]:
        return self.client_colony, self.executor_colony, self.client_s3, self.executor_s3

    def session(self, *, through: bool = True) -> Session:
        """Return a session of the user, by default through the proxies."""
        server = self._server(self.client_colony) if through else self.colony.server
        storage = self._storage(self.client_s3 if through else None)
        key = self.colony.user_key
        session = Session(Connection(server, self.colony.colony, key, storage))
        session.client = Colonies(server, self.colony.colony, key, read_timeout_s=READ_TIMEOUT_S if through else 30)
        return session

    @contextmanager
    def fault(self, proxy: Proxy, fault: AtRequest | AfterBytes | None) -> Iterator[None]:
        """Have something go wrong on one of the ways until the block ends; what is held goes on a little later."""
        for each in self.proxies:
            each.arm(fault if each is proxy else None)
        ended = threading.Event()

        def release() -> None:
            while not ended.is_set():
                if proxy.happened.wait(0.05) and not ended.wait(_HELD_S):
                    proxy.release()

        releasing = threading.Thread(target=release, name="release")
        releasing.start()
        try:
            yield
        finally:
            ended.set()
            releasing.join()
            self.lift()

    def lift(self) -> None:
        """Let nothing go wrong any more."""
        for proxy in self.proxies:
            proxy.lift()

    def content(self, checksum_of: str) -> str:
        """Return the SHA-256 of an object, as it lies in the store; "" if it is not there."""
        file = self.s3.directory / BUCKET / checksum_of
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""

    def close(self) -> None:
        """Stop the executor, and end the ways."""
        self.lift()
        self.executor_colony.close()  # ends the polls at once
        self.worker.stop()
        self.truth.close()
        for proxy in self.proxies:
            proxy.close()

    def _new_worker(self) -> Worker:
        connection = Connection(
            self._server(self.executor_colony),
            self.colony.colony,
            PrivateKey.generate(),
            self._storage(self.executor_s3),
        )
        engine = ProcessEngine(self.directory / "fs", cpu_millis=64_000, memory_bytes=64 << 30, grace_s=0.2)
        worker = Worker(
            connection, self.colony.owner_key, engine, name=EXECUTOR, fs_dir=self.directory / "fs", poll_s=1
        )
        worker.start()
        return worker

    def _server(self, proxy: Proxy) -> Server:
        return Server("127.0.0.1", proxy.port, tls=False)

    def _storage(self, proxy: Proxy | None) -> S3Settings:
        settings = self.s3.settings(BUCKET)
        return settings if proxy is None else replace(settings, endpoint=f"127.0.0.1:{proxy.port}")


@contextmanager
def running_grounds() -> Iterator[Grounds]:
    """Have everything run until the block ends."""
    with ExitStack() as closing:
        directory = Path(tempfile.mkdtemp(prefix="faults-"))
        closing.callback(shutil.rmtree, directory, ignore_errors=True)
        colony = closing.enter_context(running_colony())
        grounds = Grounds(colony, closing.enter_context(running_s3()), directory)
        closing.callback(grounds.close)
        yield grounds
