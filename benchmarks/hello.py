"""A hello-world cell on a warmed embedded colony: from Enter to the last output, beside the bare program."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import fresh
from benchmarks.report import Options, Report, median, ms, p90, ratio
from benchmarks.surroundings import scratch, stopped_at_the_end

RUNS = 30
_WARM_UP = 5
_PAUSE_S = 0.1  # nobody presses Enter sooner; the executor tidies up meanwhile
_PROGRAM = "print('hello')"
_CELL = f"%%pollinate local\n{_PROGRAM}\n"
_STEPS = ("Enter to submitted", "submitted to started", "started to logged", "logged to closed", "closed to shown")


def run(_options: Options) -> Report:
    """Measure."""
    report = Report(f"a hello-world cell, Enter to last output, {RUNS} times", ("median", "p90", "of bare"))
    with scratch() as place, stopped_at_the_end(place / "home") as home:
        work = place / "work"
        work.mkdir()
        variables = {"POLLINATOR_HOME": str(home), "IPYTHONDIR": str(place / "ipython")}
        bare, cells, steps = fresh.call(in_ipython, directory=work, variables=variables)
        kernel, plain = fresh.call(in_kernel, directory=work, variables=variables)
    base = median(bare)
    for what, times in (
        ("bare subprocess: python -c", bare),
        ("cell in IPython", cells),
        ("cell in a Jupyter kernel", kernel),
        ("the same kernel, print without job", plain),
    ):
        report.row(what, ms(median(times)), ms(p90(times)), ratio(median(times), base))
    for name, times in zip(_STEPS, zip(*steps, strict=True), strict=True):
        report.row(f"  in IPython: {name}", ms(median(times)), ms(p90(times)))
    report.bars("A hello-world cell, from Enter to its last output", "ms", {
        "python -c": 1000 * base,
        "pollinator_magic: in IPython": 1000 * median(cells),
        "pollinator_magic: in a Jupyter kernel": 1000 * median(kernel),
    })  # fmt: skip
    report.target("a cell in IPython, median", 1000 * median(cells), 250, "ms")
    report.target("a cell in a Jupyter kernel, median", 1000 * median(kernel), 250, "ms")
    return report


def in_ipython() -> tuple[list[float], list[float], list[list[float]]]:
    """Return the seconds of bare programs and of cells, run in turns, and the steps of each cell."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "pollinator_magic")
    for _ in range(_WARM_UP):
        _cell(shell)
        _bare()
    bare, cells, steps = [], [], []
    for _ in range(RUNS):
        bare.append(_bare())
        time.sleep(_PAUSE_S)
        seconds, parts = _cell(shell)
        cells.append(seconds)
        steps.append(parts)
        time.sleep(_PAUSE_S)
    return bare, cells, steps


def in_kernel() -> tuple[list[float], list[float]]:
    """Return the seconds of cells in a kernel, from the request to the last output, with and without a job."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(Path.cwd()), extra_arguments=["--log-level=ERROR"]
    )
    try:
        _execute(client, "%load_ext pollinator_magic")
        for _ in range(_WARM_UP):
            _execute(client, _CELL)
        cells, plain = [], []
        for _ in range(RUNS):
            time.sleep(_PAUSE_S)
            cells.append(_execute(client, _CELL, expected="hello\n"))
            time.sleep(_PAUSE_S)
            plain.append(_execute(client, _PROGRAM, expected="hello\n"))
        return cells, plain
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _bare() -> float:
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, check=True)
    seconds = time.perf_counter() - begin
    assert done.stdout == b"hello\n"
    return seconds


def _cell(shell: Any) -> tuple[float, list[float]]:
    """Run the cell; return its seconds, and how they divide by the clock of the server, which is this machine's."""
    from IPython.utils.capture import capture_output

    began = datetime.now(timezone.utc)
    begin = time.perf_counter()
    with capture_output() as captured:
        shell.run_cell(_CELL).raise_error()
    seconds = time.perf_counter() - begin
    assert "\nhello\n" in f"\n{captured.stdout}", captured.stdout
    ended = datetime.now(timezone.utc)
    job = shell.user_ns["_"]
    process = job.process
    (*_, last) = job.session.client.logs(job.id)
    logged = datetime.fromtimestamp(last.timestamp / 1e9, timezone.utc)
    moments = [began, process.submitted_at, process.started_at, logged, process.ended_at, ended]
    return seconds, [(after - before).total_seconds() for before, after in itertools.pairwise(moments)]


def _execute(client: Any, code: str, *, expected: str = "") -> float:
    """Execute in a kernel; return the seconds until its last output, which is when it says that it is idle."""
    printed: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    begin = time.perf_counter()
    reply = client.execute_interactive(code, timeout=60, output_hook=hear, allow_stdin=False)
    seconds = time.perf_counter() - begin
    assert reply["content"]["status"] == "ok", reply["content"]
    assert expected in "".join(printed), printed
    return seconds
