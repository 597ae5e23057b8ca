"""Sweeps in real kernels: one card for all jobs, one table at the end, buttons, interrupts, groups left alone."""

from __future__ import annotations

import json
import time

import pytest

from tests.jobs import waiting_for
from tests.notebook.conftest import error_of, printed, shown
from tests.notebook.kernels import LOAD, PATIENT, WIDGET, FrontEnd, loaded_kernel

pytestmark = pytest.mark.notebook


class Watched(FrontEnd):
    """A front end that notes how many bytes each change of a display or of a widget has."""

    def __init__(self, directory):
        self.updates: list[int] = []
        super().__init__(directory)

    def _take_in_comm(self, kind, content):
        if kind == "comm_msg":
            self.updates.append(len(json.dumps(content)))
        super()._take_in_comm(kind, content)


@pytest.fixture
def kernel(environment, tmp_path):
    """A kernel with the extension loaded."""
    with loaded_kernel(tmp_path, front_end=Watched) as front_end:
        yield front_end


def ten_times_x(file) -> str:
    """A program that waits for a file, and then has a value."""
    return waiting_for(file, then="x * 10")


def rows_of(kernel: FrontEnd) -> str:
    """What is in the fold of the widget."""
    return next((state["value"] for state in kernel.widgets.values() if "<table" in str(state.get("value"))), "")


# --- there and back --------------------------------------------------------------------------------------------------


def test_a_sweep_shows_one_card_and_then_one_table_of_parameters_and_values(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --each x=1:2 name=a,b --as sweep\nprint('not shown')\nf'{name}{x}'",
        "sweep is _, [job.value for job in sweep], sweep.parameters[0]",
        "sweep.frame()[['x', 'name', 'value']].values.tolist()",
    )

    cell = notebook.cells[1]
    assert "not shown" not in printed(cell)
    card, table = (output for output in cell.outputs if "data" in output)
    assert card.data["text/plain"].startswith("local · 4 jobs: 4 success · after ")
    assert set(card.data) == {"text/html", "text/plain"}
    assert [line.split() for line in table.data["text/plain"].splitlines()] == [
        ["x", "name", "state", "value"],
        ["1", "a", "success", "'a1'"],
        ["1", "b", "success", "'b1'"],
        ["2", "a", "success", "'a2'"],
        ["2", "b", "success", "'b2'"],
    ]
    assert "<td>b</td>" in table.data["text/html"]
    assert shown(notebook.cells[2]) == ["(True, ['a1', 'b1', 'a2', 'b2'], {'x': 1, 'name': 'a'})"]
    assert shown(notebook.cells[3]) == ["[[1, 'a', 'a1'], [1, 'b', 'b1'], [2, 'a', 'a2'], [2, 'b', 'b2']]"]


def test_a_table_gives_the_parameters_too(execute, tmp_path):
    (tmp_path / "cities.csv").write_text("city,latitude\nLund,55.7\nLuleå,65.6\n")

    notebook = execute(LOAD, "%%pollinate local --map cities.csv\ncity, latitude", "[job.value for job in _]")

    assert shown(notebook.cells[2]) == ["[('Lund', 55.7), ('Luleå', 65.6)]"]


def test_jobs_that_fail_are_shown_with_their_reason_and_can_be_run_again(kernel):
    cell = kernel.run("%%pollinate local --each x=0:2 --as sweep\n1 / x")

    assert cell.reply["ename"] == "GroupFailed"
    assert "1 of 3 jobs failed on local" in cell.reply["evalue"]
    assert "x=0: ZeroDivisionError: division by zero (line 2 of the cell)" in cell.reply["evalue"]
    assert len(cell.reply["traceback"]) == 1
    assert "3 jobs: 1 failed, 2 success" in cell.plain
    table = [output["data"]["text/plain"] for output in cell.outputs if "data" in output][1]
    assert "ZeroDivisionError" in table
    assert "0.5" in table

    again = kernel.run("_.rerun_failed()")
    kernel.until(lambda: "1 job: 1 failed" in again.plain)
    kernel.until(lambda: "ZeroDivisionError" in again.plain)
    assert "x=0: ZeroDivisionError" in again.plain


def test_a_cell_that_has_run_is_not_run_again_with_cached(execute):
    cell = "%%pollinate local --each x=1:3 --cached\nx * 10"

    notebook = execute(LOAD, cell, "first = _", cell, "[a.id == b.id for a, b in zip(first, _)], _[0].value")

    assert "Cached" not in printed(notebook.cells[1])
    assert "Cached: 3 of 3 jobs ran before" in printed(notebook.cells[3])
    assert shown(notebook.cells[4]) == ["([True, True, True], 10)"]


def test_quiet_leaves_out_the_table(execute):
    notebook = execute(LOAD, "%%pollinate local --each x=1:2 --quiet\nx")

    assert len(shown(notebook.cells[1])) == 1


def test_a_dry_run_shows_one_job_and_sends_none(execute):
    notebook = execute(LOAD, "%%pollinate local --each x=1:7 --dry-run\nx", "%pollinator jobs")

    assert "7 jobs; the first one, with x=1:" in printed(notebook.cells[1])
    assert '"x": "1"' in printed(notebook.cells[1])
    assert "Nothing was sent." in printed(notebook.cells[1])
    assert "No jobs yet" in printed(notebook.cells[2])


def test_what_cannot_be_meant_makes_no_project(execute, tmp_path):
    notebook = execute(LOAD, "%%pollinate local --each x=\n1", "%%pollinate local --map no.csv\n1", allow_errors=True)

    assert "lacks a value" in error_of(notebook.cells[1]).evalue
    assert "no.csv" in error_of(notebook.cells[2]).evalue
    assert list(tmp_path.iterdir()) == []


# --- while it runs ---------------------------------------------------------------------------------------------------


def test_the_live_card_has_a_bar_buttons_and_the_jobs_in_a_fold(kernel, tmp_path):
    cell = kernel.begin(f"%%pollinate local --each x=1:3\n{ten_times_x(tmp_path / 'go')}")
    kernel.until(lambda: set(kernel.buttons()) == {"Cancel all", "Detach"})
    kernel.until(lambda: "running" in rows_of(kernel))
    heads = [str(state.get("value", "")) for state in kernel.widgets.values()]
    assert any('<progress value="0" max="3">' in head for head in heads)
    kernel.until(lambda: WIDGET in cell.card)
    assert "<details>" in cell.card["text/html"]

    (tmp_path / "go").touch()
    kernel.finish(cell)

    assert WIDGET not in cell.card
    assert kernel.buttons() == {}
    assert "<progress" not in cell.card["text/html"]
    assert "3 jobs: 3 success" in cell.plain


def test_a_click_cancels_all_jobs(kernel, tmp_path):
    cell = kernel.begin(f"%%pollinate local --each x=1:12 --as sweep\n{ten_times_x(tmp_path / 'go')}")
    kernel.until(lambda: "running" in rows_of(kernel))

    kernel.click("Cancel all")
    kernel.finish(cell)

    assert cell.reply["ename"] == "JobCancelled"
    assert "12 of 12 jobs were cancelled" in cell.reply["evalue"]
    assert "12 jobs: 12 cancelled" in cell.plain
    assert kernel.astray == []


def test_the_stop_button_ends_following_and_the_card_goes_on(kernel, tmp_path):
    cell = kernel.begin(f"%%pollinate local --each x=1:3 --as sweep\n{ten_times_x(tmp_path / 'go')}")
    kernel.until(lambda: "running" in rows_of(kernel))
    kernel.interrupt()
    kernel.finish(cell)

    assert cell.reply["ename"] == "Interrupted"
    assert "the jobs go on" in cell.reply["evalue"]
    assert "`_.cancel()`" in cell.reply["evalue"]
    assert len(cell.reply["traceback"]) == 1
    other = kernel.run("print('another cell')")

    (tmp_path / "go").touch()
    kernel.until(lambda: WIDGET not in cell.card)

    assert "3 jobs: 3 success" in cell.plain
    assert "20" in cell.plain
    assert other.printed == "another cell\n"
    assert kernel.astray == []


def test_a_second_interrupt_cancels_all(kernel, tmp_path):
    kernel.run(PATIENT)
    cell = kernel.begin(f"%%pollinate local --each x=1:3 --as sweep\n{ten_times_x(tmp_path / 'go')}")
    kernel.until(lambda: "running" in rows_of(kernel))
    kernel.interrupt_twice(cell)

    assert "3 jobs: 3 cancelled" in cell.reply["evalue"]
    assert kernel.run("print(sweep.summary)").printed == "3 jobs: 3 cancelled\n"


def test_under_time_a_sweep_blocks_with_the_same_output(kernel):
    cell = kernel.run("%%time\n%%pollinate local --each x=1:2\nx")

    assert cell.reply["status"] == "ok"
    assert "2 jobs: 2 success" in cell.plain


def test_a_detached_group_goes_on_updating_its_card_and_prints_nowhere(kernel, tmp_path):
    cell = kernel.run(f"%%pollinate local --each x=1:3 --detach\n{ten_times_x(tmp_path / 'go')}")
    assert cell.reply["status"] == "ok"
    kernel.until(lambda: "3 running" in cell.plain or "running" in rows_of(kernel))
    kernel.until(lambda: set(kernel.buttons()) == {"Cancel all"})
    other = kernel.run("print('another cell')")

    (tmp_path / "go").touch()
    kernel.until(lambda: WIDGET not in cell.card)

    assert "3 jobs: 3 success · after" in cell.plain
    assert "30" in cell.plain
    assert other.printed == "another cell\n"
    assert len(other.outputs) == 1
    assert kernel.astray == []


def test_what_could_be_submitted_goes_on_when_the_rest_could_not(kernel):
    kernel.run(
        "from pollinator_magic.colonies.client import Colonies\n"
        "from pollinator_magic.errors import ServerUnreachable\n"
        "submit, sent = Colonies.submit, []\n"
        "def failing(self, spec):\n"
        "    sent.append(spec)\n"
        "    if len(sent) > 2: raise ServerUnreachable('It is gone.')\n"
        "    return submit(self, spec)\n"
        "Colonies.submit = failing"
    )
    cell = kernel.run("%%pollinate local --each x=1:9 --as sweep\nx * 10")

    assert cell.reply["ename"] == "GroupIncomplete"
    assert "2 of 9 jobs were submitted and go on" in cell.reply["evalue"]
    assert "It is gone." in cell.reply["evalue"]
    kernel.until(lambda: "9 jobs: 7 not submitted, 2 success" in cell.plain)

    kernel.run("Colonies.submit = submit")
    more = kernel.run("_.submit_missing()")
    kernel.until(lambda: "9 jobs: 9 success" in more.plain)
    assert kernel.run("print([job.value for job in sweep.wait()])").printed == f"{list(range(10, 100, 10))}\n"


def test_many_jobs_cost_few_and_small_updates(kernel):
    began = time.monotonic()

    cell = kernel.run(f"%%pollinate local --each x=1:40 --script --env text={'word' * 10}\nprint(1)")

    seconds = time.monotonic() - began
    assert "40 jobs: 40 success" in cell.plain
    assert max(kernel.updates) < 50 << 10
    assert len(kernel.updates) <= 2 * (4 * seconds + 8)  # the head and the fold
