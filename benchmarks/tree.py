"""10 to 10,000 small files and one very large one, up and down: times, memory, and what an unchanged run costs."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import fresh
from benchmarks.memory import Memory
from benchmarks.report import Options, Report, ratio
from benchmarks.surroundings import running_colony, scratch
from tests.s3_server import running_s3

if TYPE_CHECKING:
    from pollinator_magic.cfs.filesystem import Filesystem

_COUNTS = (10, 1000, 10_000)
_DIRECTORIES = 100
_LIMIT_MIB = 150
_MEBIBYTE = 1024 * 1024
_SPARE_MIB = 2048


def run(options: Options) -> Report:
    """Measure."""
    big_mib = _what_fits(options.big_file_mib)
    report = Report(
        "large trees: peak memory above import, and times",
        ("sync up", "memory", "again", "hashed", "down", "memory", "up of bare"),
    )
    peaks = []
    with scratch() as place, running_colony(place / "home", with_executor=False), running_s3() as s3:
        trees = {f"{count:,} files": place / f"many-{count}" for count in _COUNTS}
        for count, root in zip(_COUNTS, trees.values(), strict=True):
            _make_many(root, count)
        trees[f"one file of {big_mib:,} MiB"] = place / "big"
        _make_big(place / "big", big_mib)
        bare = {root: _bare(root, place / "copy") for root in trees.values()}
        for what, root in trees.items():
            report.row(f"{what}, hashed and copied only", f"{bare[root]:.2f} s")
        for store, settings in (("directory", None), ("S3", asdict(s3.settings()))):
            times = {}
            for what, root in trees.items():
                label = f"/bench/{store}/{root.name}"
                up = fresh.call(push, str(place / "home"), settings, str(root), label)
                down = fresh.call(pull, str(place / "home"), settings, str(place / "down"), label)
                shutil.rmtree(place / "down")
                report.row(
                    f"{what}, {store} store",
                    f"{up['first_s']:.2f} s",
                    f"{up['peak_mib']:.0f} MiB",
                    f"{up['again_s']:.2f} s",
                    f"{up['hashed_again']}",
                    f"{down['seconds']:.2f} s",
                    f"{down['peak_mib']:.0f} MiB",
                    ratio(up["first_s"], bare[root]),
                )
                assert up["hashed_again"] == 0
                peaks += [up["peak_mib"], down["peak_mib"]]
                times |= {
                    f"{what}: up": up["first_s"],
                    f"{what}: again": up["again_s"],
                    f"{what}: down": down["seconds"],
                }
            report.bars(f"Synchronising with the {store} store", "s", times)
    report.target("the largest peak", max(peaks), _LIMIT_MIB, "MiB above import")
    return report


def push(home: str, storage: dict[str, Any] | None, root: str, label: str) -> dict[str, float]:
    """Synchronise a directory twice; return what it took."""
    from pollinator_magic.cfs.state import SyncState

    with _filesystem(home, storage) as files:
        state = SyncState(Path(root).parent / f"state-of-{label.replace('/', '-')}")
        memory = Memory()
        first_s, _ = _timed(files, Path(root), label, state)
        again_s, hashed = _timed(files, Path(root), label, state)
        return {
            "first_s": first_s,
            "again_s": again_s,
            "hashed_again": hashed,
            "peak_mib": memory.peak_above_mib,
        }


def pull(home: str, storage: dict[str, Any] | None, target: str, label: str) -> dict[str, float]:
    """Bring a label into an empty directory; return what it took."""
    with _filesystem(home, storage) as files:
        memory = Memory()
        begin = time.perf_counter()
        files.pull(label, Path(target))
        return {"seconds": time.perf_counter() - begin, "peak_mib": memory.peak_above_mib}


def _timed(files: Filesystem, root: Path, label: str, state: Any) -> tuple[float, int]:
    begin = time.perf_counter()
    result = files.sync(root, label, state)
    return time.perf_counter() - begin, result.hashed


def _filesystem(home: str, storage: dict[str, Any] | None) -> Filesystem:
    """Return the meta-filesystem with everything imported and nothing connected."""
    import boto3.s3.transfer  # noqa: F401  an import, so that it is not counted
    import requests  # noqa: F401  the same

    from pollinator_magic.cfs.filesystem import Filesystem
    from pollinator_magic.cfs.objects import open_store
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.local.colony import LocalColony
    from pollinator_magic.settings import S3Settings

    connection = LocalColony(Path(home)).connection(start=False)
    if storage is not None:
        connection = replace(connection, storage=S3Settings(**storage))
    assert connection.storage is not None
    client = Colonies(connection.server, connection.colony, connection.key)
    return Filesystem(client, open_store(connection.storage))


def _bare(root: Path, target: Path) -> float:
    """Return the seconds of the least that has to be done with the bytes: hash every file, and write it elsewhere."""
    begin = time.perf_counter()
    for file in root.rglob("*"):
        if file.is_file():
            copy = target / file.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            _hash_and_copy(file, copy)
    seconds = time.perf_counter() - begin
    shutil.rmtree(target)
    return seconds


def _hash_and_copy(file: Path, copy: Path) -> None:
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as source, copy.open("wb") as sink:
        while chunk := source.read(_MEBIBYTE):
            digest.update(chunk)
            sink.write(chunk)


def _make_many(root: Path, count: int) -> None:
    for number in range(count):
        directory = root / f"{number % min(_DIRECTORIES, count // 10):02}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{number}.txt").write_text(f"{number}\n")


def _make_big(root: Path, size_mib: int) -> None:
    """Make a file of holes: it reads like any other, and takes no room here."""
    root.mkdir()
    with (root / "big.bin").open("wb") as file:
        file.truncate(size_mib * _MEBIBYTE)
    time.sleep(0.05)  # files of this very moment would have to be looked at twice


def _what_fits(size_mib: int) -> int:
    """Return the size that the disk has room for: both stores keep a copy, and one comes down."""
    free_mib = shutil.disk_usage(tempfile.gettempdir()).free // _MEBIBYTE
    return max(1, min(size_mib, (free_mib - _SPARE_MIB) // 3))
