"""How long after a job printed its first line it is on screen: the job says when, and so does the screen."""

from __future__ import annotations

import io
import re
import time
from contextlib import redirect_stdout

from benchmarks import fresh
from benchmarks.report import Options, Report, median, ms, p90
from benchmarks.surroundings import scratch, stopped_at_the_end

_SILENCES_S = (0.0, 0.4, 1.1, 2.3, 3.7)  # a job that has been silent for long is asked seldom, if it has to be asked
_RUNS = 5
_LIMIT_MS = 100
_CELL = """%%pollinate local
import time
time.sleep({silence_s})
print("printed at", time.time_ns())
time.sleep(0.3)
"""
_PRINTED = re.compile(r"printed at (\d+)")


def run(_options: Options) -> Report:
    """Measure."""
    report = Report(
        f"from the job's print to the line on screen, IPython, embedded colony, {_RUNS} times each", ("median", "p90")
    )
    with scratch() as place, stopped_at_the_end(place / "home") as home:
        work = place / "work"
        work.mkdir()
        variables = {"POLLINATOR_HOME": str(home), "IPYTHONDIR": str(place / "ipython")}
        found = fresh.call(latencies, directory=work, variables=variables)
    for silence_s, times in zip(_SILENCES_S, found, strict=True):
        report.row(f"first line after {silence_s:g} s of silence", ms(median(times)), ms(p90(times)))
    report.bars("From the job's print to the screen, median", "ms", {
        f"after {silence_s:g} s of silence": 1000 * median(times)
        for silence_s, times in zip(_SILENCES_S, found, strict=True)
    })  # fmt: skip
    together = [each for times in found for each in times]
    report.row("all", ms(median(together)), ms(p90(together)))
    report.target("first line on screen after it was printed, median", 1000 * median(together), _LIMIT_MS, "ms")
    return report


def latencies() -> list[list[float]]:
    """Return the seconds that lines were under way, for each silence before them; the order changes."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "pollinator_magic")
    found: list[list[float]] = [[] for _ in _SILENCES_S]
    for turn in range(-1, _RUNS):  # the first one warms up
        for place in range(len(_SILENCES_S)):
            number = (place + turn) % len(_SILENCES_S)
            screen = _Screen()
            with redirect_stdout(screen):
                shell.run_cell(_CELL.format(silence_s=_SILENCES_S[number])).raise_error()
            if turn >= 0:
                found[number].append(screen.latency_s)
    return found


class _Screen(io.StringIO):
    """Notes when the line that carries its own time is written."""

    latency_s = -1.0

    def write(self, text: str) -> int:
        now_ns = time.time_ns()
        if self.latency_s < 0 and (match := _PRINTED.search(text)):
            self.latency_s = (now_ns - int(match[1])) / 1e9
        return super().write(text)
