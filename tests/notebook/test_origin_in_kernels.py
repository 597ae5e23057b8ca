"""What a kernel remembers of the cells that submit jobs, for front ends that lead back to them."""

from __future__ import annotations

import pytest
from jupyter_client.multikernelmanager import MultiKernelManager

from pollinator_magic.jobs.ledger import Ledger
from tests.notebook.kernels import NEWEST, VERSIONS, WAIT_S, FrontEnd, put_in_front

LOAD = "%load_ext pollinator_magic"


@pytest.fixture
def notebook(request, environment, tmp_path, monkeypatch):
    """A notebook as Jupyter Server starts its kernel."""
    put_in_front(monkeypatch, getattr(request, "param", NEWEST))
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "fit.ipynb"))
    kernel = FrontEnd(tmp_path)
    kernel.run(LOAD)
    yield kernel
    kernel.close()


@pytest.fixture
def ledger(local_home) -> Ledger:
    return Ledger(local_home)


def identity(notebook: FrontEnd, expression: str) -> list[str]:
    return notebook.run(f"print(*{expression})").printed.split()


@pytest.mark.parametrize("notebook", VERSIONS, indirect=True)
def test_the_cell_that_submitted_a_job_is_remembered(notebook, ledger, tmp_path):
    notebook.run_as("cell-7", "%%pollinate local\nprint('hello')")

    (job,) = identity(notebook, "[_.id]")
    entry = ledger.read()[job]
    assert (entry.project, entry.notebook, entry.cell) == (tmp_path, tmp_path / "fit.ipynb", "cell-7")


def test_all_jobs_of_a_sweep_are_of_its_cell_and_those_that_repeat_them_too(notebook, ledger):
    notebook.run_as("cell-8", "%%pollinate local --each x=1,2 --as jobs\nx")
    notebook.run_as("cell-9", "again = jobs.rerun().wait()")

    ids = identity(notebook, "[job.id for job in [*jobs, *again]]")
    known = ledger.read()
    assert len(ids) == 4
    assert {known[one].cell for one in ids} == {"cell-8"}


def test_a_job_that_is_taken_from_before_stays_its_own_cells(notebook, ledger):
    notebook.run_as("cell-1", "%%pollinate local\n6 * 7")
    notebook.run_as("cell-2", "%%pollinate local --cached\n6 * 7")

    (job,) = identity(notebook, "[_.id]")
    assert ledger.read()[job].cell == "cell-1"


def test_a_notebook_of_vs_code_is_known_by_its_variable(notebook, ledger, tmp_path):
    notebook.run(f"__vsc_ipynb_file__ = {str(tmp_path / 'of-code.ipynb')!r}")
    notebook.run_as("", "%%pollinate local\n1")

    (job,) = identity(notebook, "[_.id]")
    entry = ledger.read()[job]
    assert (entry.notebook, entry.cell) == (tmp_path / "of-code.ipynb", "")


@pytest.mark.parametrize("said", ["Console 1", "fit.ipynb", "", "/x/notes.py"])
def test_what_is_no_path_of_a_notebook_is_not_taken_for_one(environment, tmp_path, monkeypatch, said, ledger):
    monkeypatch.setenv("JPY_SESSION_NAME", said)
    console = FrontEnd(tmp_path)
    try:
        console.run(LOAD)
        console.run("%%pollinate local\n1")
        (job,) = identity(console, "[_.id]")
    finally:
        console.close()

    assert ledger.read()[job].notebook is None


def test_a_ledger_that_cannot_be_written_disturbs_no_job(notebook, local_home, monkeypatch):
    notebook.run(
        "from pollinator_magic.jobs.ledger import Ledger\n"
        "def fail(*_):\n    raise OSError('full')\n"
        "Ledger._append = fail"
    )
    cell = notebook.run_as("cell-1", "%%pollinate local\nprint('all the same')")

    assert cell.reply["status"] == "ok"
    assert "all the same" in cell.printed


def test_a_kernel_knows_by_which_id_its_server_knows_it(environment, tmp_path):
    kernels = MultiKernelManager()
    started = kernels.start_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:
        with_client = kernels.get_kernel(started).client()
        with_client.start_channels()
        with_client.wait_for_ready(timeout=WAIT_S)
        said: list[str] = []
        with_client.execute_interactive(
            "from pollinator_magic.notebook.origin import origin_of\nprint(origin_of(get_ipython()).kernel)",
            output_hook=lambda message: said.append(message["content"].get("text", "")),
            timeout=WAIT_S,
        )
        with_client.stop_channels()
    finally:
        kernels.shutdown_kernel(started, now=True)

    assert "".join(said).strip() == started
