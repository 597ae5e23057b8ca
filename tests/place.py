"""Where the integration suite runs: a colony of its own, or the one that the environment names.

Without further ado it is an embedded server in this process, once with a directory of objects and once with a real S3
server. With POLLINATOR_TEST_COLONY=env it is the colony of COLONIES_* with the objects of AWS_S3_*; the suite then
registers its own users and executors, under names that nobody else has, with the key in COLONIES_COLONY_PRVKEY, and
removes them at the end:

    POLLINATOR_TEST_COLONY=env COLONIES_…=… COLONIES_COLONY_PRVKEY=… AWS_S3_…=… pytest tests/integration
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Executor, User
from pollinator_magic.errors import NotFound
from pollinator_magic.executors.process import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Session
from pollinator_magic.settings import (
    Connection,
    DirectorySettings,
    connection_from_environment,
    owner_key_from_environment,
)
from tests.colony_server import running_colony
from tests.s3_server import running_s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.colonies.address import Server
    from pollinator_magic.settings import StorageSettings

ELSEWHERE = os.environ.get("POLLINATOR_TEST_COLONY") == "env"
STORAGES = ("environment",) if ELSEWHERE else ("directory", "s3")
"""The names of the object stores that the suite runs with."""


@dataclass(frozen=True)
class Member:
    """Somebody who is registered in the colony."""

    name: str
    key: PrivateKey


class Place:
    """A colony to test in, its object stores, and whoever was registered for the tests."""

    def __init__(self, server: Server, colony: str, owner_key: PrivateKey, directory: Path) -> None:
        self.server = server
        self.colony = colony
        self.owner_key = owner_key
        self.directory = directory
        """For files of the executors."""
        self.storages: dict[str, StorageSettings] = {}
        self._owner = Colonies(server, colony, owner_key)
        self._users: list[str] = []
        self._registered: list[str] = []
        self._workers: dict[StorageSettings, Worker] = {}
        self.user_key = self.new_user("alice")
        """A user of the colony."""

    @property
    def any_storage(self) -> StorageSettings:
        """One of the object stores, for tests to which it does not matter."""
        return next(iter(self.storages.values()))

    def new_user(self, name: str = "user") -> PrivateKey:
        """Register a user, under a name of its own; return its key."""
        member = _somebody(name)
        self._owner.add_user(User(colonyname=self.colony, userid=member.key.identity, name=member.name))
        self._users.append(member.name)
        return member.key

    def new_executor(self, name: str = "executor") -> Member:
        """Register an executor, under a name of its own; nobody takes its work but the test."""
        member = Member(self.free_name(name), PrivateKey.generate())
        self._owner.add_executor(
            Executor(
                executorid=member.key.identity,
                executorname=member.name,
                executortype="container-executor",
                colonyname=self.colony,
            )
        )
        self._owner.approve_executor(member.name)
        return member

    def free_name(self, name: str = "executor") -> str:
        """Return a name under which an executor may register itself; it is removed at the end."""
        self._registered.append(_somebody(name).name)
        return self._registered[-1]

    def executor(self, storage: StorageSettings) -> str:
        """Return the name of an executor that runs jobs, with the real worker and engine, on files of this storage."""
        if storage not in self._workers:
            self._workers[storage] = self._start_worker(storage)
        return self._workers[storage].name

    def session(self, storage: StorageSettings | None, key: PrivateKey | None = None) -> Session:
        """Return a session of this user, by default of a new one."""
        return Session(self.connection(storage, key or self.new_user()))

    def connection(self, storage: StorageSettings | None, key: PrivateKey) -> Connection:
        """Return what somebody with this key needs to act here."""
        return Connection(self.server, self.colony, key, storage)

    def close(self) -> None:
        """Stop the executors, and remove everybody who was registered."""
        with ExitStack() as closing:
            closing.callback(self._owner.close)
            for name in self._users:
                closing.callback(_if_there, self._owner.remove_user, name)
            for name in self._registered:
                closing.callback(_if_there, self._owner.remove_executor, name)
            for worker in self._workers.values():
                closing.callback(worker.stop)

    def _start_worker(self, storage: StorageSettings) -> Worker:
        name = self.free_name("host")
        files = self.directory / name
        worker = Worker(
            self.connection(storage, PrivateKey.generate()),
            self.owner_key,
            ProcessEngine(files, cpu_millis=8000, memory_bytes=16 << 30, grace_s=0.5),
            name=name,
            fs_dir=files,
            poll_s=1,
        )
        worker.start()
        return worker


def environment(connection: Connection) -> dict[str, str]:
    """Return the variables of a program of its own that acts over this connection, and no other ones of ours."""
    own = ("COLONIES_", "AWS_", "POLLINATOR_", "COLONYOS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own) or name == "POLLINATOR_HOME"}
    return {
        **kept,
        "COLONIES_SERVER_HOST": connection.server.host,
        "COLONIES_SERVER_PORT": str(connection.server.port),
        "COLONIES_TLS": str(connection.server.tls).lower(),
        "COLONIES_COLONY_NAME": connection.colony,
        "COLONIES_PRVKEY": connection.key.reveal(),
        **_storage_variables(connection.storage),
    }


@contextmanager
def running_place() -> Iterator[Place]:
    """Run the place that the environment asks for until the block ends."""
    with ExitStack() as closing:
        directory = Path(tempfile.mkdtemp(prefix="place-"))
        closing.callback(shutil.rmtree, directory, ignore_errors=True)
        if ELSEWHERE:
            named, owner_key = connection_from_environment(), owner_key_from_environment()
            if owner_key is None or named.storage is None:
                raise RuntimeError("POLLINATOR_TEST_COLONY=env needs COLONIES_COLONY_PRVKEY and AWS_S3_*")
            place = Place(named.server, named.colony, owner_key, directory)
            storages = [named.storage]
        else:
            own, s3 = closing.enter_context(running_colony()), closing.enter_context(running_s3())
            place = Place(own.server, own.colony, own.owner_key, directory)
            storages = [DirectorySettings(directory / "objects"), s3.settings()]
        closing.callback(place.close)
        place.storages = dict(zip(STORAGES, storages, strict=True))
        yield place


def _somebody(name: str) -> Member:
    return Member(f"{name}-{secrets.token_hex(6)}", PrivateKey.generate())


def _if_there(remove: Callable[[str], None], name: str) -> None:
    with suppress(NotFound):  # a test has removed it, or its registration has failed
        remove(name)


def _storage_variables(storage: StorageSettings | None) -> dict[str, str]:
    if storage is None:
        return {}
    if isinstance(storage, DirectorySettings):
        return {"POLLINATOR_OBJECTS_DIR": str(storage.path)}
    return {
        "AWS_S3_ENDPOINT": storage.endpoint,
        "AWS_S3_BUCKET": storage.bucket,
        "AWS_S3_ACCESSKEY": storage.access_key,
        "AWS_S3_SECRETKEY": storage.secret_key,
        "AWS_S3_REGION": storage.region,
        "AWS_S3_TLS": str(storage.tls).lower(),
        "AWS_S3_SKIPVERIFY": str(not storage.verify).lower(),
    }
