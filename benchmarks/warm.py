"""A run in which only the cell has changed, in a project of everyday size, beside a tool that looks at everything."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import fresh
from benchmarks.report import Options, Report, median, ms, p90, ratio
from benchmarks.surroundings import idle_executor, running_colony, scratch

if TYPE_CHECKING:
    from pollinator_magic.jobs import Session
    from pollinator_magic.project import Project

SOURCES, DATA_FILES, DATA_DIRECTORIES = 10, 1000, 10
_SIZE = 4096
_GIBIBYTE = 1 << 30
_CHUNK = 1 << 20
_RUNS = 7
_THREADS = 16
_LIMIT = 0.1


def run(_options: Options) -> Report:
    """Measure."""
    report = Report(
        f"submitting again with another cell: {SOURCES} files in src, {DATA_FILES:,} files and 1 GiB in data",
        ("median", "p90", "requests", "files hashed", "of everything"),
    )
    with scratch() as place, running_colony(place / "home", with_executor=False):
        project = place / "project"
        project.mkdir()
        found = fresh.call(again, str(place / "home"), str(project), directory=project)
    all_s, own_s = median(found["everything"]), median(found["own"])
    report.row(
        "hash and list everything, snapshot, submit",
        *(ms(all_s), ms(p90(found["everything"])), "", f"{SOURCES + DATA_FILES + 1:,}", ratio(1, 1)),
    )
    report.row(
        "%%pollinate, from Enter to submitted",
        *(ms(own_s), ms(p90(found["own"])), f"{found['requests']:g}", f"{found['hashed']:g}", ratio(own_s, all_s)),
    )
    report.bars("A run in which only the cell has changed", "ms", {
        "list and hash everything": 1000 * all_s, "pollinator_magic": 1000 * own_s,
    })  # fmt: skip
    report.target("a warm run", own_s / all_s, _LIMIT, "of the time to list and hash everything")
    return report


def again(home: str, directory: str) -> dict[str, Any]:
    """Return the seconds of warm submissions, and of looking at everything, in turns; and what one submission costs."""
    from pollinator_magic.cfs import index
    from pollinator_magic.jobs import Session, submit
    from pollinator_magic.local.colony import LocalColony

    project = _project(Path(directory), idle_executor(Path(home)))
    hashed = 0
    hash_file = index.hash_file

    def counted(*arguments: Any) -> Any:
        nonlocal hashed
        hashed += 1
        return hash_file(*arguments)

    session = Session(LocalColony(Path(home)).connection(start=False))
    submit(session, project, source="print('before')")
    index.hash_file = counted
    own, everything, requests = [], [], []
    for turn in range(_RUNS):
        before = session.client.rpc.requests
        begin = time.perf_counter()
        submit(session, project, source=f"print({turn})")
        own.append(time.perf_counter() - begin)
        requests.append(session.client.rpc.requests - before)
        everything.append(_everything(session, project))
    session.close()
    return {"own": own, "everything": everything, "requests": median(requests), "hashed": hashed / _RUNS}


def _project(directory: Path, executor: str) -> Project:
    from pollinator_magic.project import Project

    project = Project.create(directory, executor)
    for number in range(SOURCES - 1):
        (project.src / f"module_{number}.py").write_text(f"x = {number}")
    for number in range(DATA_FILES):
        file = project.data / f"part{number % DATA_DIRECTORIES}" / f"{number}.bin"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(os.urandom(_SIZE))
    with (project.data / "large.bin").open("wb") as file:
        file.truncate(_GIBIBYTE)
    time.sleep(0.05)  # files of this very moment would have to be looked at twice
    return project


def _everything(session: Session, project: Project) -> float:
    """Return the seconds of a tool that hashes all files, lists all labels and takes a snapshot, every time."""
    from pollinator_magic.project import data_label, source_label

    begin = time.perf_counter()
    files = [file for root in (project.src, project.data) for file in root.rglob("*") if file.is_file()]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(_hash, files))
    for root in (source_label(project), data_label(project)):
        for label in session.client.labels_below(root):
            session.client.files(label.name)
    session.client.create_snapshot(source_label(project), os.urandom(16).hex())
    return time.perf_counter() - begin


def _hash(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
