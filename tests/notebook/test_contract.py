"""What people do in notebooks without thinking, and what they are told where a job cannot do it."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import error_of, printed, shown

pytestmark = pytest.mark.notebook

LOAD = "%load_ext pollinator_magic"


def test_a_command_of_the_notebook_in_a_cell_is_named_before_anything_is_sent(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local\n%matplotlib inline\nimport matplotlib",
        "%%pollinate local\nimport os\n!ls -l",
        "%%pollinate local --script\n!pip install numpy",
        "%pollinator jobs",
        allow_errors=True,
    )

    figures, listing, packages = (error_of(cell) for cell in notebook.cells[1:4])
    assert {error.ename for error in (figures, listing, packages)} == {"UsageError"}
    assert "line 2, `%matplotlib inline`, is a command of the notebook" in figures.evalue
    assert "figures appear by themselves" in figures.evalue
    assert "line 3, `!ls -l`" in listing.evalue
    assert "subprocess.run" in listing.evalue
    assert "--pip" in packages.evalue
    assert "No jobs yet." in printed(notebook.cells[4])


def test_signs_that_are_no_commands_go_into_the_job(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local\nprint('''\n%d items\n!''' % (\n7\n% 4))",
        "%%pollinate local --cmd bash\n! false && echo not false",
    )

    assert "3 items\n!" in printed(notebook.cells[1])
    assert "not false" in printed(notebook.cells[2])


def test_what_else_python_cannot_read_is_the_jobs_to_say(execute):
    notebook = execute(LOAD, "%%pollinate local\nx = = 3", allow_errors=True)

    assert error_of(notebook.cells[1]).ename == "JobFailed"
    assert "SyntaxError" in error_of(notebook.cells[1]).evalue
    assert "(line 2 of the cell)" in error_of(notebook.cells[1]).evalue


def test_a_job_is_meant_by_its_variable_by_the_beginning_of_its_id_and_by_underscore(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --as job\nprint('once')",
        "%pollinator logs job",
        "%pollinator logs {job.id[:6]}",
        "%pollinator attach --all job",
        "%pollinator logs _",
        "%pollinator attach nonsense",
        allow_errors=True,
    )

    for cell in notebook.cells[2:6]:
        assert printed(cell).count("once") == 1
    assert "'nonsense' is not a process id" in error_of(notebook.cells[6]).evalue


def test_a_group_is_no_job(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --each i=1,2 --as group\ni",
        "%pollinator cancel group",
        "%pollinator logs {group[0].id}",
        allow_errors=True,
    )

    assert "'group' holds 2 jobs. Use `group.wait()`" in error_of(notebook.cells[2]).evalue
    assert not [output for output in notebook.cells[3].outputs if output.output_type == "error"]


def test_pull_says_where_the_results_are_or_that_none_is_of_that_name(execute, tmp_path):
    notebook = execute(
        LOAD,
        "%%pollinate local --as job\nopen('result/a.txt', 'w').write('a');",
        "%pollinator pull job --to there",
        "%pollinator pull job --get *.png",
    )

    assert (tmp_path / "there" / "a.txt").read_text() == "a"
    assert "a.txt" in printed(notebook.cells[2])
    assert "in there" in printed(notebook.cells[2])
    assert "left no result that matches *.png." in printed(notebook.cells[3])


def test_input_ends_with_the_line_that_asked(execute):
    notebook = execute(LOAD, "%%pollinate local\nname = input('name? ')", allow_errors=True)

    assert "EOFError" in error_of(notebook.cells[1]).evalue
    assert "(line 2 of the cell)" in error_of(notebook.cells[1]).evalue


def test_cells_await_import_their_neighbours_log_and_use_other_processes(execute):
    notebook = execute(
        LOAD,
        "from pathlib import Path\nPath('cfs/src').mkdir(parents=True)\n"
        "Path('cfs/src/neighbour.py').write_text('def double(x): return 2 * x')",
        "%%pollinate local\n"
        "import asyncio, logging, multiprocessing\n"
        "import neighbour\n"
        "def triple(x): return 3 * x\n"
        "logging.warning('logged')\n"
        "await asyncio.sleep(0)\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print('triple', pool.map(triple, [neighbour.double(7)]))\n",
    )

    assert "WARNING:root:logged" in printed(notebook.cells[2])
    assert "triple [42]" in printed(notebook.cells[2])


def test_what_matches_nothing_and_what_is_bound_leave_the_cell_a_success(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --get *.xyz --as mine --env GREETING=hello\n"
        "import os; open('result/a.csv', 'w').write(os.environ['GREETING']);",
        "mine is _, list(mine.results)",
    )

    assert shown(notebook.cells[2])[-1] == "(True, [])"


def test_a_result_is_read_as_what_it_is_asked_for(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --as job --quiet\n"
        "import json\n"
        "from PIL import Image\n"
        "Image.new('RGB', (20, 10)).save('result/y.png')\n"
        "json.dump({'a': [1]}, open('result/s.json', 'w'))",
        "job.results['y.png'].image().size, job.results['s.json'].json(), job.results['s.json'].text()",
    )

    assert shown(notebook.cells[2])[-1] == "((20, 10), {'a': [1]}, '{\"a\": [1]}')"


def test_verbose_says_what_was_carried_and_quiet_shows_no_log(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --verbose\nprint('log')",
        "%%pollinate local --quiet\nprint('log')",
    )

    assert "src: " in printed(notebook.cells[1])
    assert "log\n" in printed(notebook.cells[1])
    assert not printed(notebook.cells[2])


def test_a_bad_default_is_not_blamed_on_an_option_that_nobody_wrote(execute):
    notebook = execute(
        LOAD, "%config PollinateMagics.walltime = 'soon'", "%%pollinate local\nprint(1)", allow_errors=True
    )

    assert "`%config PollinateMagics.walltime`" in error_of(notebook.cells[2]).evalue


def test_help_is_an_option_too(execute):
    notebook = execute(LOAD, "%%pollinate --help\nprint(1)")

    assert "--walltime" in printed(notebook.cells[1])


@pytest.mark.parametrize(
    ("program", "remedy"),
    [
        ("import no_such_package", "--pip"),
        ("import os; os.kill(os.getpid(), 9)", "--mem"),
        ("import time; time.sleep(60)", "--walltime"),
    ],
)
def test_a_failure_says_what_to_try(execute, program: str, remedy: str):
    notebook = execute(LOAD, f"%%pollinate local --walltime 3\n{program}", allow_errors=True)

    assert remedy in error_of(notebook.cells[1]).evalue
