"""The quickstart in JupyterLab, as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

QUICKSTART = Path(__file__).parents[2] / "example_notebooks" / "01-quickstart.ipynb"
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.mark.parametrize("notebook_7", [False, True], ids=["lab", "notebook-7"])
def test_the_quickstart_shows_the_log_the_figure_and_the_table(open_notebook, lab, notebook_7: bool):
    page = open_notebook(QUICKSTART, notebook_7=notebook_7)

    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.get_by_text("The heaviest species is Gentoo").last.wait_for()
    cell = page.locator(".jp-CodeCell", has_text="%%pollinate local")

    log = cell.locator(".jp-OutputArea-output", has_text="333 penguins of 3 species")
    assert log.count() == 1
    assert cell.locator("img").count() == 1
    assert cell.locator("table", has_text="bill_length_mm").count() == 1
    assert cell.get_by_text("success after").is_visible()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    cell.screenshot(path=SCREENSHOTS / f"quickstart{'-notebook-7' if notebook_7 else ''}.png")

    saved = json.loads((lab.root / QUICKSTART.name).read_text())
    outputs = [output for cell in saved["cells"] for output in cell.get("outputs", [])]
    assert any("success after" in "".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    assert not any(output["output_type"] == "error" for output in outputs)
