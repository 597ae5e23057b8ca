"""Cells whose jobs are open: their marks, Cancel whatever the kernel does, and the record after a reload."""

from __future__ import annotations

import json
import re
import sys

import nbformat
import pytest

from tests.browser.cells import LOAD, RUN_ALL, SAVE, cell, output, picture
from tests.browser.conftest import KERNEL_IS_IDLE
from tests.browser.themes import dark
from tests.jobs import waiting_for
from tests.notebook.kernels import overlay

pytestmark = pytest.mark.browser

WIDGET = "application/vnd.jupyter.widget-view+json"
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
IS_CLEAN = "() => window.jupyterapp.shell.currentWidget.context.model.dirty === false"
IS_DIRTY = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
JOB_OF_CARD = """number => window.jupyterapp.shell.currentWidget.content.widgets[number].model.outputs.toJSON()
    .find(output => output.metadata?.pollinator?.job).metadata.pollinator.job"""
HAS_CARD = """number => window.jupyterapp.shell.currentWidget.content.widgets[number].model.outputs.toJSON()
    .some(output => output.metadata?.pollinator?.job)"""
CANCELLED = re.compile(r"/cancel\b")
BUSY = "import time\nprint('busy', flush=True)\ntime.sleep(1000)"
EDIT = """() => { const nb = window.jupyterapp.shell.currentWidget.content;
    nb.widgets[0].model.sharedModel.setSource('# edited'); }"""
ATTACH = "id => window.jupyterapp.commands.execute('pollinator:attach-job', { id })"


def job(go, *, options: str = "", then: str = "") -> str:
    """A cell whose job says that it has begun, and ends when there is a file."""
    return f"%%pollinate local {options}\n{waiting_for(go, says='begun', then=then)}"


def add_kernel(lab, name: str, **environment: str) -> None:
    """Give the server another kernel, which runs in this environment."""
    directory = lab.root.parent / "jupyter_data_dir" / "kernels" / name
    directory.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": name, "language": "python", "env": environment}
    (directory / "kernel.json").write_text(json.dumps(spec))


def mark(page, number: int):
    return cell(page, number).locator(".pollinator-Mark")


def card_saved(lab, tmp_path, number: int) -> dict:
    """The card of a cell as the file has it."""
    notebook = nbformat.read(lab.root / tmp_path.name / "notebook.ipynb", as_version=4)
    return next(one for one in notebook.cells[number].outputs if "pollinator" in one.get("metadata", {}))


@pytest.mark.parametrize("notebook_7", [False, True], ids=["JupyterLab", "Notebook 7"])
def test_a_cell_is_marked_while_its_job_is_open(new_notebook, go, notebook_7):
    page = new_notebook(LOAD, job(go), "print('other')", notebook_7=notebook_7)
    page.evaluate(RUN_ALL)

    mark(page, 1).get_by_text("Running").wait_for()
    assert "running on local" in mark(page, 1).get_attribute("aria-label")
    picture(page, f"cells-mark-{'notebook' if notebook_7 else 'lab'}")
    if not notebook_7:
        with dark(page):
            picture(page, "cells-mark-dark")
    go.touch()

    mark(page, 1).wait_for(state="detached")
    output(page, 1).get_by_text("success after").wait_for()
    assert page.locator(".pollinator-Mark").count() == 0


def test_cancel_on_a_card_works_while_another_cell_blocks_the_kernel(new_notebook, go):
    page = new_notebook(LOAD, job(go, options="--detach"), BUSY)
    page.evaluate(RUN_ALL)
    output(page, 2).get_by_text("busy", exact=True).wait_for()
    mark(page, 1).get_by_text("Running").wait_for()

    with page.expect_response(CANCELLED) as answered:
        output(page, 1).get_by_role("button", name="Cancel").click()

    assert answered.value.ok
    output(page, 1).get_by_text("cancelled after").wait_for()
    mark(page, 1).wait_for(state="detached")
    assert cell(page, 2).locator(".jp-InputPrompt").inner_text() == "[*]:"
    picture(page, "cells-cancelled-while-busy")


def test_cancel_is_offered_and_works_where_the_kernel_hears_no_click(lab, visit, go, tmp_path):
    """A kernel of ipykernel 6 handles clicks between cells only, and offers no button to other pages."""
    add_kernel(lab, "old", PYTHONPATH=overlay("6.31.0"))
    path = lab.root / tmp_path.name / "notebook.ipynb"
    path.parent.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (LOAD, job(go))])
    notebook.metadata["kernelspec"] = {"name": "old", "language": "python", "display_name": "old"}
    nbformat.write(notebook, path)
    page = visit(path)
    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("running for").wait_for()
    button = output(page, 1).get_by_role("button", name="Cancel")
    button.wait_for()
    assert output(page, 1).get_by_role("button", name="Detach").count() == 0
    picture(cell(page, 1), "cells-cancel-in-an-old-kernel")

    button.click()

    output(page, 1).get_by_text("JobCancelled").wait_for()
    output(page, 1).get_by_text("cancelled after").wait_for()


def test_sweeps_are_marked_and_cancelled_by_the_server_and_their_records_repaired(new_notebook, lab, go, tmp_path):
    sweep = "--detach --each n=1,2,3"
    page = new_notebook(LOAD, job(tmp_path / "never", options=sweep), job(go, options=sweep), BUSY)
    page.evaluate(RUN_ALL)
    mark(page, 1).get_by_text(re.compile(r"^\d running$")).wait_for()
    mark(page, 2).wait_for()
    picture(page, "cells-mark-sweep")

    with page.expect_response(CANCELLED) as answered:
        output(page, 1).get_by_role("button", name="Cancel all").click()
    assert answered.value.ok
    mark(page, 1).wait_for(state="detached")
    output(page, 1).get_by_text("3 cancelled").wait_for()
    page.evaluate(SAVE)

    page.goto(lab.address(f"{tmp_path.name}/notebook.ipynb"))
    mark(page, 2).get_by_text(re.compile(r"^\d running$")).wait_for()
    go.touch()
    mark(page, 2).wait_for(state="detached")
    output(page, 2).get_by_text("3 success").wait_for()
    page.wait_for_function(IS_CLEAN)
    card = card_saved(lab, tmp_path, 2)
    assert "3 success" in card.data["text/plain"]
    assert card.metadata["pollinator"]["final"] is True
    picture(page, "cells-record-of-a-sweep")


def test_after_a_reload_the_cell_is_marked_and_its_record_is_right_at_the_end(new_notebook, lab, go, tmp_path):
    page = new_notebook(LOAD, job(go, then="open('result/a.csv', 'w').write('x,y\\n1,2\\n')"))
    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("begun", exact=True).wait_for()
    page.evaluate(SAVE)
    assert "running" in card_saved(lab, tmp_path, 1)["data"]["text/plain"]

    page.goto(lab.address(f"{tmp_path.name}/notebook.ipynb"))
    mark(page, 1).get_by_text("Running").wait_for()
    picture(page, "cells-reloaded")
    go.touch()

    mark(page, 1).wait_for(state="detached")
    output(page, 1).get_by_text("a.csv").first.wait_for()
    page.wait_for_function(IS_CLEAN)
    card = card_saved(lab, tmp_path, 1)
    assert "success after" in card["data"]["text/html"]
    assert "success after" in card["data"]["text/plain"]
    assert card["metadata"]["pollinator"]["final"] is True
    assert WIDGET not in card["data"]
    picture(page, "cells-record-repaired")


def test_a_cell_whose_outputs_were_never_saved_is_marked_after_a_reload(new_notebook, lab, go, tmp_path):
    page = new_notebook(LOAD, job(go))
    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("begun", exact=True).wait_for()

    page.goto(lab.address(f"{tmp_path.name}/notebook.ipynb"))
    mark(page, 1).get_by_text("Running").wait_for()
    assert output(page, 1).count() == 0
    mark(page, 1).focus()
    page.keyboard.press("Enter")
    page.locator(".lm-TabBar-tab.jp-mod-current", has_not_text="notebook.ipynb").wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('application:activate-previous-tab')")
    go.touch()

    mark(page, 1).wait_for(state="detached")


def test_a_job_that_ended_while_no_page_was_open_has_its_record_when_one_is(new_notebook, lab, go, tmp_path):
    page = new_notebook(LOAD, job(go, options="--detach"))
    page.evaluate(RUN_ALL)
    mark(page, 1).get_by_text("Running").wait_for()
    page.wait_for_function(HAS_CARD, arg=1)  # the mark can be there before it
    page.evaluate(SAVE)
    page.evaluate(SHUT_DOWN)
    page.goto("about:blank")
    go.touch()

    page.goto(lab.address(f"{tmp_path.name}/notebook.ipynb"))
    page.wait_for_function(KERNEL_IS_IDLE)
    output(page, 1).get_by_text("success after").wait_for()


def test_when_the_kernel_is_shut_down_the_record_comes_and_edits_are_not_saved(new_notebook, lab, go, tmp_path):
    page = new_notebook(LOAD, job(go))
    page.evaluate(RUN_ALL)
    mark(page, 1).get_by_text("Running").wait_for()
    page.wait_for_function(HAS_CARD, arg=1)
    page.evaluate(SAVE)
    page.evaluate(SHUT_DOWN)
    page.evaluate(EDIT)
    go.touch()

    output(page, 1).get_by_text("success after").wait_for()
    assert page.evaluate(IS_DIRTY)
    assert "# edited" not in (lab.root / tmp_path.name / "notebook.ipynb").read_text()
    assert "running" in card_saved(lab, tmp_path, 1)["data"]["text/plain"]


def test_a_job_is_attached_in_a_new_cell_that_loads_what_it_needs(new_notebook, go):
    page = new_notebook(LOAD, job(go, options="--detach"), "print('last')")
    page.evaluate(RUN_ALL)
    mark(page, 1).get_by_text("Running").wait_for()
    page.wait_for_function(KERNEL_IS_IDLE)
    job_id = page.evaluate(JOB_OF_CARD, 1)

    page.evaluate("n => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = n; }", 1)
    page.evaluate(f"id => void ({ATTACH})(id)", job_id)
    output(page, 2).get_by_text("running for").wait_for()
    assert "%load_ext" not in cell(page, 2).locator(".cm-content").inner_text()
    mark(page, 2).wait_for()
    go.touch()
    output(page, 2).get_by_text("success after").wait_for()

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    page.evaluate(f"id => void ({ATTACH})(id)", job_id)  # at once, when it is not yet known to be idle
    output(page, 3).get_by_text("success after").wait_for()
    assert "%load_ext pollinator_magic" in cell(page, 3).locator(".cm-content").inner_text()


def test_a_job_is_attached_while_the_kernel_works_and_followed_when_it_has_done(new_notebook, go):
    page = new_notebook(LOAD, job(go, options="--detach"), waiting_for(go, says="busy"))
    page.evaluate(RUN_ALL)
    output(page, 2).get_by_text("busy", exact=True).wait_for()

    page.evaluate("n => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = n; }", 2)
    page.evaluate(f"id => void ({ATTACH})(id)", page.evaluate(JOB_OF_CARD, 1))
    cell(page, 3).locator(".cm-content").get_by_text("%pollinator attach").wait_for()
    go.touch()
    output(page, 3).get_by_text("success after").wait_for()
