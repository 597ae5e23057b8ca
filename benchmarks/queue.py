"""Many small jobs at once on the embedded colony: how many a second, and how long a thousand take to be listed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from benchmarks import fresh
from benchmarks.report import Options, Report, median, ms, p90, ratio
from benchmarks.surroundings import idle_executor, running_colony, scratch

_JOBS = 200
_LISTED = 1000
_RUNS = 5
_PAGE = 100
_COMMAND = "sleep 0.001"


def run(_options: Options) -> Report:
    """Measure."""
    report = Report("many jobs on the embedded colony", ("median", "p90", "jobs/s", "of bare"))
    with scratch() as place, running_colony(place / "home"):
        bare_s = _bare()
        found = fresh.call(jobs, str(place / "home"))
    report.row(
        f"{_JOBS} times sh -c '{_COMMAND}', one after the other", f"{bare_s:.2f} s", "", f"{_JOBS / bare_s:,.0f}"
    )
    report.row(
        f"{_JOBS} such jobs queued at once, to the last one's end",
        *(f"{found['run_s']:.2f} s", "", f"{_JOBS / found['run_s']:,.0f}", ratio(found["run_s"], bare_s)),
    )
    report.row(
        f"submitting {_JOBS} of them, one after the other",
        *(f"{found['submit_s']:.2f} s", "", f"{_JOBS / found['submit_s']:,.0f}"),
    )
    report.row(f"100 of {_LISTED:,} waiting jobs, in a list", ms(median(found["list_s"])), ms(p90(found["list_s"])))
    report.bars(f"{_JOBS} jobs of 1 ms", "jobs a second", {
        "sh, one after the other": _JOBS / bare_s, "pollinator_magic: queued at once": _JOBS / found["run_s"],
    })  # fmt: skip
    return report


def _bare() -> float:
    begin = time.perf_counter()
    for _ in range(_JOBS):
        subprocess.run(["sh", "-c", _COMMAND], check=True)
    return time.perf_counter() - begin


def jobs(home: str) -> dict[str, object]:
    """Return the seconds of submitting, of running to the last end, and of listing."""
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Conditions, FunctionSpec, ProcessState
    from pollinator_magic.local.colony import LocalColony

    connection = LocalColony(Path(home)).connection(start=False)

    def spec(executor: str) -> FunctionSpec:
        return FunctionSpec(
            funcname="execute",
            kwargs={"cmd": _COMMAND},
            conditions=Conditions(
                colonyname=connection.colony,
                executornames=[executor],
                executortype="container-executor",
                nodes=1,
                processespernode=1,
                walltime=60,
                cpu="100m",
                mem="10Mi",
            ),
            maxexectime=60,
            maxretries=1,
        )

    with Colonies(connection.server, connection.colony, connection.key) as client:
        begin = time.perf_counter()
        last = [client.submit(spec("local")) for _ in range(_JOBS)]
        submit_s = time.perf_counter() - begin
        while client.statistics().successfulprocesses < _JOBS:
            failed = client.processes(ProcessState.FAILED, count=1)
            assert not failed, failed[0].errors
            time.sleep(0.005)
        run_s = time.perf_counter() - begin
        assert client.process(last[-1].processid).status is ProcessState.SUCCESS
        nobody = idle_executor(Path(home))
        for _ in range(_LISTED):
            client.submit(spec(nobody))
        list_s = []
        for _ in range(_RUNS):
            begin = time.perf_counter()
            assert len(client.processes(ProcessState.WAITING)) == _PAGE
            list_s.append(time.perf_counter() - begin)
    return {"submit_s": submit_s, "run_s": run_s, "list_s": list_s}
