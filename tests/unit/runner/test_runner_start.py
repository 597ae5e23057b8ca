"""What the runner is made of: any Python can read its start, Python 3.8 all of it, and it needs nothing installed."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
import vermin
from cell_jobs import RUNNER, WAIT_S, ancient, interpreters, modern

SOURCES = sorted(RUNNER.glob("*.py"))


def test_an_old_python_runs_the_script_and_says_why_it_runs_plainly(cell_job):
    for version in ancient():
        job = cell_job("import sys\nsys.stdout.write('%s %s' % (__name__, sys.argv))\nsys.exit(3)\n")

        outcome = job.run(python=interpreters()[version])

        assert outcome.stdout == "__main__ ['src/main.py']"
        assert outcome.status == 3
        why = f"needs Python 3.8 or newer, and this is Python {version}: the cell runs as a plain script"
        assert why in outcome.stderr
        assert outcome.stderr.count("\n") == 1


def test_an_old_python_can_read_the_start():
    program = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')"
    for version in interpreters():
        subprocess.run([interpreters()[version], "-c", program, RUNNER / "start.py"], check=True, timeout=WAIT_S)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_module_needs_more_than_python_3_8(source):
    _, needed = vermin.detect(source.read_text())

    assert needed <= (3, 8)


def test_the_start_needs_no_more_than_python_2_7_and_3_0():
    assert vermin.detect((RUNNER / "start.py").read_text()) <= [(2, 7), (3, 0)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_modules_import_the_standard_library_and_each_other_only(source):
    tree = ast.parse(source.read_text())
    roots = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            roots.add(node.module.partition(".")[0])

    assert roots <= sys.stdlib_module_names


@pytest.mark.parametrize("version", modern())
def test_a_plain_cell_imports_next_to_nothing(version, cell_job):
    cell = "import sys\nprint(*sorted(name for name in sys.modules if not name.startswith('_')))\n"
    script, job = cell_job(cell), cell_job(cell)

    known = script.run_as_script(python=interpreters()[version], flags=["-S", "-E"]).stdout.split()
    outcome = job.run(python=interpreters()[version], flags=["-S", "-E"])

    assert set(outcome.stdout.split()) - set(known) <= {"os", "os.path", "stat", "posixpath", "genericpath"}


@pytest.mark.parametrize("value", ["12", "'text'", "{'a': [1.5, None], 'b': (1, True)}"])
def test_keeping_a_plain_value_imports_only_what_json_and_a_checksum_need(cell_job, value):
    heavy = {"zipfile", "pickle", "decimal", "uuid", "platform", "pathlib", "inspect", "importlib.util"}
    cell = f"import atexit, sys\natexit.register(lambda: print('names', *sys.modules))\n{value}\n"
    job = cell_job(cell)

    outcome = job.run(flags=["-S", "-E"])

    loaded = set(outcome.stdout.partition("names ")[2].split())
    assert (job.results / ".pollinator" / "value.json").exists()
    assert not loaded & heavy
    assert not loaded & {f"_pollinator_runner.{name}" for name in ("arrays", "columns", "tables", "trees", "reading")}


@pytest.mark.parametrize("flags", [["-I"], ["-O"], ["-u"], ["-B"], ["-X", "dev"], ["-W", "error"]])
def test_options_of_the_interpreter_mean_what_they_mean(flags, cell_job):
    cell = "import sys\nprint(sys.flags, sys.path, sys.warnoptions, __debug__)\nassert 0\n"
    script, job = cell_job(cell), cell_job(cell)

    expected, outcome = script.run_as_script(flags=flags), job.run(flags=flags)

    assert outcome.status == expected.status
    assert outcome.stdout.replace(str(job.directory), "") == expected.stdout.replace(str(script.directory), "")
