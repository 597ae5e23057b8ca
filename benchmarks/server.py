"""How many requests the embedded server answers in a second, beside its health check, which does nothing."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import fresh
from benchmarks.report import Options, Report, ratio
from benchmarks.surroundings import running_colony, scratch
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, Executor, File, FunctionSpec, Reference, S3Object
from pollinator_magic.local.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 1.0
_THREADS = (1, 8)
_EXECUTOR = "bench"


def run(_options: Options) -> Report:
    """Measure."""
    report = Report(
        "requests a second to the embedded server, signed and over HTTP, from one client process",
        ("1 thread", "8 threads", "of health"),
    )
    with scratch() as place, running_colony(place / "home", with_executor=False):
        found = fresh.call(rates, str(place / "home"))
    health = found.pop("health check")
    report.row("health check (unsigned, empty)", *(f"{rate:,.0f}" for rate in health))
    for name, row in found.items():
        report.row(name, *(f"{rate:,.0f}" for rate in row), ratio(row[-1], health[-1]))
    return report


def rates(home: str) -> dict[str, list[float]]:
    """Return the requests a second by operation, for each number of threads."""
    import requests

    from pollinator_magic.local.colony import LocalColony

    keys = Home(Path(home)).keys
    connection = LocalColony(Path(home)).connection(start=False)
    server, colony = connection.server, connection.colony
    conditions = Conditions(colonyname=colony, executornames=[_EXECUTOR], executortype="container-executor")
    with (
        Colonies(server, colony, keys.owner) as owner,
        Colonies(server, colony, keys.executor) as executor,
        Colonies(server, colony, keys.user) as user,
        requests.Session() as bare,
    ):
        bare.trust_env = False
        owner.add_executor(
            Executor(
                executorid=keys.executor.identity,
                executorname=_EXECUTOR,
                executortype="container-executor",
                colonyname=colony,
            )
        )
        owner.approve_executor(_EXECUTOR)
        user.submit(FunctionSpec(funcname="execute", conditions=conditions, maxexectime=600, maxretries=1))
        process = executor.assign(5)
        assert process is not None
        work: dict[str, Callable[[int], object]] = {
            "health check": lambda _: bare.get(f"{server.url}/health").raise_for_status(),
            "getprocess": lambda _: user.process(process.processid),
            "addlog (80 characters)": lambda number: executor.add_log(process.processid, f"{number:079}\n"),
            "addfile": lambda number: user.add_file(_file(number)),
        }
        return {name: [_rate(one, threads) for threads in _THREADS] for name, one in work.items()}


def _rate(one: Callable[[int], object], threads: int) -> float:
    """Return how often a second `one` can be called by so many threads at the same time."""
    counts = [0] * threads
    one(0)
    begin = time.perf_counter()

    def work(number: int) -> None:
        while time.perf_counter() - begin < _SECONDS:
            one(counts[number])
            counts[number] += 1

    crew = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return sum(counts) / (time.perf_counter() - begin)


def _file(number: int) -> File:
    return File(
        label="/bench",
        name=f"{number}.bin",
        size=4096,
        checksum="0" * 64,
        ref=Reference(s3object=S3Object(bucket="pollinator", object="0" * 64)),
    )
