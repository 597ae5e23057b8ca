"""The executor picker in a real kernel, on the embedded colony."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import printed, shown

pytestmark = pytest.mark.notebook

LOAD = "%load_ext pollinator_magic"
WIDGET = "application/vnd.jupyter.widget-view+json"


def test_it_is_a_widget_with_the_table_beside_it(execute):
    notebook = execute(LOAD, "%pollinator local start", "%pollinator pick")
    (bundle,) = [output.data for output in notebook.cells[2].outputs if "data" in output]

    assert WIDGET in bundle
    assert "<td" in bundle["text/html"]
    assert "local" in bundle["text/html"]
    row = next(line for line in bundle["text/plain"].splitlines() if "local" in line.split())
    assert {"embedded", "CPU,"} <= set(row.split())


def test_it_starts_nothing(execute, tmp_path, monkeypatch):
    monkeypatch.setenv("POLLINATOR_HOME", str(tmp_path / "home"))
    notebook = execute(LOAD, "%pollinator pick")

    assert "on demand" in shown(notebook.cells[1])[0]
    assert not (tmp_path / "home").exists()


def test_what_is_chosen_is_where_a_bare_cell_runs(execute):
    notebook = execute(
        LOAD,
        "from pollinator_magic import ExecutorPicker\nfrom IPython.display import display\n"
        "picker = ExecutorPicker(walltime='5m')\ndisplay(picker)",
        "picker.executor = 'local'\npicker.use()\nprint(picker.line)",
        "%%pollinate --dry-run\nprint(1)",
        "%%pollinate\nprint('ran')",
        "print(_.executor_names, _.process.spec.conditions.walltime)",
    )

    assert printed(notebook.cells[2]) == "%%pollinate local --walltime 5m\n"
    assert '"walltime": 300' in printed(notebook.cells[3])
    assert printed(notebook.cells[4]).splitlines()[-1] == "ran"
    assert printed(notebook.cells[5]) == "('local',) 300\n"


def test_a_bad_value_changes_nothing(execute):
    notebook = execute(
        LOAD,
        "from pollinator_magic import ExecutorPicker\npicker = ExecutorPicker()",
        "try:\n    picker.mem = '4GB'\nexcept Exception as error:\n    print(error)\nprint(repr(picker.mem))",
    )

    assert "Use Ki, Mi or Gi" in printed(notebook.cells[2])
    assert printed(notebook.cells[2]).endswith("''\n")


def test_the_kernel_ends_while_a_picker_is_live(execute):
    """Its thread does not keep the kernel alive, nor write anything at the end."""
    notebook = execute(
        LOAD,
        "%pollinator pick",
        "import threading; print([thread.daemon for thread in threading.enumerate() if 'lookout' in thread.name])",
    )

    assert printed(notebook.cells[2]) == "[True]\n"
