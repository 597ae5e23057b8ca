"""A job that prints 100,000 lines: none lost, none twice, in order; how long it takes, and the follower's memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks import fresh
from benchmarks.memory import Memory
from benchmarks.report import Options, Report, ratio
from benchmarks.surroundings import running_colony, scratch

_LINES = 100_000
_PROGRAM = f"for number in range({_LINES}):\n    print(f'line {{number}} of the log')\n"


def run(_options: Options) -> Report:
    """Measure."""
    report = Report(f"{_LINES:,} lines from a job", ("seconds", "of bare", "lines/s", "peak memory"))
    with scratch() as place, running_colony(place / "home"):
        bare = _bare()
        project = place / "project"
        project.mkdir()
        seconds, peak_mib = fresh.call(follow, str(place / "home"), str(project), directory=project)
    report.row("bare subprocess, read from a pipe", f"{bare:.2f}", "", f"{_LINES / bare:,.0f}")
    report.row(
        "followed as a job, all lines checked",
        f"{seconds:.2f}",
        ratio(seconds, bare),
        f"{_LINES / seconds:,.0f}",
        f"{peak_mib:.0f} MiB",
    )
    report.target("following a job into the log file", _LINES / seconds, 20_000, "lines/s", at_least=True)
    report.bars(
        "100,000 lines",
        "lines a second",
        {"a pipe": _LINES / bare, "pollinator_magic: a followed job": _LINES / seconds},
    )
    report.target("memory of the follower, above import", peak_mib, 150, "MiB")
    return report


def follow(home: str, directory: str) -> tuple[float, float]:
    """Run the job and check its log; return the seconds from submission to the end, and the peak memory in MiB."""
    from pollinator_magic.jobs import LogText, Session, submit
    from pollinator_magic.local.colony import LocalColony
    from pollinator_magic.project import Project

    session = Session(LocalColony(Path(home)).connection(start=False))
    project = Project.open_or_create(Path(directory), "local")
    submit(session, project, source="print('warm')").wait(60)
    memory = Memory()
    begin = time.perf_counter()
    job = submit(session, project, source=_PROGRAM)
    expected, rest = 0, ""
    for event in job.follow():
        if isinstance(event, LogText):
            *lines, rest = (rest + event.text).split("\n")
            for line in lines:
                if expected or line.startswith("line "):  # the executor may have something to say first
                    assert line == f"line {expected} of the log", (line, expected)
                    expected += 1
    seconds = time.perf_counter() - begin
    assert (expected, rest) == (_LINES, ""), (expected, rest)
    assert job.succeeded
    assert (project.log / f"{job.id}.log").read_text().endswith(f"line {_LINES - 1} of the log\n")
    session.close()
    return seconds, memory.peak_above_mib


def _bare() -> float:
    begin = time.perf_counter()
    with subprocess.Popen([sys.executable, "-u", "-c", _PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        count = sum(line == f"line {number} of the log\n" for number, line in enumerate(process.stdout))
    assert count == _LINES
    return time.perf_counter() - begin
