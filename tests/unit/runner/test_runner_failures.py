"""How the exception that ends a cell is shown, and what the notebook learns of it."""

from __future__ import annotations

import pytest
from cell_jobs import interpreters, modern

FAILING = "import helper\n\ndef fit(n):\n    return helper.divide(n)\n\nfit(0)\n"


@pytest.mark.parametrize("version", modern())
def test_an_error_shows_the_users_own_lines_with_the_numbers_of_the_cell(version, cell_job):
    job = cell_job(FAILING)
    job.file("src/helper.py", "def divide(n):\n    return 1 / n\n")

    outcome = job.run(python=interpreters()[version])

    lines = [line for line in outcome.raised.traceback.splitlines() if line.strip(" ~^")]
    assert lines == [
        "Traceback (most recent call last):",
        "  Cell line 7",
        "    fit(0)",
        "  Cell line 5, in fit",
        "    return helper.divide(n)",
        f'  File "{job.directory}/src/helper.py", line 2, in divide',
        "    return 1 / n",
        "ZeroDivisionError: division by zero",
    ]
    assert outcome.raised.name == "ZeroDivisionError"
    assert outcome.raised.value == "division by zero"
    assert outcome.raised.line == 5
    assert outcome.status == 1
    assert outcome.readable_errors == outcome.raised.traceback


def test_the_offset_of_lines_is_the_notebooks(cell_job):
    job = cell_job(FAILING)
    job.settings(line_offset=10)

    assert job.run().raised.traceback.splitlines()[1] == "  Cell line 11"


def test_an_error_comes_after_all_that_was_printed(cell_job):
    outcome = cell_job("import sys\nprint('out')\nsys.stderr.write('err')\n1/0\n").run(merged=True)

    assert outcome.readable.startswith(("out\nerrTraceback", "errout\nTraceback"))


def test_an_error_in_the_syntax_names_the_line_of_the_cell(cell_job):
    outcome = cell_job("x = 1\ny = = 2\n").run()

    assert outcome.raised.line == 3
    assert outcome.raised.name == "SyntaxError"
    assert outcome.raised.value == "invalid syntax"
    assert outcome.readable_errors.splitlines()[:2] == ["  Cell line 3", "    y = = 2"]


@pytest.mark.parametrize("command", ["%matplotlib inline", "!pip install numpy", "  %time f()", "%%time"])
@pytest.mark.parametrize("version", modern())
def test_commands_of_the_notebook_are_explained(version, command, cell_job):
    outcome = cell_job(f"x = 1\n{command}\ny = 2\n").run(python=interpreters()[version])

    assert outcome.raised.line == 3
    assert "Lines that begin with % or ! are commands of the notebook" in outcome.raised.traceback
    assert "--pip" in outcome.readable_errors


def test_other_errors_in_the_syntax_are_not_explained_so(cell_job):
    assert "commands of the notebook" not in cell_job("x = (\n").run().readable_errors


def test_a_deep_recursion_is_shown_in_bounds(cell_job):
    outcome = cell_job("""
import sys
sys.setrecursionlimit(20000)
def even(n): return odd(n + 1)
def odd(n): return even(n + 1)
try:
    even(0)
except RecursionError as error:
    raise ValueError('x' * 10_000_000) from error
""").run()

    assert outcome.raised.name == "ValueError"
    assert len(outcome.raised.value) == 4000
    assert len(outcome.stderr) < 64 * 1024
    assert "lines left out" in outcome.readable_errors
    assert "characters left out" in outcome.readable_errors


def test_an_error_is_described_though_the_file_has_changed(cell_job):
    outcome = cell_job("import os\nopen(__file__, 'w').write('# another')\nos.chdir('/')\n1/0\n").run()

    assert "  Cell line 5\n    1/0\n" in outcome.raised.traceback


def test_an_error_in_what_the_runner_calls_shows_no_line_of_the_runner(cell_job):
    outcome = cell_job("""
class Value:
    def _repr_html_(self): raise KeyboardInterrupt
def show():
    display(Value())
show()
""").run()

    assert ".pollinator" not in outcome.readable_errors
    assert outcome.raised.traceback.count("Cell line") == 3


@pytest.mark.parametrize("version", modern())
def test_showing_an_error_runs_no_module_of_the_cell(version, cell_job):
    job = cell_job("print('began')\n1/0\n")
    for name in ("traceback", "linecache", "tokenize", "token", "re", "ast", "textwrap", "json", "zlib", "types"):
        job.file(f"src/{name}.py", f"print('{name} runs')\n")

    outcome = job.run(python=interpreters()[version])

    assert outcome.stdout == "began\n"
    assert outcome.raised.line == 3


def test_what_a_message_says_is_not_taken_for_a_line_of_the_cell(cell_job):
    job = cell_job()
    job.write(f"raise ValueError('''\\n  File \"{job.source}\", line 1, in f''')\n")

    assert f'  File "{job.source}", line 1, in f' in job.run().raised.traceback


def test_a_hook_of_the_user_gets_the_error_with_only_the_users_lines(cell_job):
    outcome = cell_job("""
import sys
def hook(kind, error, trace):
    names = []
    while trace:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    print(kind.__name__, names, error.__traceback__ is not None, sys.excepthook is hook)
sys.excepthook = hook
def f(): 1/0
f()
""").run()

    assert outcome.stdout == "ZeroDivisionError ['<module>', 'f'] True True\n"
    assert outcome.stderr == ""
    assert outcome.status == 1


def test_the_hook_that_only_adds_exception_groups_is_not_the_users(cell_job):
    outcome = cell_job("""
import sys
def hook(*_): print("not shown by it")
hook.__module__ = "exceptiongroup._formatting"
sys.excepthook = hook
1/0
""").run()

    assert outcome.raised.line == 7
    assert outcome.stdout == ""


def test_errors_of_other_ranks_are_text_only(cell_job):
    outcome = cell_job("1/0\n").run(env={"OMPI_COMM_WORLD_RANK": "3"})

    assert outcome.raised is None
    assert outcome.stderr.splitlines()[1] == "  Cell line 2"
    assert "\x1b" not in outcome.stderr
    assert outcome.status == 1


def test_an_exception_that_cannot_be_described_is_shown_by_the_interpreter(cell_job):
    outcome = cell_job("""
class Strange(Exception):
    @property
    def __cause__(self): raise RuntimeError
raise Strange('message')
""").run()

    assert outcome.status == 1
    assert "Strange: message" in outcome.readable_errors
    assert ".pollinator" not in outcome.readable_errors


def test_an_error_of_the_awaited_loop_itself_shows_no_line_of_the_runner(cell_job):
    outcome = cell_job("import asyncio\nasyncio.run(asyncio.sleep(0))\nawait asyncio.sleep(0)\n").run()

    assert outcome.raised.name == "RuntimeError"
    assert ".pollinator" not in outcome.readable_errors
