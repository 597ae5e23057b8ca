"""Where the integration suite runs: a colony of its own, or the one that the environment names.

Without further ado it is an embedded server in this process, once with a directory of objects and once with a real S3
server. With POLLINATOR_TEST_COLONY=env it is the colony of COLONIES_* with the objects of AWS_S3_*; the suite then
registers its own users and executors, under names that nobody else has, with the key in COLONIES_COLONY_PRVKEY, and
removes them at the end:

    POLLINATOR_TEST_COLONY=env COLONIES_…=… COLONIES_COLONY_PRVKEY=… AWS_S3_…=… pytest tests/integration

Tests of executors have a `Site` there (tests/integration/executors/worksite.py). A test that does something to the
server itself, like stopping it, has an embedded one of its own, wherever the others run: the mark `embedded_colony`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Executor, ProcessState, User
from pollinator_magic.errors import NotFound, ServerError
from pollinator_magic.executors.process.engine import ProcessEngine
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
    from tests.colony_server import RunningColony

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
        name = self.free_name(name)
        return Member(name, self.register(name))

    def register(self, free_name: str, *, approve: bool = True) -> PrivateKey:
        """Register an executor under a name that `free_name` has given, as the colony's owner; return its key."""
        key = PrivateKey.generate()
        self._owner.add_executor(
            Executor(
                executorid=key.identity,
                executorname=free_name,
                executortype="container-executor",
                colonyname=self.colony,
            )
        )
        if approve:
            self._owner.approve_executor(free_name)
        return key

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
        """Stop the executors, cancel what they leave, and remove everybody who was registered."""
        with ExitStack() as stack:
            stack.callback(self._owner.close)
            for name in self._users:
                stack.callback(_if_there, self._owner.remove_user, name)
            for name in self._registered:
                stack.callback(_if_there, self._owner.remove_executor, name)
            stack.callback(self._cancel_processes)
            for worker in self._workers.values():
                stack.callback(worker.stop)

    def _cancel_processes(self) -> None:
        """Nobody is left to run what was submitted here and waits."""
        with Colonies(self.server, self.colony, self.user_key) as client:
            for state, name in product((ProcessState.WAITING, ProcessState.RUNNING), self._users):
                with suppress(NotFound):  # a test has removed the user
                    for process in client.processes(state, initiator=name):
                        with suppress(ServerError):  # it has just ended
                            client.cancel(process.processid)

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


class EmbeddedPlace(Place):
    """An embedded colony with a directory of objects, whose server can be stopped."""

    def __init__(self, own: RunningColony, directory: Path) -> None:
        super().__init__(own.server, own.colony, own.owner_key, directory)
        self.stop = own.stop
        self.start = own.start
        objects = directory / "objects"
        objects.mkdir(mode=0o700)  # which an embedded colony has from its beginning
        self.storages = {"directory": DirectorySettings(objects)}


def environment(connection: Connection, owner_key: PrivateKey | None = None) -> dict[str, str]:
    """Return the variables of a program of its own that acts over this connection, and no other ones of ours.

    With the owner's key it is an executor, which registers itself.
    """
    own = ("COLONIES_", "AWS_", "POLLINATOR_", "COLONYOS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own) or name == "POLLINATOR_HOME"}
    return {
        **kept,
        "COLONIES_SERVER_HOST": connection.server.host,
        "COLONIES_SERVER_PORT": str(connection.server.port),
        "COLONIES_TLS": str(connection.server.tls).lower(),
        "COLONIES_COLONY_NAME": connection.colony,
        "COLONIES_PRVKEY": connection.key.reveal(),
        **({"COLONIES_COLONY_PRVKEY": owner_key.reveal()} if owner_key else {}),
        **_storage_variables(connection.storage),
    }


@contextmanager
def running_place() -> Iterator[Place]:
    """Run the place that the environment asks for until the block ends."""
    with ExitStack() as stack:
        if not ELSEWHERE:
            place: Place = stack.enter_context(embedded_place())
            place.storages["s3"] = stack.enter_context(running_s3()).settings()
        else:
            named, owner_key = connection_from_environment(), owner_key_from_environment()
            if owner_key is None or named.storage is None:
                raise RuntimeError("POLLINATOR_TEST_COLONY=env needs COLONIES_COLONY_PRVKEY and AWS_S3_*")
            place = Place(named.server, named.colony, owner_key, stack.enter_context(_directory()))
            stack.callback(place.close)
            place.storages = {"environment": named.storage}
        yield place


@contextmanager
def embedded_place() -> Iterator[EmbeddedPlace]:
    """Run an embedded colony until the block ends."""
    with running_colony() as own, _directory() as directory, closing(EmbeddedPlace(own, directory)) as place:
        yield place


@contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="place-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


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
