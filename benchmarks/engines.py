"""How long after a job's program has ended its results are in the notebook, for each kind of executor.

Executors are programs of their own with the intervals that they have unless told otherwise, and ask a colony in another
process; files go over a real S3 server. The program says itself when it has ended, the colony when it was told, and the
files and variables when they came: all clocks are this machine's. How many requests an executor makes without jobs, and
how large it is then, is looked at for a minute after everything else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks import fresh
from benchmarks.report import Options, Report, median
from benchmarks.surroundings import running_colony, scratch
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.local.home import Home
from tests.containers import IMAGE
from tests.faults.colony_faults import kind_of_rpc
from tests.faults.proxy import Proxy
from tests.place import environment
from tests.podman_host import running_podman
from tests.s3_server import running_s3
from tests.slurm_cluster import running_slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.settings import Connection

_SILENCES_S = (0, 12)  # whoever asks less often while nothing happens, does so after the second
_RUNS = 5
_IDLE_S = 60.0
_READY_WITHIN_S = 60.0
_LIMIT_S = 3
_MEBIBYTE = 1024 * 1024
_PYTHON = Path(sys.executable).parent
_IMAGE_OF_PROJECTS = "docker.io/library/python:3.12-rc-bookworm"
_CELL = """%%pollinate {executor} --out number
import pathlib, time
time.sleep({silence_s})
number = {turn}
pathlib.Path("result/number.txt").write_text(str(number))
print("ended at", time.time_ns())
"""
_ENDED = re.compile(r"ended at (\d+)")
_STEPS = ("outcome at the colony", "results in cfs/result", "variables there, cell over")


def run(_options: Options) -> Report:
    """Measure."""
    report = Report(
        f"from the end of a job's program to the notebook, executors with default intervals, {_RUNS} times each",
        ("median", "worst"),
    )
    with ExitStack() as closing:
        place = closing.enter_context(scratch())
        colony = closing.enter_context(running_colony(place / "home", with_executor=False))
        s3 = closing.enter_context(running_s3())
        connection = replace(colony.connection(start=False), storage=s3.settings(), embedded=False)
        executors = []
        for kind, prepare in _KINDS.items():
            try:
                settings, asked = closing.enter_context(prepare(place))
            except RuntimeError as missing:
                report.row(f"{kind}: not measured. {missing}")
                continue
            own = closing.enter_context(_running(kind, settings, asked, connection, place))
            executors.append(own)
        work = place / "work"
        work.mkdir()
        variables = {**environment(connection), "IPYTHONDIR": str(place / "ipython")}
        found = fresh.call(rounds, [one.kind for one in executors], directory=work, variables=variables)
        for one in executors:
            _tell(report, one.kind, found[one.kind])
        _idle(report, executors)
    report.bars("From the end of a job's program to its results in cfs/result, median", "s", {
        f"{kind}, after {silence_s} s": median([times[1] for times in of_silence])
        for kind, of_kind in found.items() for silence_s, of_silence in zip(_SILENCES_S, of_kind, strict=True)
    })  # fmt: skip
    return report


def _tell(report: Report, kind: str, of_kind: list[list[list[float]]]) -> None:
    for silence_s, rows in zip(_SILENCES_S, of_kind, strict=True):
        for step, times in zip(_STEPS, zip(*rows, strict=True), strict=True):
            report.row(f"{kind}, after {silence_s} s: {step}", f"{median(times):.2f} s", f"{max(times):.2f} s")
    worst = max(times[1] for rows in of_kind for times in rows)
    report.target(f"{kind}: results in cfs/result after the program's end, worst", worst, _LIMIT_S, "s")


def rounds(kinds: list[str]) -> dict[str, list[list[list[float]]]]:
    """Return the seconds of each step, of each round, for each silence, of each kind; kinds take turns."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "pollinator_magic")
    found: dict[str, list[list[list[float]]]] = {kind: [[] for _ in _SILENCES_S] for kind in kinds}
    for turn in range(_RUNS + 1):  # the first one warms up
        for kind in kinds:
            for place, silence_s in enumerate(_SILENCES_S):
                if turn or not silence_s:
                    steps = _cell(shell, kind, silence_s, 10 * turn + place)
                    found[kind][place] += [steps] if turn else []
    return found


def _cell(shell: Any, executor: str, silence_s: float, number: int) -> list[float]:
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        shell.run_cell(_CELL.format(executor=executor, silence_s=silence_s, turn=number)).raise_error()
    over = time.time()
    said = _ENDED.search(captured.stdout)
    assert said is not None, captured.stdout
    assert shell.user_ns["number"] == number
    result = Path("cfs/result/number.txt")
    assert result.read_text() == str(number)
    closed: datetime = shell.user_ns["_"].process.ended_at
    arrived = result.stat().st_ctime  # when the file got its name
    return [moment - int(said[1]) / 1e9 for moment in (closed.astimezone(timezone.utc).timestamp(), arrived, over)]


# Executors


@dataclass(frozen=True)
class _Executor:
    """One that runs."""

    kind: str
    process: psutil.Process
    proxy: Proxy
    """Between it and the colony."""
    asked: Callable[[], int]
    """How often it has run a command of its batch system or container runtime."""


@contextmanager
def _on_this_host(_place: Path) -> Iterator[tuple[dict[str, Any], Callable[[], int]]]:
    yield {}, lambda: 0


@contextmanager
def _in_slurm(place: Path) -> Iterator[tuple[dict[str, Any], Callable[[], int]]]:
    if os.geteuid() != 0:
        raise RuntimeError("A Slurm of its own needs root.")
    with running_slurm() as cluster:
        commands = cluster.counting_commands(place / "commands")
        asked = commands / "asked"
        prolog = [f"export PATH={_PYTHON}:$PATH"]
        settings = {"conf": str(cluster.conf), "runtime": "none", "commands": str(commands), "prolog": prolog}
        yield settings, lambda: len(asked.read_text().splitlines()) if asked.exists() else 0


@contextmanager
def _in_containers(_place: Path) -> Iterator[tuple[dict[str, Any], Callable[[], int]]]:
    with running_podman() as podman:
        podman.run("tag", IMAGE, _IMAGE_OF_PROJECTS)
        yield {"runtime": str(podman.program), "volumes": podman.python}, lambda: len(podman.commands)


_KINDS = {"process": _on_this_host, "container": _in_containers, "slurm": _in_slurm}


@contextmanager
def _running(
    kind: str, settings: dict[str, Any], asked: Callable[[], int], connection: Connection, place: Path
) -> Iterator[_Executor]:
    """Run an executor of this kind, and of this name, until the block ends."""
    owner = Home(place / "home").keys.owner
    file = place / f"{kind}.toml"
    table = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    file.write_text(f'[executor]\nname = "{kind}"\nfs-dir = "{place / "files" / kind}"\n[{kind}]\n{table}')
    proxy = Proxy((connection.server.host, connection.server.port), kind_of_rpc)
    through = replace(connection, server=replace(connection.server, port=proxy.port))
    variables = {**environment(through), "COLONIES_COLONY_PRVKEY": owner.reveal()}
    variables["PATH"] = f"{_PYTHON}:{os.environ.get('PATH', os.defpath)}"
    log = (place / f"{kind}.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "pollinator_magic", "executor", "start", kind, "--config", str(file)],
        env=variables,
        stdout=log,
        stderr=log,
    )
    try:
        until = time.monotonic() + _READY_WITHIN_S
        with Colonies(connection.server, connection.colony, connection.key) as client:
            while not any(one.executorname == kind for one in client.executors()):
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(Path(log.name).read_text())
                time.sleep(0.1)
        yield _Executor(kind, psutil.Process(process.pid), proxy, asked)
    finally:
        process.terminate()
        process.wait()
        proxy.close()
        log.close()


def _idle(report: Report, executors: list[_Executor]) -> None:
    """Look at all for a minute in which they have nothing to do."""
    before = [one.asked() for one in executors]
    for one in executors:
        one.proxy.arm()
    time.sleep(_IDLE_S)
    for one, asked in zip(executors, before, strict=True):
        requests = Counter(one.proxy.traffic.kinds)
        memory_mib = one.process.memory_info().rss / _MEBIBYTE
        report.row(
            f"{one.kind}, idle for {_IDLE_S:.0f} s: {requests.total()} requests, {one.asked() - asked} commands, "
            f"{memory_mib:.0f} MiB resident"
        )
        report.target(f"{one.kind}: resident memory of the idle executor", memory_mib, 60, "MiB")
