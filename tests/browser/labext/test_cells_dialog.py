"""A cell becomes a job and comes back: the button of its toolbar, the dialog, and what is highlighted."""

from __future__ import annotations

import re

import pytest

from tests.browser.cells import LOAD, RUN_ALL, cell, output, picture
from tests.browser.labext.panel import colony_of
from tests.browser.themes import dark

pytestmark = pytest.mark.browser

BUTTON = "Turn this cell into a job with %%pollinate"
CHANGE = "Change where this cell runs as a job, or run it here again"
PROGRAM = "import math\nprint('value is', math.comb(4, 2))"
ACTIVATE = """n => { const nb = window.jupyterapp.shell.currentWidget.content;
    nb.activeCellIndex = n; nb.mode = 'command'; nb.activate(); }"""
SOURCE = "n => window.jupyterapp.shell.currentWidget.content.widgets[n].model.sharedModel.getSource()"
MIME_TYPE = "n => window.jupyterapp.shell.currentWidget.content.widgets[n].model.mimeType"
UNDO = "() => window.jupyterapp.commands.execute('notebook:undo')"
USE = "name => window.jupyterapp.commands.execute('pollinator:use-executor', { name })"


def toolbar_button(page, number: int, label: str):
    """The button in the toolbar of a cell, which is made active."""
    page.evaluate(ACTIVATE, number)
    return cell(page, number).get_by_role("button", name=label)


def dialog(page):
    return page.get_by_role("dialog")


def open_dialog(page, number: int, label: str):
    """Click the button of a cell; return the field for the executor, where the cursor is then."""
    toolbar_button(page, number, label).click()
    dialog(page).locator("input[role=combobox]:focus").wait_for()
    return dialog(page).get_by_role("combobox", name="Executor")


def test_the_button_turns_a_cell_into_a_job_that_runs(new_notebook):
    page = new_notebook(LOAD, PROGRAM)

    executor = open_dialog(page, 1, BUTTON)
    executor.press("ArrowDown")
    dialog(page).get_by_label("Walltime").fill("5m")
    dialog(page).get_by_label("Nodes").fill("1")
    assert dialog(page).locator("output").inner_text() == "%%pollinate local --nodes 1 --walltime 5m"
    picture(page, "cells-dialog")
    dialog(page).get_by_label("Nodes").press("Enter")

    dialog(page).wait_for(state="detached")
    assert page.evaluate(SOURCE, 1) == f"%%pollinate local --nodes 1 --walltime 5m\n{PROGRAM}"
    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("value is 6").wait_for()
    output(page, 1).get_by_text("success after").wait_for()


def test_the_dialog_shows_what_the_line_says_and_changes_only_that(new_notebook):
    line = "%%pollinate local --mem 1Gi --each 'n=1,2' --init \"echo 'x y'\" -d"
    page = new_notebook(f"{line}\n{PROGRAM}")

    executor = open_dialog(page, 0, CHANGE)
    assert executor.input_value() == "local"
    assert dialog(page).get_by_label("Memory").input_value() == "1Gi"
    dialog(page).get_by_label("Memory").fill("")
    dialog(page).get_by_label("CPU").fill("500m")
    picture(page, "cells-dialog-change")
    dialog(page).get_by_role("button", name="Change").click()

    dialog(page).wait_for(state="detached")
    changed = line.replace("--mem 1Gi", "--cpu 500m")
    assert page.evaluate(SOURCE, 0) == f"{changed}\n{PROGRAM}"


def test_run_here_again_takes_the_line_away_and_one_undo_brings_it_back(new_notebook):
    page = new_notebook(f"%%pollinate local --nodes 2\n{PROGRAM}")

    open_dialog(page, 0, CHANGE)
    dialog(page).get_by_role("button", name="Run Here Again").click()
    dialog(page).wait_for(state="detached")
    assert page.evaluate(SOURCE, 0) == PROGRAM
    cell(page, 0).get_by_role("button", name=BUTTON).wait_for()

    page.evaluate(UNDO)
    assert page.evaluate(SOURCE, 0) == f"%%pollinate local --nodes 2\n{PROGRAM}"


def test_the_last_choice_is_remembered_and_escape_changes_nothing(new_notebook):
    page = new_notebook(PROGRAM, "print(2)")

    open_dialog(page, 0, BUTTON).fill("lumi-std")
    dialog(page).get_by_label("GPUs").fill("A100:2")
    dialog(page).get_by_label("GPUs").press("Enter")
    dialog(page).wait_for(state="detached")

    open_dialog(page, 1, BUTTON)
    assert dialog(page).locator("output").inner_text() == "%%pollinate lumi-std --gpu A100:2"
    page.keyboard.press("Escape")
    dialog(page).wait_for(state="detached")
    assert page.evaluate(SOURCE, 1) == "print(2)"


def test_typing_finds_executors_and_a_click_takes_one(new_notebook):
    page = new_notebook(LOAD, "%%pollinate local\nprint('so that the colony runs')", PROGRAM)
    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("success after").wait_for()

    executor = open_dialog(page, 2, BUTTON)
    options = dialog(page).get_by_role("option")
    options.get_by_text(re.compile("CPU")).wait_for()
    executor.fill("nonsense")
    assert options.count() == 0
    executor.fill("lo")
    options.first.click()
    assert executor.input_value() == "local"
    picture(page, "cells-dialog-executors")
    with dark(page):
        picture(page, "cells-dialog-dark")


def test_an_executor_of_the_sidebar_goes_into_the_active_cell(new_notebook):
    page = new_notebook(PROGRAM)
    page.evaluate(ACTIVATE, 0)

    page.evaluate(USE, "lumi-std")
    assert page.evaluate(SOURCE, 0) == f"%%pollinate lumi-std\n{PROGRAM}"
    page.evaluate(USE, "two words")
    assert page.evaluate(SOURCE, 0) == f"%%pollinate 'two words'\n{PROGRAM}"


def test_a_body_keeps_the_highlighting_of_its_language(new_notebook):
    page = new_notebook(
        f"%%pollinate local --each seed=1:5 lr=0.1 --init \"echo 'it'\"\n{PROGRAM}",
        '%%pollinate local --source job.sh\nfor name in *.txt; do echo "$name"; done',
        "%%pollinate local --cmd Rscript\nx <- c(1, 2)",
        PROGRAM,
    )
    page.wait_for_function(f"n => ({MIME_TYPE})(n) !== 'text/plain'", arg=3)  # the kernel has told its language
    python = page.evaluate(MIME_TYPE, 3)

    assert page.evaluate(MIME_TYPE, 0) == python
    assert [page.evaluate(MIME_TYPE, n) for n in (1, 2)] == ["text/x-sh", "text/x-rsrc"]
    keywords = "line => [...line.querySelectorAll('span')].map(span => span.textContent)"
    highlighted = cell(page, 0).locator(".cm-line").nth(1).evaluate(keywords)
    assert highlighted == cell(page, 3).locator(".cm-line").nth(0).evaluate(keywords)
    assert "import" in highlighted
    cell(page, 1).locator(".cm-line").nth(1).locator("span", has_text=re.compile("^done$")).wait_for()
    picture(page, "cells-highlighting")

    page.evaluate(ACTIVATE, 1)
    page.evaluate(
        "() => { const m = window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel;"
        " m.setSource(m.getSource().replace(' --source job.sh', '')); }"
    )
    assert page.evaluate(MIME_TYPE, 1) == python
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    assert page.evaluate(MIME_TYPE, 2) == "text/x-rsrc"


def test_the_button_works_in_notebook_7(new_notebook):
    page = new_notebook(PROGRAM, notebook_7=True)

    open_dialog(page, 0, BUTTON).fill("local")
    picture(page, "cells-dialog-notebook-7")
    page.keyboard.press("Enter")

    dialog(page).wait_for(state="detached")
    assert page.evaluate(SOURCE, 0) == f"%%pollinate local\n{PROGRAM}"


def test_the_dialog_says_why_no_executors_are_listed(new_notebook, lab):
    colony_of(lab).stop()
    page = new_notebook(PROGRAM)

    open_dialog(page, 0, BUTTON)

    trouble = dialog(page).locator(".pollinator-Picker-trouble")
    trouble.get_by_text("The embedded colony is not running.").wait_for()
    assert trouble.locator("code").inner_text() == "%%pollinate local"
    assert "`" not in trouble.inner_text()
    picture(page, "cells-dialog-trouble")
