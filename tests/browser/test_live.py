"""A cell while its job runs, as the person at the notebook sees it: buttons, interrupts, and cards that go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.cells import LOAD, RUN_ALL, SAVE, cell, output, picture
from tests.jobs import waiting_for

pytestmark = pytest.mark.browser

INTERRUPT = "() => void window.jupyterapp.commands.execute('notebook:interrupt-kernel')"


def job(go: Path, *, options: str = "", then: str = "print('ended')") -> str:
    """A cell whose job says that it has begun, and ends when there is a file."""
    return f"%%pollinate local {options}\n{waiting_for(go, says='begun', then=then)}"


@pytest.mark.parametrize("notebook_7", [False, True], ids=["JupyterLab", "Notebook 7"])
def test_a_click_on_cancel_ends_the_job_while_its_cell_runs(new_notebook, go, notebook_7):
    page = new_notebook(LOAD, job(go), "print('not reached')", notebook_7=notebook_7)

    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("begun", exact=True).wait_for()
    card = output(page, 1)
    card.get_by_text("running for").wait_for()
    picture(cell(page, 1), f"live-running-{'notebook' if notebook_7 else 'lab'}")
    card.get_by_role("button", name="Cancel").click()

    output(page, 1).get_by_text("JobCancelled").wait_for()
    card.get_by_text("cancelled after").wait_for()
    page.get_by_role("button", name="Cancel", exact=True).wait_for(state="detached")
    assert output(page, 2).count() == 0
    picture(cell(page, 1), "live-cancelled")


def test_the_next_cell_of_run_all_waits(new_notebook, go):
    page = new_notebook(LOAD, job(go), "print('after')")

    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("begun", exact=True).wait_for()
    assert cell(page, 2).locator(".jp-InputPrompt").inner_text() == "[*]:"
    assert output(page, 2).count() == 0
    go.touch()

    output(page, 2).get_by_text("after", exact=True).wait_for()
    assert output(page, 1).get_by_text("success after").is_visible()
    assert output(page, 1).get_by_text("ended").is_visible()


def test_a_detached_card_goes_to_success_while_another_cell_runs(new_notebook, go, tmp_path):
    stop = tmp_path / "stop"
    then = "for name in ('a.txt', 'b.csv'): open(f'result/{name}', 'w').write('x,y\\n1,2\\n')"
    page = new_notebook(LOAD, job(go, options="--detach", then=then), waiting_for(stop, says="busy"))

    page.evaluate(RUN_ALL)
    output(page, 2).get_by_text("busy", exact=True).wait_for()
    output(page, 1).get_by_text("running for").wait_for()
    output(page, 1).get_by_text("log: 1 line").wait_for()
    picture(cell(page, 1), "live-detached")
    go.touch()

    output(page, 1).get_by_text("success after").wait_for()
    output(page, 1).get_by_text("a.txt").wait_for()
    assert cell(page, 2).locator(".jp-InputPrompt").inner_text() == "[*]:"
    assert output(page, 2).all_inner_texts() == ["busy\n"]
    picture(cell(page, 1), "live-detached-ended")
    stop.touch()


def test_an_interrupt_ends_the_cell_with_one_line_and_the_card_goes_on(new_notebook, go):
    page = new_notebook(LOAD, job(go), "print('not reached')")

    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("begun", exact=True).wait_for()
    page.evaluate(INTERRUPT)
    output(page, 1).get_by_text("goes on. Follow it again with").wait_for()
    picture(cell(page, 1), "live-interrupted")
    assert output(page, 2).count() == 0
    go.touch()

    output(page, 1).get_by_text("success after").wait_for()
    picture(cell(page, 1), "live-interrupted-ended")


def test_a_page_that_is_reloaded_sees_the_job_end(new_notebook, lab, go, tmp_path):
    """The new page knows the card's widget, and nothing of the display that it was published in."""
    page = new_notebook(LOAD, job(go))
    page.evaluate(RUN_ALL)
    output(page, 1).get_by_text("begun", exact=True).wait_for()
    output(page, 1).get_by_text("running for").wait_for()
    page.evaluate(SAVE)

    page.goto(lab.address(f"{tmp_path.name}/notebook.ipynb"))
    output(page, 1).get_by_text("running for").wait_for()
    go.touch()

    output(page, 1).get_by_text("success after").wait_for()
    page.get_by_role("button", name="Cancel", exact=True).wait_for(state="detached")
    picture(cell(page, 1), "live-reloaded")
