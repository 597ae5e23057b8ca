"""A cell that is run by the runner does what the same file does as a script: status, output, errors."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from cell_jobs import CellJob, as_cell_lines, interpreters, modern
from script_cells import CELLS, FILES, FROM_3_11, SHADOWS


@pytest.mark.parametrize("about", [*CELLS, *FROM_3_11])
@pytest.mark.parametrize("version", modern())
def test_a_cell_does_what_a_script_does(version, about, tmp_path):
    cell = {**CELLS, **FROM_3_11}[about]
    if about in FROM_3_11 and tuple(map(int, version.split("."))) < (3, 11):
        return
    script_job, job = CellJob(tmp_path / "script", cell), CellJob(tmp_path / "cell", cell)
    for name, content in {**FILES, **(SHADOWS if "standard library" in about else {})}.items():
        script_job.file(name, content)
        job.file(name, content)
    options = {"python": interpreters()[version], "input": b"some\n", "stdin": None}
    with ThreadPoolExecutor() as both:
        as_script = both.submit(script_job.run_as_script, **options)
        runner, script = job.run(**options), as_script.result()
    script_directory, runner_directory = str(script_job.directory), str(job.directory)

    assert runner.status == script.status
    assert runner.printed == script.stdout.replace(script_directory, runner_directory)
    if about not in SHOWN_DIFFERENTLY and (about, version) not in SHOWN_DIFFERENTLY:
        expected = script.stderr.replace(script_directory, runner_directory)
        assert _comparable(runner.readable_errors) == _comparable(expected)


SHOWN_DIFFERENTLY = (
    "a wrong encoding",  # known to be wrong before the interpreter has seen the file
    "no hook at all",
    "a hook that is None",
    "builtins overwritten",  # nothing can be imported then
    "few open files",
    "a shallow stack",  # what the runner itself has on it counts
    # Read from a file, the interpreter of that time noticed it a line later.
    ("an unfinished bracket", "3.8"),
    ("an unfinished bracket", "3.9"),
    # The interpreter said it in other words than its `traceback`.
    *(("a kind of KeyboardInterrupt", version) for version in ("3.8", "3.9", "3.10")),
    *(("an exception whose text fails", version) for version in ("3.8", "3.9", "3.10")),
)


def _comparable(errors: str) -> str:
    """Return what was written without what may differ: addresses, carets, and how lines are named."""
    lines = as_cell_lines(errors).splitlines()
    kept = [line for line in lines if line.strip(" ~^") or not line.strip()]
    return re.sub(r"0x[0-9a-f]+", "0x…", "\n".join(kept))
