"""The magics in a real kernel, on the embedded colony."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.jobs import waiting_for
from tests.notebook.conftest import error_of, printed, shown

pytestmark = pytest.mark.notebook

LOAD = "%load_ext pollinator_magic"


def test_loading_imports_only_the_standard_library_and_ipython():
    program = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'pollinator_magic')\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names) - {'pollinator_magic', 'IPython', 'traitlets'}))\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert output.strip().splitlines()[-1] == "[]"


def test_a_cell_runs_and_its_job_is_the_last_value(execute):
    notebook = execute(
        LOAD, "%%pollinate local\nprint('hello')\nopen('result/a.txt', 'w').write('42');", "_.results['a.txt'].text()"
    )

    assert printed(notebook.cells[1]).endswith("hello\n")
    assert shown(notebook.cells[2]) == ["'42'"]


def test_a_job_sees_the_kernels_own_packages(execute):
    notebook = execute(
        LOAD, "%%pollinate local\nimport sys, nbclient\nprint(sys.prefix)", "import sys; print(sys.prefix)"
    )

    assert printed(notebook.cells[1]).splitlines()[-1] == printed(notebook.cells[2]).strip()


def test_a_failing_cell_raises_a_short_error_and_keeps_the_job_and_its_results(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --as job\nopen('result/partial.txt', 'w').write('kept')\nraise SystemExit(3)",
        "job.state.name, job.results['partial.txt'].text()",
        allow_errors=True,
    )

    error = error_of(notebook.cells[1])
    assert error.ename == "JobFailed"
    assert "Exit status 3" in error.evalue
    assert len(error.traceback) <= 3
    assert shown(notebook.cells[2]) == ["('FAILED', 'kept')"]


def test_a_traceback_of_the_program_is_in_the_log(execute):
    notebook = execute(LOAD, "%%pollinate local\n1 / 0", allow_errors=True)

    assert "ZeroDivisionError" in printed(notebook.cells[1])


def test_a_detached_job_is_attached_to_again(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --detach --as job\nprint('from the background')",
        "job.wait(60)\nprint(job.short_id)",
        "get_ipython().run_line_magic('pollinator', f'attach {job.short_id}')",
    )

    assert "from the background" not in printed(notebook.cells[1])
    assert "from the background" in printed(notebook.cells[3])


def test_an_unknown_executor_is_named_before_anything_is_written(execute, tmp_path):
    notebook = execute(LOAD, "%%pollinate local\nprint(1)", allow_errors=True)
    assert "1" in printed(notebook.cells[1])
    before = (tmp_path / "cfs" / "src" / "main.py").read_text()

    notebook = execute(LOAD, "%%pollinate --walltime 1\nprint(2)", allow_errors=True)

    assert "--walltime" in error_of(notebook.cells[1]).evalue
    assert (tmp_path / "cfs" / "src" / "main.py").read_text() == before


def test_without_a_configured_colony_a_remote_executor_says_what_is_missing(execute):
    notebook = execute(LOAD, "%%pollinate lumi-std\nprint(1)", allow_errors=True)

    error = error_of(notebook.cells[1])
    assert error.ename == "ConfigurationError"
    assert "COLONIES_SERVER_HOST" in error.evalue
    assert "`local`" in error.evalue


def test_an_empty_cell_and_a_misspelt_option_are_usage_errors(execute):
    notebook = execute(LOAD, "%%pollinate local\n  \n", "%%pollinate local --walltme 5m\nprint(1)", allow_errors=True)

    assert "the cell is empty" in error_of(notebook.cells[1]).evalue
    assert "Did you mean '--walltime'" in error_of(notebook.cells[2]).evalue


def test_a_dry_run_sends_nothing(execute):
    notebook = execute(LOAD, "%%pollinate local --dry-run --nodes 2\nprint(1)", "%pollinator jobs")

    assert '"nodes": 2' in printed(notebook.cells[1])
    assert "No jobs yet." in printed(notebook.cells[2])


def test_another_language_has_a_source_file_of_its_own(execute, tmp_path):
    notebook = execute(LOAD, "%%pollinate local\nprint(1)", "%%pollinate local --cmd bash\necho $((40 + 2))")

    assert printed(notebook.cells[2]).strip().endswith("42")
    assert (tmp_path / "cfs" / "src" / "main.py").read_text() == "print(1)\n"


OTHER_LANGUAGES = {
    "bash": ("main.sh", 'name=bash; echo "from $name $((40 + 2))"; echo 1 > result/one.txt'),
    "perl": ("main.pl", 'print "from perl ", 40 + 2, "\\n"; open(F, ">result/one.txt"); print F 1;'),
    "node": ("main.js", "console.log(`from node ${40 + 2}`); require('fs').writeFileSync('result/one.txt', '1')"),
    "Rscript": ("main.R", 'cat("from Rscript", 40 + 2, "\\n"); writeLines("1", "result/one.txt")'),
}


@pytest.mark.parametrize("command", [name for name in OTHER_LANGUAGES if shutil.which(name)])
def test_other_languages_run_plainly_and_their_results_come_back(execute, tmp_path, command: str):
    source, program = OTHER_LANGUAGES[command]

    notebook = execute(LOAD, f"%%pollinate local --cmd {command}\n{program}", "list(_.results), _.value")

    assert f"from {command} 42" in printed(notebook.cells[1])
    assert (tmp_path / "cfs" / "src" / source).exists()
    assert shown(notebook.cells[2])[-1] == "(['one.txt'], None)"


def test_the_line_magic_runs_the_project_as_it_is(execute):
    notebook = execute(
        LOAD,
        "import pathlib\npathlib.Path('cfs/src').mkdir(parents=True)",
        "pathlib.Path('cfs/src/main.py').write_text('print(6 * 7)')",
        "%pollinate local",
    )

    assert "42" in printed(notebook.cells[3])


def test_a_job_that_fails_while_it_is_followed_is_remembered_whoever_followed_it(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --detach --as first\nraise SystemExit(3)",
        "1",
        "%pollinator attach {first.id}",
        "_.id == first.id",
        "%pollinator run --follow --as second",
        "print(second.state, second is _)",
        allow_errors=True,
    )

    assert error_of(notebook.cells[3]).ename == "JobFailed"
    assert shown(notebook.cells[4]) == ["True"]
    assert error_of(notebook.cells[5]).ename == "JobFailed"
    assert printed(notebook.cells[6]) == "failed True\n"


def test_help_lists_the_subcommands_and_suggests_the_nearest(execute):
    notebook = execute(LOAD, "%pollinator help", "%pollinator exectors", allow_errors=True)

    assert "attach" in printed(notebook.cells[1])
    assert "Did you mean 'executors'" in error_of(notebook.cells[2]).evalue


def test_no_key_is_ever_in_a_notebook(execute, local_home):
    notebook = execute(
        LOAD,
        "%%pollinate local --as job\nimport os\nprint(dict(os.environ))",
        "print(vars(job), job.session, job.session.connection, job.session.client)",
        "%pollinator status",
        "%pollinator local status",
    )

    text = str(notebook)
    keys = [path.read_text().strip() for path in (local_home / "keys").glob("*.key")]
    assert keys
    assert not any(key in text for key in keys)


def test_a_file_that_was_written_by_hand_is_kept_before_a_cell_takes_its_place(execute, tmp_path):
    notebook = execute(
        LOAD,
        "from pathlib import Path\nPath('cfs/src').mkdir(parents=True)\nPath('cfs/src/main.py').write_text('mine')",
        "%%pollinate local\nprint(1)",
    )

    assert "was not written by a cell; it is kept as" in printed(notebook.cells[2])
    assert (tmp_path / ".pollinator" / "replaced" / "main.py").read_text() == "mine"


def test_the_stop_button_ends_following_and_not_the_job(environment, tmp_path):
    """A kernel is interrupted for real while it follows a job that waits for a file."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:
        ask(client, LOAD)
        release = tmp_path / "release"
        cell = "%%pollinate local --as job\n" + waiting_for(release, says="started", then="print('ended')")
        # A kernel drops what arrives just after an error, as the rest of Run All.
        request = client.execute(cell, stop_on_error=False)
        wait_for_text(client, "started")
        manager.interrupt_kernel()
        reply = reply_to(client, request)
        assert reply["status"] == "error"
        assert reply["ename"] == "Interrupted"
        assert "goes on" in reply["evalue"]
        assert "attach" in reply["evalue"]
        assert len(reply["traceback"]) == 1

        release.touch()
        assert "ended" in ask(client, "job.wait(60)\nprint(job.log)")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ask(client, code: str) -> str:
    """Run code and return what it printed."""
    request = client.execute(code)
    text = ""
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != request:
            continue
        if message["msg_type"] == "stream":
            text += message["content"]["text"]
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return text


def wait_for_text(client, text: str) -> None:
    seen = ""
    while text not in seen:
        message = client.get_iopub_msg(timeout=60)
        seen += message["content"].get("text", "") if message["msg_type"] == "stream" else ""


def reply_to(client, request: str) -> dict:
    while True:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"]["msg_id"] == request:
            return reply["content"]


def test_a_misspelt_local_is_recognised_without_a_configuration(execute):
    notebook = execute(LOAD, "%%pollinate locl\nprint(1)", allow_errors=True)

    assert "Did you mean 'local'?" in error_of(notebook.cells[1]).evalue


def test_an_environment_file_whose_colony_does_not_answer_changes_nothing(execute, tmp_path):
    (tmp_path / "down.env").write_text(
        "COLONIES_SERVER_HOST=127.0.0.1\nCOLONIES_SERVER_PORT=1\nCOLONIES_TLS=false\n"
        f"COLONIES_COLONY_NAME=hpc\nexport COLONIES_PRVKEY={'ab' * 32}\n"
    )

    notebook = execute(
        LOAD,
        "%pollinator connect down.env",
        "import os; print([name for name in os.environ if name.startswith('COLONIES_')])",
        allow_errors=True,
    )

    assert "127.0.0.1:1 cannot be reached" in error_of(notebook.cells[1]).evalue
    assert printed(notebook.cells[2]) == "[]\n"
    assert "ab" * 32 not in str(notebook)
