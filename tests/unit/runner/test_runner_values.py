"""Variables of the notebook in the cell, and of the cell in the notebook."""

from __future__ import annotations

import base64
import json

import pytest
from cell_jobs import interpreters, oldest_newest_and_this

from pollinator_magic.runner import variables


def _set(**values):
    text = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    return {"POLLINATOR_PARAMETERS": text}


def _load(job, name):
    return variables.load(job.results / ".pollinator/out", name)


@pytest.mark.parametrize("version", oldest_newest_and_this())
def test_variables_go_in_and_come_back(version, cell_job):
    job = cell_job("total = sum(numbers) + len(names)\nnames = [*names, 'c']\n")
    variables.save([1, 2.5], job.hidden / "in", "numbers")
    variables.save(["a", "b"], job.hidden / "in", "names")
    job.settings(outputs=["total", "names"])

    outcome = job.run(python=interpreters()[version])

    assert outcome.status == 0, outcome.stderr
    assert _load(job, "total") == 5.5
    assert _load(job, "names") == ["a", "b", "c"]


def test_a_variable_that_cannot_be_had_ends_the_job_before_the_cell_begins(cell_job):
    job = cell_job("print('began')\n")
    variables.save([1, 2], job.hidden / "in", "fine")
    variables.save("text", job.hidden / "in", "broken")
    (job.hidden / "in/broken.txt").write_text("changed")

    outcome = job.run()

    assert outcome.status == 1
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("The variable 'broken' (--in) cannot be had in the job: ")
    assert outcome.stderr.count("\n") == 1


def test_a_library_that_a_variable_needs_is_named(cell_job):
    import numpy as np

    job = cell_job("print('began')\n")
    variables.save(np.arange(3), job.hidden / "in", "data")

    outcome = job.run(flags=["-S"])

    assert outcome.status == 1
    assert outcome.stderr.startswith("The variable 'data' (--in) cannot be had in the job: ")
    assert "numpy" in outcome.stderr
    assert "--pip" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_a_sweep_sets_variables(cell_job):
    outcome = cell_job("print(rate, name)\n").run(env=_set(rate=0.1, name="ü"))

    assert outcome.stdout == "0.1 ü\n"


@pytest.mark.parametrize("text", ["###", "bm9uc2Vuc2U", base64.b64encode(b"[1]").decode(), "eyJhIGIiOiAxfQ"])
def test_a_broken_sweep_ends_the_job_before_the_cell_begins(text, cell_job):
    outcome = cell_job("print('began')\n").run(env={"POLLINATOR_PARAMETERS": text})

    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("POLLINATOR_PARAMETERS in the environment ")


def test_what_cannot_come_back_is_recorded_and_fails_nothing(cell_job):
    job = cell_job("import sys\nmodule = sys\nresults = {}\nfine = 1\n")
    job.settings(outputs=["module", "result", "fine"])

    assert job.run().status == 0
    assert "module" in job.record("out/module")["problem"]
    assert job.record("out/result") == {
        "name": "result",
        "problem": "the cell has not set it. Did you mean 'results'?",
    }
    assert _load(job, "fine") == 1


def test_variables_come_back_after_exit_0_and_not_after_a_failure(cell_job):
    for end, comes in [("sys.exit(0)", True), ("sys.exit()", True), ("sys.exit(1)", False), ("1/0", False)]:
        job = cell_job(f"import sys\nx = 1\n{end}\n")
        job.settings(outputs=["x"])
        job.run()

        assert (job.results / ".pollinator/out/x.json").exists() == comes, end


def test_the_value_of_the_last_expression_comes_back_also_if_it_was_not_shown(cell_job):
    for cell in ("x = 40\nx + 2\n", "42;\n"):
        job = cell_job(cell)
        job.run()

        assert variables.load(job.results / ".pollinator", "value") == 42


def test_a_value_that_cannot_come_back_is_recorded_and_not_talked_about(cell_job):
    job = cell_job("import sys\nsys\n")
    outcome = job.run()

    assert outcome.stdout == "<module 'sys' (built-in)>\n"
    assert "module" in job.record("value")["problem"]


def test_no_value_leaves_no_file(cell_job):
    for cell in ("x = 1\n", "print('x')\n", "None\n", "1\nraise SystemExit\n"):
        job = cell_job(cell)
        job.run()

        assert not list(job.results.iterdir())


def test_a_value_is_bounded(cell_job):
    job = cell_job("b'x' * (65 << 20);\n")
    job.run()

    assert "64.0 MiB" in job.record("value")["problem"]
    assert [path.name for path in (job.results / ".pollinator").iterdir()] == ["value.json"]


def test_only_the_first_rank_brings_anything_back(cell_job):
    job = cell_job("x = 1\nx\n")
    job.settings(outputs=["x"])

    job.run(env={"PMI_RANK": "1", "POLLINATOR_DISPLAY": "all"})
    assert not list(job.results.iterdir())

    job.run(env={"PMI_RANK": "0"})
    assert _load(job, "x") == 1


def test_pickles_are_for_those_who_asked_for_them(cell_job):
    job = cell_job("import own\nx = own.Own(7)\nx;\n")
    job.file(
        "src/own.py",
        "class Own:\n    def __init__(self, n): self.n = n\n    def __reduce__(self): return int, ('7',)\n",
    )
    job.settings(outputs=["x"])
    job.run()
    assert "--allow-pickle" in job.record("out/x")["problem"]

    job.settings(outputs=["x"], allow_pickle=True)
    job.run()
    assert variables.load(job.results / ".pollinator/out", "x", allow_pickle=True) == 7


def test_a_pickle_finds_the_modules_of_the_cell(cell_job, monkeypatch):
    job = cell_job("print(type(x).__module__, x.args)\n")
    job.settings(allow_pickle=True)
    job.file("src/own_errors.py", "class Own(Exception): pass\n")
    job.file("src/token.py", "")
    monkeypatch.syspath_prepend(job.directory / "src")
    import own_errors

    variables.save(own_errors.Own(7), job.hidden / "in", "x", allow_pickle=True)

    assert job.run().stdout == "own_errors (7,)\n"


def test_modules_of_the_cell_named_like_those_of_the_library_break_nothing(cell_job):
    job = cell_job("import json\nx = json.VALUE\nx\n")
    variables.save([1], job.hidden / "in", "numbers")
    job.settings(outputs=["x"])
    for name in ("json", "re", "enum", "pickle", "dataclasses", "hashlib", "base64", "token", "traceback", "typing"):
        job.file(f"src/{name}.py", f"print('{name} runs')\nVALUE = 'own {name}'\n")

    outcome = job.run(env=_set(rate=1))

    assert outcome.stdout == "json runs\n'own json'\n"
    assert outcome.status == 0


PROCESSES = """
import multiprocessing
def work(n):
    return n * {use}
{setup}
if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(work, [1, 2]))
"""


@pytest.mark.parametrize("version", oldest_newest_and_this())
def test_processes_of_every_kind_find_the_functions_of_the_cell(version, cell_job):
    outcome = cell_job(PROCESSES.format(use="2", setup="")).run(python=interpreters()[version])

    assert outcome.stdout == "fork [2, 4]\nspawn [2, 4]\nforkserver [2, 4]\n", outcome.stderr


@pytest.mark.parametrize("version", oldest_newest_and_this())
def test_processes_of_every_kind_find_the_variables_that_went_in(version, cell_job):
    job = cell_job(PROCESSES.format(use="factor * rate", setup="import asyncio\nawait asyncio.sleep(0)"))
    variables.save(3, job.hidden / "in", "factor")

    outcome = job.run(python=interpreters()[version], env=_set(rate=2))

    assert outcome.stdout == "fork [6, 12]\nspawn [6, 12]\nforkserver [6, 12]\n", outcome.stderr


def test_a_process_of_a_process_finds_them_too(cell_job):
    job = cell_job("""
import multiprocessing
def inner(n):
    return n * factor
def outer(n):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(inner, [n])
if __name__ == "__main__":
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        print(list(pool.map(outer, [5])), __file__)
""")
    variables.save(3, job.hidden / "in", "factor")

    assert job.run().stdout == f"[[15]] {job.source}\n"


@pytest.mark.parametrize("version", oldest_newest_and_this())
def test_variables_of_an_earlier_step_go_in_too(version, cell_job):
    job = cell_job("total = sum(numbers) + more\n")
    variables.save([1, 2.5], job.results.parent / "steps/first/.pollinator/out", "numbers")
    variables.save(10, job.hidden / "in", "more")
    job.settings(outputs=["total"], from_steps={"numbers": "first"})

    outcome = job.run(python=interpreters()[version])

    assert outcome.status == 0, outcome.stderr
    assert _load(job, "total") == 13.5


def test_a_variable_that_an_earlier_step_did_not_bring_back_ends_the_job(cell_job):
    job = cell_job("print('began')\n")
    job.settings(from_steps={"numbers": "first"})

    outcome = job.run()

    assert outcome.status == 1
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("The variable 'numbers' (--in, from step 'first') cannot be had in the job: ")
