"""Looks at everything that an executor will need, before it is started: nothing is registered, nothing changed."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pollinator_magic.cfs.objects import DirectoryObjects, new_object_name, open_store
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.envelope import short
from pollinator_magic.colonies.models import ExecutorState
from pollinator_magic.errors import (
    AccessDenied,
    ConfigurationError,
    NotFound,
    ObjectMissing,
    PollinatorError,
    ServerError,
    ServerUnreachable,
    StorageError,
)
from pollinator_magic.executors.kinds import Finding
from pollinator_magic.executors.metrics import MISSING
from pollinator_magic.executors.specs import STATE_DIRECTORY
from pollinator_magic.executors.start import connection_of, directory_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pollinator_magic.colonies.keys import PrivateKey
    from pollinator_magic.executors.configuration import Configuration
    from pollinator_magic.settings import Connection

_LITTLE_SPACE = 10 << 30
_GIB = 1 << 30


def findings(configuration: Configuration) -> Iterator[Finding]:
    """Yield what is found, as it is found: settings, colony, keys, files, and what the engine looks at."""
    if configuration.file:
        yield Finding(f"configuration {configuration.file}")
    try:
        connection, owner_key = connection_of(configuration)
    except ConfigurationError as error:
        yield _bad("the colony and its keys are not set", str(error))
        directory = directory_of(configuration, "colony")
    else:
        yield from _colony(connection, owner_key, configuration.executor.name)
        yield from _objects(connection)
        directory = directory_of(configuration, connection.colony)
    yield from _directory(directory)
    if configuration.executor.metrics:
        yield from _metrics(*configuration.executor.metrics_address)
    yield from configuration.kind.check(configuration.engine, directory)


def _bad(what: str, remedy: str, *, fatal: bool = True) -> Finding:
    return Finding(what, good=False, remedy=remedy, fatal=fatal)


# --- the colony -------------------------------------------------------------------------------------------------------


def _colony(connection: Connection, owner_key: PrivateKey | None, name: str) -> Iterator[Finding]:
    with Colonies(connection.server, connection.colony, owner_key or connection.key) as client:
        try:
            version = client.version().buildversion
            yield Finding(f"Colonies server {connection.server} answers{f', version {version}' if version else ''}")
        except ServerUnreachable as error:
            yield _bad(f"Colonies server {connection.server} does not answer", str(error))
            return
        except ServerError:  # an older one, which is there all the same
            yield Finding(f"Colonies server {connection.server} answers")
        try:
            yield _owner(client) if owner_key else _registered(client, name)
        except PollinatorError as error:
            yield _bad(f"the key is not accepted for colony {connection.colony!r}", str(error))


def _owner(client: Colonies) -> Finding:
    """Find out whether the key is the colony owner's, by asking for something that only the owner is answered."""
    nobody = f"nobody-{secrets.token_hex(16)}"
    try:
        client.remove_user(nobody)  # an owner may, but there is none
    except NotFound as error:
        if nobody not in str(error):
            raise
    return Finding(f"colony {client.colony!r}: this is its owner's key, so the executor registers itself")


def _registered(client: Colonies, name: str) -> Finding:
    remedy = "Register it, or give the colony owner's key (COLONIES_COLONY_PRVKEY) so that it registers itself."
    who = f"identity {short(client.identity)}"
    try:
        present = client.executor(name)
    except (AccessDenied, NotFound) as error:
        what = f"colony {client.colony!r} has no approved executor {name!r} with this key ({who})"
        return _bad(what, f"{error} {remedy}")
    if present.executorid != client.identity:
        return _bad(f"the executor {name!r} of colony {client.colony!r} has another key than this ({who})", remedy)
    if present.status is not ExecutorState.APPROVED:
        return _bad(f"the executor {name!r} of colony {client.colony!r} is not approved", "Have it approved.")
    return Finding(f"colony {client.colony!r}: {name!r} is registered with this key")


# --- files ------------------------------------------------------------------------------------------------------------


def _objects(connection: Connection) -> Iterator[Finding]:
    if connection.storage is None:
        yield _bad(
            "no object store is set: only jobs without files can be run",
            "Set AWS_S3_ENDPOINT, AWS_S3_BUCKET, AWS_S3_ACCESSKEY and AWS_S3_SECRETKEY.",
            fatal=False,
        )
        return
    what = f"object store: {connection.storage}"
    store = open_store(connection.storage)
    if isinstance(store, DirectoryObjects) and not os.access(store.path, os.R_OK | os.W_OK | os.X_OK):
        yield _bad(what, f"Make {str(store.path)!r} a directory that can be read and written.")
        return
    try:
        with suppress(ObjectMissing):  # which only a store says that accepts the keys
            for _ in store.read(new_object_name()):
                pass
    except StorageError as error:
        yield _bad(what, str(error))
    else:
        yield Finding(what)


def _directory(directory: Path) -> Iterator[Finding]:
    there = next(path for path in (directory, *directory.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield _bad(
            f"directory {directory} cannot be {'written' if there == directory else 'made'}",
            f"{there} must be a directory that this user may write in; or choose another with --fs-dir.",
        )
        return
    if _in_use(directory):
        yield _bad(
            f"directory {directory} is used by another executor that is running",
            "Stop that one, or give this one a directory of its own with --fs-dir.",
        )
        return
    yield Finding(f"directory {directory}{'' if there == directory else ', which will be made'}")
    free = shutil.disk_usage(there).free
    what = f"{free / _GIB:.1f} GiB free there"
    if free < _LITTLE_SPACE:
        yield _bad(what, "Free some space: the files and results of jobs lie there while they run.", fatal=False)
    else:
        yield Finding(what)


def _in_use(directory: Path) -> bool:
    """Whether an executor that is running has claimed the directory (see `Worker`)."""
    file = directory / STATE_DIRECTORY / "lock"
    with suppress(OSError):
        if file.exists():
            try:
                with FileLock(file, timeout=0):
                    return False
            except Timeout:
                return True
    return False


def _metrics(host: str, port: int) -> Iterator[Finding]:
    if find_spec("prometheus_client") is None:
        yield _bad("metrics", MISSING)
        return
    with ExitStack() as closing:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            probe = closing.enter_context(socket.socket(family, kind, protocol))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
        except OSError as error:
            yield _bad(f"metrics at {host}, port {port}: {error.strerror or error}", "Give --metrics another address.")
            return
    yield Finding(f"metrics at {host}, port {port}")
