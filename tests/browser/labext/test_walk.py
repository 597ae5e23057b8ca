"""The way of a user from a cell to its results. Its pictures are those of the documents (tests/browser/pictures.py)."""

from __future__ import annotations

import nbformat
import pytest

from tests.browser.cells import LOAD, RUN_ALL, output, picture
from tests.browser.labext.panel import open_panel, rows, section
from tests.browser.labext.test_cells_dialog import BUTTON, dialog, open_dialog

pytestmark = pytest.mark.browser

MODEL = """
import os, time

def training(rate, steps=200):
    for step in range(1, steps + 1):
        yield step, 1 / (1 + rate * step)
        if step == 60:
            while not os.path.exists({go!r}):
                time.sleep(0.02)
"""
SWEEP = """%%pollinate local --detach --each rate=0.01,0.1
from model import training

print("at the end", min(loss for _, loss in training(rate, steps=50)))"""
TRAIN = """%%pollinate local --mem 2Gi --walltime 10m
import csv
from model import training

with open("result/losses.csv", "w") as file:
    table = csv.writer(file)
    table.writerow(["step", "loss"])
    for step, loss in training(rate=0.05):
        table.writerow([step, round(loss, 4)])
        print(f"\\x1b[32mstep {step:3}\\x1b[0m  loss {loss:.4f}", flush=True)"""
LOCAL = "import math\n\nmath.comb(49, 6)"


@pytest.fixture
def notebook(lab, tmp_path, go):
    """A notebook of a project that has a module."""
    project = lab.root / f"losses-{tmp_path.name[-4:]}"
    source = project / "cfs" / "src"
    source.mkdir(parents=True)
    (source / "model.py").write_text(MODEL.format(go=str(go)))
    cells = [nbformat.v4.new_code_cell(text) for text in (LOAD, SWEEP, TRAIN, LOCAL)]
    written = nbformat.v4.new_notebook(cells=cells)
    written.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(written, project / "losses.ipynb")
    return project / "losses.ipynb"


def test_a_cell_is_run_watched_read_and_its_results_opened(notebook, visit, page, go):
    page.set_viewport_size({"width": 1200, "height": 720})
    visit(notebook)
    panel = open_panel(page)

    page.evaluate(RUN_ALL)
    output(page, 2).get_by_text("step  60").wait_for()
    jobs = rows(panel).filter(has_text="losses.ipynb")
    jobs.filter(has_text="Success").nth(1).wait_for()
    running = jobs.filter(has_text="Running")
    running.wait_for()
    output(page, 1).get_by_text("2 success").wait_for()
    panel.get_by_role("button", name="Refresh the executors").click()
    section(panel, "executors").get_by_text("1 running").wait_for()
    picture(page, "walk-sidebar")

    open_dialog(page, 3, BUTTON)
    dialog(page).get_by_role("combobox", name="Executor").press("ArrowDown")
    dialog(page).get_by_label("Memory").fill("2Gi")
    dialog(page).get_by_label("Walltime").fill("10m")
    picture(dialog(page).locator(".jp-Dialog-content"), "walk-dialog")
    dialog(page).get_by_role("button", name="Cancel").click()

    running.press("Enter")
    view = page.locator("[id^=pollinator-job-]:visible")
    view.get_by_text("loss 0.2500").wait_for()
    picture(page, "walk-job")

    go.touch()
    view.get_by_role("status").get_by_text("Success").wait_for()
    toast = page.locator(".Toastify__toast")
    toast.get_by_text("losses.ipynb: succeeded on local").wait_for()
    toast.hover()  # Playwright waits until it has come to rest
    picture(toast, "walk-notification")
    view.get_by_role("button", name="Results").click()
    page.locator(".pollinator-Results:visible").get_by_text("losses.csv").click()
    page.locator(".jp-CSVViewer:visible").wait_for()
    assert section(panel, "jobs").is_visible()
    picture(page, "walk-results")
