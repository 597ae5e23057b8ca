"""The first push of 1,000 small files, beside a bare loop of `requests` and boto3 that sends the same.

The loop does nothing else. It stands in for the Go tools, beside which docs/figures.md has figures taken by hand.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from benchmarks.report import Options, Report, median
from benchmarks.surroundings import running_colony, scratch
from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import DirectoryObjects, S3Objects, new_object_name, open_store
from pollinator_magic.cfs.state import SyncState
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.envelope import seal
from pollinator_magic.colonies.models import File
from pollinator_magic.settings import S3Settings
from tests.s3_server import running_s3

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pollinator_magic.cfs.objects import ObjectStore
    from pollinator_magic.settings import Connection

_WAYS = {"S3": ("bare", "push"), "directory": ("bare", "push", "sync")}  # sync and push share all that costs
_ROUNDS = {"S3": 6, "directory": 9}  # multiples of the ways, so that each is in each place of the order equally often
THREADS = 16
_DIRECTORIES, _FILES_EACH, _SIZE = 10, 100, 4096
_LIMIT = 1.0


def run(_options: Options) -> Report:
    """Measure."""
    count = _DIRECTORIES * _FILES_EACH
    report = Report(
        f"first push of {count:,} files of 4 KiB in {_DIRECTORIES} directories, {THREADS} threads",
        ("rounds", "bare loop", "own", "of bare"),
    )
    with scratch() as place, running_colony(place / "home", with_executor=False) as colony, running_s3() as s3:
        root = place / "src"
        _make_files(root)
        connection = colony.connection()
        for name, here in (("S3", replace(connection, storage=s3.settings())), ("directory", connection)):
            times = _rounds(here, root, place / "work", _ROUNDS[name], _WAYS[name])
            for way in _WAYS[name][1:]:
                ratio = _ratio(times, way)
                seconds = (f"{median(times[kind]):.2f} s" for kind in ("bare", way))
                report.row(f"{way} to the {name} store", f"{_ROUNDS[name]}", *seconds, f"{ratio:.2f} x")
                report.target(f"{way} to the {name} store", ratio, _LIMIT, "times the bare loop")
            rates = {kind: count / median(times[kind]) for kind in _WAYS[name]}
            own = {f"pollinator_magic: {way}": rates[way] for way in _WAYS[name][1:]}
            report.bars(f"First push to the {name} store", "files a second", {"bare loop": rates["bare"], **own})
    return report


def _make_files(root: Path) -> None:
    for directory in (root, *(root / f"part-{number}" for number in range(1, _DIRECTORIES))):
        directory.mkdir()
        for other in range(_FILES_EACH):
            (directory / f"{other:03}.bin").write_bytes(secrets.token_bytes(_SIZE))
    time.sleep(0.05)  # files of this very moment would have to be looked at twice


def _rounds(
    connection: Connection, root: Path, work: Path, rounds: int, names: tuple[str, ...]
) -> dict[str, list[float]]:
    """Return the seconds of each way, round by round, the order changing."""
    ways: dict[str, Callable[[Connection, Path, Path], float]] = {"bare": _bare, "push": _push, "sync": _sync}
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            shutil.rmtree(work, ignore_errors=True)
            times[name].append(ways[name](_with_empty_bucket(connection), root, work))
    return times


def _with_empty_bucket(connection: Connection) -> Connection:
    """Return the connection with a bucket of its own: the S3 server is the slower the more a bucket holds."""
    storage = connection.storage
    if isinstance(storage, S3Settings):
        storage = replace(storage, bucket=f"bench-{secrets.token_hex(8)}")
    return replace(connection, storage=storage)


def _ratio(times: dict[str, list[float]], kind: str) -> float:
    """Return the median of the rounds' ratios: what disturbs a round as a whole counts for neither side."""
    return median([own / bare for own, bare in zip(times[kind], times["bare"], strict=True)])


def _bare(connection: Connection, root: Path, _: Path) -> float:
    """Send objects and metadata, and nothing else: names and checksums are known, nothing is compared or kept."""
    import requests
    from requests.adapters import HTTPAdapter

    label = _new_label()
    files = [file for file in root.rglob("*") if file.is_file()]
    checksums = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    store = _warm_store(connection, root)
    put = _bare_put(store)
    url = f"{connection.server.url}/api"
    with requests.Session() as session:
        session.trust_env = False
        session.mount(url, HTTPAdapter(pool_maxsize=THREADS))

        def one(file: Path) -> None:
            name = new_object_name()
            put(name, file)
            record = File(
                colonyname=connection.colony,
                label=label if file.parent == root else f"{label}/{file.parent.name}",
                name=file.name,
                size=_SIZE,
                checksum=checksums[file],
                ref=store.reference(name),
            )
            body = seal(connection.key, "addfilemsg", {"file": msgspec.to_builtins(record)})
            session.post(url, data=body).raise_for_status()

        begin = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, files))
        return time.perf_counter() - begin


def _push(connection: Connection, root: Path, work: Path) -> float:
    with _client(connection) as client, Filesystem(client, _warm_store(connection, root), threads=THREADS) as files:
        begin = time.perf_counter()
        result = files.push_source(root, _new_label(), SyncState(work))
        seconds = time.perf_counter() - begin
    assert len(result.snapshot.fileids) == _DIRECTORIES * _FILES_EACH
    return seconds


def _sync(connection: Connection, root: Path, work: Path) -> float:
    with _client(connection) as client, Filesystem(client, _warm_store(connection, root), threads=THREADS) as files:
        begin = time.perf_counter()
        result = files.sync(root, _new_label(), SyncState(work))
        seconds = time.perf_counter() - begin
    assert result.done.uploaded == _DIRECTORIES * _FILES_EACH
    return seconds


def _client(connection: Connection) -> Colonies:
    client = Colonies(connection.server, connection.colony, connection.key)
    client.version()  # connected
    return client


def _warm_store(connection: Connection, root: Path) -> ObjectStore:
    """Return a store that is connected, and whose bucket exists."""
    assert connection.storage is not None
    store = open_store(connection.storage, threads=THREADS)
    store.put(new_object_name(), next(file for file in root.rglob("*") if file.is_file()), lambda _: None)
    return store


def _bare_put(store: ObjectStore) -> Callable[[str, Path], None]:
    """Return the usual way to store a file in the same place."""
    if isinstance(store, S3Objects):
        client, bucket = store._client, store.settings.bucket  # noqa: SLF001  the very same client configuration

        def put(name: str, file: Path) -> None:
            client.put_object(Bucket=bucket, Key=name, Body=file.read_bytes())

        return put
    assert isinstance(store, DirectoryObjects)
    directory = store.path / "pollinator"

    def write(name: str, file: Path) -> None:
        (directory / name).write_bytes(file.read_bytes())

    return write


def _new_label() -> str:
    return f"/pollinator/{secrets.token_hex(8)}/src"
