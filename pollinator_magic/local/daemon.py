"""The embedded colony's background process: `python -m pollinator_magic.local.daemon --home DIR`.

It serves the colony (its objects over S3 too, where that is wanted), runs its jobs, and ends when it is told to
(SIGTERM), or when its home is no longer its own.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import msgspec
import psutil
from filelock import FileLock, Timeout

from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.models import User
from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.sessions import birth
from pollinator_magic.local import bootstrap
from pollinator_magic.local.collector import Collector
from pollinator_magic.local.daemonlog import OneEntry, PrivateLog
from pollinator_magic.local.home import COLONY, EXECUTOR, DaemonRecord, Home
from pollinator_magic.local.objectserver import ObjectServer
from pollinator_magic.local.server import LocalServer
from pollinator_magic.local.version import VERSION
from pollinator_magic.settings import Connection, DirectorySettings

if TYPE_CHECKING:
    from pollinator_magic.executors.worker import Worker
    from pollinator_magic.local.database import Database

_log = logging.getLogger("pollinator_magic.local.daemon")  # __name__ is __main__ here
_LARGEST_LOG = 2**20
_KEPT_LOGS = 3
_LOOK_EVERY_S = 1.0
_LOOK = 0
"""Told in place of a signal: something has changed that the record shall say."""
_PREDECESSOR_ENDS_WITHIN_S = 10


def main(arguments: list[str] | None = None) -> int:
    """Serve a home until told to stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pollinator_magic.local.daemon", description=__doc__)
    parser.add_argument("--home", type=Path, help="directory of the embedded colony")
    parser.add_argument("--no-executor", action="store_true", help="serve the colony, but run no jobs")
    options = parser.parse_args(arguments)
    home = Home(options.home)
    home.make()
    _log_to(home.log)
    told: SimpleQueue[int] = SimpleQueue()  # unlike an event, it may be filled by a handler while it is waited on
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.put(number))
    try:
        with FileLock(home.daemon_lock, timeout=_PREDECESSOR_ENDS_WITHIN_S, mode=0o600):
            _serve(home, told, with_executor=not options.no_executor)
    except Timeout:
        _log.error("Another daemon serves %s", home.root)
        return 3
    except (PollinatorError, OSError):
        _log.exception("The embedded colony cannot run")
        return 1
    return 0


def _serve(home: Home, told: SimpleQueue[int], *, with_executor: bool) -> None:
    with contextlib.ExitStack() as cleanup:
        objects = ObjectServer(home, lambda: told.put(_LOOK))
        server = _start_server(home, objects)
        cleanup.callback(server.stop)
        cleanup.callback(objects.stop)
        if with_executor:
            worker = _make_worker(home, server.port)
            worker.start()
            cleanup.callback(worker.stop)
        me = DaemonRecord(
            pid=os.getpid(),
            port=server.port,
            started=psutil.Process().create_time(),
            birth=birth(os.getpid()),
            version=VERSION,
        )
        home.write_record(me)
        _log.info("Version %s serves %s on port %d", VERSION, home.root, server.port)
        objects.follow_wish()
        while not _is_told(told):
            if home.read_record() != me:
                _log.warning("%s is not served by this process any more", home.root)
                return
            if not server.running:
                _log.error("The server has ended")
                return
            objects.follow_wish()
            now = msgspec.structs.replace(me, s3_port=objects.port)
            if now != me:
                with contextlib.suppress(OSError):  # as on a full disk: written when there is space again
                    home.write_record(now)
                    me = now
        _log.info("Told to stop")
        home.remove_record()


def _is_told(told: SimpleQueue[int]) -> bool:
    """Wait a moment for something to look at; return whether it was a signal to end."""
    try:
        return told.get(timeout=_LOOK_EVERY_S) != _LOOK
    except Empty:
        return False


def _start_server(home: Home, objects: ObjectServer) -> LocalServer:
    keys = home.keys

    def prepare(database: Database) -> None:
        bootstrap.ensure_colony(database, name=COLONY, owner_id=keys.owner.identity)
        bootstrap.ensure_user(database, User(colonyname=COLONY, userid=keys.user.identity, name=_user_name()))

    def make() -> LocalServer:
        return LocalServer(
            home.database,
            owner_id=keys.server.identity,
            version=VERSION,
            prepare=prepare,
            file_added=objects.show,
            beside=Collector(home).run,
        )

    server = make()
    try:
        server.start(home.remembered_port())
    except OSError:  # somebody else has taken the port meanwhile
        server = make()
        server.start()
    return server


def _make_worker(home: Home, port: int) -> Worker:
    from pollinator_magic.executors.process.engine import ProcessEngine
    from pollinator_magic.executors.worker import Worker

    connection = Connection(
        server=Server("127.0.0.1", port, tls=False),
        colony=COLONY,
        key=home.keys.executor,
        storage=DirectorySettings(home.objects),
        embedded=True,
    )
    engine = ProcessEngine(home.cfs, trust_python=True)
    return Worker(connection, home.keys.owner, engine, name=EXECUTOR, fs_dir=home.cfs)


def _user_name() -> str:
    try:
        return psutil.Process().username().rsplit("\\", 1)[-1] or "user"
    except (psutil.Error, KeyError):  # a user id without a name, as in containers
        return "user"


def _log_to(path: Path) -> None:
    handler = PrivateLog(path, maxBytes=_LARGEST_LOG, backupCount=_KEPT_LOGS, encoding="utf-8")
    handler.setFormatter(OneEntry("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("botocore", "boto3", "urllib3", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
