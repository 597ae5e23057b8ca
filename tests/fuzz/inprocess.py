"""The embedded colony without its sockets: the same answers to the same signed bodies, some hundred times as fast."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import threading
from contextlib import contextmanager
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.connections import Answer
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import (
    Conditions,
    DirMount,
    Executor,
    File,
    FunctionSpec,
    Mounts,
    Reference,
    S3Object,
    SnapshotMount,
    User,
)
from pollinator_magic.local import bootstrap, envelope
from pollinator_magic.local.core import Core
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.operations.processes import LongPoll
from pollinator_magic.local.routing import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLONY = "vec"
TYPE = "vec-exec"
CONTENT = b"x"
OBJECT = "0" * 64
"""What the files of a settled colony contain, and the object that holds it."""
SERVER_KEY, OWNER_KEY, ALICE, EX1, EX2, STRANGER = (PrivateKey.from_hex(f"{number:064x}") for number in range(1, 7))
KEYS = (ALICE, ALICE, EX1, EX1, EX2, OWNER_KEY, SERVER_KEY, STRANGER)


class InProcess:
    """The colony of the recordings, on a thread of its own, from `start` to `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="in-process-colony", daemon=True)
        self._thread.start()
        self.core = self._on_loop(self._open)

    def ask(self, body: bytes) -> tuple[bytes, int]:
        """Return what would be sent for a request; raises whatever the server would write a traceback of."""
        return asyncio.run_coroutine_threadsafe(self._answer(body), self._loop).result()

    def client(self, key: PrivateKey, alter: Callable[[bytes, tuple[bytes, int]], tuple[bytes, int]] | None = None):
        """Return a client whose requests come straight here; `alter` may change what it gets for them."""
        client = Colonies(Server("127.0.0.1", 1, tls=False), COLONY, key)

        def post(body: bytes, _read_timeout_s: float) -> Answer:
            answer = self.ask(body)
            content, status = alter(body, answer) if alter else answer
            return Answer(status, "", content)

        client.rpc._post, client.rpc._in_bulk = post, lambda _body: None
        return client

    def close(self) -> None:
        self._on_loop(self.core.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _answer(self, body: bytes) -> tuple[bytes, int]:
        try:
            payloadtype, reply = self.core.answer(body)
            self.core.keep()
            if isawaitable(reply):
                reply = await reply
        except Refused as refusal:
            return envelope.failure(refusal), refusal.status
        if isinstance(reply, LongPoll):
            return envelope.failure(Refused(404, "No process available for assignment")), 404
        return envelope.success(payloadtype, reply), 200

    def _on_loop(self, do):
        async def doing():
            return do()

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result()

    def _open(self) -> Core:
        database = Database(self.path, Facts(owner_id=SERVER_KEY.identity))
        with database.transaction():
            bootstrap.ensure_colony(database, name=COLONY, owner_id=OWNER_KEY.identity)
            bootstrap.ensure_user(database, User(colonyname=COLONY, userid=ALICE.identity, name="alice"))
        return Core(database)


@contextmanager
def in_process(template: Path | None = None) -> Iterator[InProcess]:
    """Have a colony until the block ends; it begins with what is in `template`."""
    directory = Path(tempfile.mkdtemp(prefix="in-process-"))
    if template is not None:
        shutil.copy(template, directory / "colony.db")
    colony = InProcess(directory / "colony.db")
    try:
        yield colony
    finally:
        colony.close()
        shutil.rmtree(directory)


def settled(path: Path) -> dict[str, list[str]]:
    """Make a database in which there is one of everything; return the ids of what is in it, by kind."""
    with in_process() as colony:
        ids = settle(colony)
        path.write_bytes(_whole(colony))
    return ids


def settle(colony: InProcess) -> dict[str, list[str]]:
    """Put one of everything into a colony; return the ids, by kind."""
    owner, alice, ex1 = colony.client(OWNER_KEY), colony.client(ALICE), colony.client(EX1)
    for name, key in (("ex1", EX1), ("ex2", EX2)):
        owner.add_executor(Executor(executorid=key.identity, executorname=name, executortype=TYPE, colonyname=COLONY))
        owner.approve_executor(name)
    processes = [alice.submit(spec()).processid for _ in range(5)]
    assigned = [ex1.assign(-1).processid for _ in range(4)]
    for number, process_id in enumerate(assigned):
        ex1.add_log(process_id, f"line {number}\n")
    attribute = ex1.add_attribute(assigned[0], "NODES", "n1")
    ex1.close_successful(assigned[1], ["done"])
    ex1.close_failed(assigned[2], ["boom"])
    alice.cancel(assigned[3])
    checksum = hashlib.sha256(CONTENT).hexdigest()
    reference = Reference(s3object=S3Object(object=OBJECT))
    files = [
        alice.add_file(File(label=label, name="a.txt", size=len(CONTENT), checksum=checksum, ref=reference))
        for label in ("/p/src", "/p/src/sub")
    ]
    snapshot = alice.create_snapshot("/p/src", "first")
    return {
        "process": processes,
        "attribute": [attribute.attributeid],
        "file": [file.fileid for file in files],
        "snapshot": [snapshot.snapshotid],
        "identity": [key.identity for key in set(KEYS)],
    }


def spec() -> FunctionSpec:
    """Return what an executor of ours would run."""
    return FunctionSpec(
        funcname="execute",
        kwargs={"cmd": "sh", "args": ["/cfs/p/src/a.txt"], "docker-image": "", "init-cmd": ""},
        maxexectime=59,
        maxwaittime=-1,
        maxretries=3,
        conditions=Conditions(
            colonyname=COLONY,
            executortype=TYPE,
            executornames=["ex1"],
            nodes=1,
            processespernode=1,
            cpu="1000m",
            mem="500Mi",
            walltime=60,
        ),
        fs=Mounts(
            mount="/cfs",
            snapshots=[SnapshotMount(snapshotid="0" * 64, label="/p/src", dir="/p/src")],
            dirs=[DirMount(label="/p/result", dir="/p/result")],
        ),
        env={"PROJECT_DIR": "/cfs/p"},
    )


def _whole(colony: InProcess) -> bytes:
    """Return the database as one file, with what is still in its log."""
    colony._on_loop(lambda: colony.core.database.run("PRAGMA wal_checkpoint(TRUNCATE)"))
    return colony.path.read_bytes()
