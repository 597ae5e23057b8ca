"""The same cells in other front ends: papermill, and IPython in a terminal."""

from __future__ import annotations

import sys

import nbformat
import papermill
import pexpect
import pytest
from papermill.exceptions import PapermillExecutionError

from tests.notebook.conftest import printed, shown

pytestmark = pytest.mark.notebook

PROMPT = r"In \[\d+\]: "
WAIT_S = 60


@pytest.fixture
def by_papermill(environment, tmp_path):
    """Execute cells with papermill; return the notebook as it saved it, and what it raised."""

    def run(*cells: str):
        given, saved = tmp_path / "given.ipynb", tmp_path / "saved.ipynb"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
        nbformat.write(notebook, given)
        raised = None
        try:
            papermill.execute_notebook(given, saved, cwd=str(tmp_path), progress_bar=False)
        except PapermillExecutionError as error:
            raised = error
        return [cell for cell in nbformat.read(saved, as_version=4).cells if cell.cell_type == "code"], raised

    return run


@pytest.fixture
def terminal(environment, tmp_path):
    """IPython in a pseudo-terminal, with the extension loaded."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=NoColor"],
        cwd=str(tmp_path),
        encoding="utf-8",
        timeout=WAIT_S,
    )
    child.expect(PROMPT)
    child.sendline("%load_ext pollinator_magic")
    child.expect(PROMPT)
    yield child
    child.close(force=True)


def enter(child: pexpect.spawn, *lines: str) -> None:
    """Type a cell of several lines."""
    for line in lines:
        child.sendline(line)
        child.expect_exact("   ...: ")
    child.sendline("")  # two empty lines end a cell
    child.expect_exact("   ...: ")
    child.sendline("")


def test_papermill_saves_the_log_and_the_card(by_papermill):
    cells, raised = by_papermill("%load_ext pollinator_magic", "%%pollinate local\nprint('by papermill')")

    assert raised is None
    assert "by papermill" in printed(cells[-1])
    assert any("success" in text for text in shown(cells[-1]))
    assert not shown(cells[-1], "application/vnd.jupyter.widget-view+json")


def test_a_failed_job_stops_papermill(by_papermill):
    cells, raised = by_papermill(
        "%load_ext pollinator_magic", "%%pollinate local\nraise ValueError('no')", "print('not reached')"
    )

    assert "JobFailed" in str(raised)
    assert "not reached" not in "".join(printed(cell) for cell in cells)


def test_a_terminal_shows_the_log_and_keeps_the_job(terminal):
    enter(terminal, "%%pollinate local", "print('in a terminal')")
    terminal.expect("in a terminal\r\n")
    terminal.expect("success after")
    terminal.expect(PROMPT)
    terminal.sendline("_.state.name")
    terminal.expect("'SUCCESS'")


def test_ctrl_c_in_a_terminal_ends_following_and_not_the_job(terminal):
    enter(terminal, "%%pollinate local --as job", "import time; print('begun', flush=True); time.sleep(600)")
    terminal.expect("begun\r\n")
    terminal.sendintr()
    terminal.expect("goes on")
    terminal.expect(PROMPT)
    terminal.sendline("job.state.name")
    terminal.expect("'RUNNING'")
    terminal.sendline("job.cancel(); job.state.name")
    terminal.expect("'CANCELLED'")
