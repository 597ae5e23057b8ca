"""What it takes before anything can happen: imports, `%load_ext`, and the first cell of all on this machine."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from benchmarks import fresh
from benchmarks.report import Options, Report, median, ms, p90, ratio
from benchmarks.surroundings import scratch, stopped_at_the_end

_RUNS = 10
_COLD_RUNS = 3
_CELL = "%%pollinate local\nprint('hello')\n"


def run(_options: Options) -> Report:
    """Measure."""
    report = Report("in a fresh interpreter", ("median", "p90", "ratio"))
    with scratch() as place:
        variables = {"IPYTHONDIR": str(place / "ipython")}
        imports, ipython = [], []
        ours, theirs = [], []
        for _ in range(_RUNS):
            ipython.append(_importing("IPython"))
            imports.append(_importing("pollinator_magic"))
            theirs.append(_load_ext("storemagic", variables))
            ours.append(_load_ext("pollinator_magic", variables))
        report.row("import IPython", ms(median(ipython)), ms(p90(ipython)))
        report.row(
            "import pollinator_magic", ms(median(imports)), ms(p90(imports)), ratio(median(imports), median(ipython))
        )
        report.row("%load_ext storemagic (IPython's own)", ms(median(theirs)), ms(p90(theirs)))
        report.row("%load_ext pollinator_magic", ms(median(ours)), ms(p90(ours)), ratio(median(ours), median(theirs)))
        first, second = [], []
        for turn in range(_COLD_RUNS):
            with stopped_at_the_end(place / f"home-{turn}") as home:
                work = place / f"work-{turn}"
                work.mkdir()
                cold, warm = fresh.call(
                    first_cells, directory=work, variables={**variables, "POLLINATOR_HOME": str(home)}
                )
            first.append(cold)
            second.append(warm)
    report.row("first %%pollinate local, nothing running", ms(median(first)), ms(p90(first)))
    report.row("the next one", ms(median(second)), ms(p90(second)), ratio(median(second), median(first)))
    report.target("the first %%pollinate local", median(first), 3, "s")
    return report


def _importing(name: str) -> float:
    """Return the seconds of an import in an interpreter that has imported nothing else."""
    program = f"import time\nbegin = time.perf_counter()\nimport {name}\nprint(time.perf_counter() - begin)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, env=fresh.environment()
    )
    return float(done.stdout)


def _load_ext(name: str, variables: dict[str, str]) -> float:
    """Return the seconds of `%load_ext` in an IPython that is up and has imported nothing of this project."""
    program = (
        "import time\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\nbegin = time.perf_counter()\n"
        f"shell.run_line_magic('load_ext', {name!r})\nprint(time.perf_counter() - begin)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, env=fresh.environment(**variables)
    )
    return float(done.stdout)


def first_cells() -> tuple[float, float]:
    """Return the seconds of the first two cells."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "pollinator_magic")
    return _cell(shell), _cell(shell)


def _cell(shell: Any) -> float:
    begin = time.perf_counter()
    shell.run_cell(_CELL).raise_error()
    return time.perf_counter() - begin
