"""The first minute, and coming back: after a restart of the kernel, and to a notebook that was saved."""

from __future__ import annotations

import json

import pytest

from tests.browser.cells import LOAD, RUN_ALL, SAVE, output, picture
from tests.browser.conftest import KERNEL_IS_IDLE
from tests.jobs import waiting_for

pytestmark = pytest.mark.browser

RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
FIGURE = """%%pollinate local
import matplotlib.pyplot as plt
import pandas as pd

print("drawing")
plt.plot([1, 4, 9])
plt.show()
print("done")
pd.DataFrame({"n": [1, 2, 3], "square": [1, 4, 9]}).to_csv("result/squares.csv", index=False)
"""


def run(page, number: int) -> None:
    """Run one cell, as if somebody had selected it."""
    page.evaluate(
        "n => { const nb = window.jupyterapp.shell.currentWidget.content; nb.activeCellIndex = n; nb.deselectAll();"
        " void window.jupyterapp.commands.execute('notebook:run-cell'); }",
        number,
    )


@pytest.mark.parametrize("notebook_7", [False, True], ids=["JupyterLab", "Notebook 7"])
def test_the_first_minute(new_notebook, notebook_7):
    page = new_notebook(
        LOAD,
        '%%pollinate local\nimport socket\nprint("hello from", socket.gethostname())',
        notebook_7=notebook_7,
    )

    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("hello from").wait_for()
    output(page, 1).get_by_text("success after").wait_for()

    assert output(page, 0).count() == 0
    assert page.locator(".jp-RenderedText[data-mime-type*='error']").count() == 0


def test_after_a_restart_of_the_kernel_attach_goes_on_in_the_log(new_notebook, go):
    page = new_notebook(
        LOAD,
        "%%pollinate local\n" + waiting_for(go, says="first", then="print('second')"),
        "from pathlib import Path\n"
        "(job,) = [path.name for path in Path('.pollinator/jobs').iterdir()]\n"
        "%pollinator attach {job}",
    )
    run(page, 0)
    run(page, 1)
    output(page, 1).get_by_text("first", exact=True).wait_for()

    page.evaluate(RESTART)
    page.wait_for_function(KERNEL_IS_IDLE)
    run(page, 0)
    run(page, 2)
    output(page, 2).get_by_text("goes on where it was left").wait_for()
    output(page, 2).get_by_text("running for").wait_for()
    go.touch()

    output(page, 2).get_by_text("success after").wait_for()
    output(page, 2).get_by_text("second", exact=True).wait_for()
    picture(page, "attached-after-restart")
    shown = "".join(output(page, 2).all_inner_texts())
    assert "first" not in shown
    assert shown.count("second") == 1


def test_a_saved_notebook_can_be_read_without_its_kernel(new_notebook, visit, lab, tmp_path):
    page = new_notebook(LOAD, FIGURE)
    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("success after").wait_for()
    output(page, 1).locator("table", has_text="integer").wait_for()
    page.evaluate(SAVE)
    saved = lab.root / tmp_path.name / "notebook.ipynb"
    elsewhere = saved.with_name("elsewhere.ipynb")
    content = json.loads(saved.read_text())
    content["metadata"]["kernelspec"] = {"name": "not-here", "display_name": "Not here", "language": "python"}
    elsewhere.write_text(json.dumps(content))

    page.goto(lab.address(elsewhere.relative_to(lab.root).as_posix()))
    page.get_by_text("success after").first.wait_for()
    picture(page, "saved-without-kernel")

    assert output(page, 1).get_by_text("drawing").is_visible()
    assert output(page, 1).locator("img").is_visible()
    assert output(page, 1).locator("table", has_text="integer").is_visible()
    assert page.get_by_text("Error displaying widget").count() == 0
    kinds = {kind for cell in content["cells"] for one in cell.get("outputs", []) for kind in one.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds
