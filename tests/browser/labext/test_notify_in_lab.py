"""Notifications of jobs that have ended, while one does something else."""

from __future__ import annotations

import pytest

from tests.browser.cells import LOAD, RUN_ALL, SAVE, output, picture
from tests.browser.labext.elsewhere import run_elsewhere
from tests.browser.labext.settings import settings
from tests.browser.themes import dark
from tests.jobs import waiting_for

pytestmark = pytest.mark.browser

CLOSE = "() => window.jupyterapp.shell.currentWidget.dispose()"

IN_SIGHT = """cell => {
    const { top, bottom } = cell.getBoundingClientRect();
    return top > 0 && bottom < window.innerHeight;
}"""


def detached(go, *, options: str = "", then: str = "pass") -> str:
    """A cell that does not wait for its job, which ends when there is a file."""
    return f"%%pollinate local --detach {options}\n{waiting_for(go, then=then)}"


def toasts(page):
    return page.locator(".Toastify__toast")


def how_many(page) -> int:
    """How many notifications there are, as JupyterLab counts them."""
    return int(page.locator(".jp-Notification-Status-Text").inner_text())


def actions(toast) -> list[str]:
    """What the buttons say; in older versions the one without a text closes the notification."""
    return [text for text in toast.locator(".jp-toast-button").all_inner_texts() if text]


def submit(page, at: int) -> None:
    """Run all cells, and wait until the job of one runs."""
    page.evaluate(RUN_ALL)
    output(page, at).get_by_text("running for").wait_for()
    page.evaluate(SAVE)


def shown(toast, name: str) -> None:
    """Take a picture of a page when its notification has come to rest."""
    toast.hover()
    picture(toast.page, name)


def test_a_job_of_a_closed_notebook_is_told_of_and_leads_back_to_its_cell(new_notebook, go):
    long = ["\n".join(f"# line {line}" for line in range(40))] * 3
    page = new_notebook(LOAD, *long, detached(go))
    submit(page, 4)
    page.evaluate(CLOSE)
    go.touch()

    toast = toasts(page).filter(has_text="notebook.ipynb: succeeded on local after")
    toast.wait_for()
    shown(toast, "notify-success")
    assert actions(toast) == ["Results", "Log", "Notebook"]
    toast.get_by_role("button", name="Notebook").click()

    submitted = page.locator(".jp-CodeCell.jp-mod-active").filter(has_text="%%pollinate local --detach")
    submitted.wait_for()
    page.wait_for_function(IN_SIGHT, arg=submitted.element_handle())
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.mode") == "command"
    picture(page, "notify-back-at-the-cell")


def test_a_job_whose_notebook_is_in_sight_is_not_told_of(new_notebook, lab, go, tmp_path):
    page = new_notebook(LOAD, detached(go))
    submit(page, 1)
    go.touch()
    output(page, 1).get_by_text("success after").wait_for()
    run_elsewhere(lab, tmp_path / "project", "print(1)")

    toasts(page).filter(has_text="succeeded on local").wait_for()
    assert how_many(page) == 1
    assert toasts(page).filter(has_text="notebook.ipynb").count() == 0


def test_a_failure_stays_until_it_is_seen_and_leads_to_the_log(new_notebook, go):
    page = new_notebook(LOAD, detached(go, then="1 / 0"))
    submit(page, 1)
    page.evaluate(CLOSE)
    with dark(page):
        go.touch()
        toast = toasts(page).filter(has_text="notebook.ipynb: failed on local after")
        toast.wait_for()
        shown(toast, "notify-failure-dark")
    assert actions(toast) == ["Log", "Notebook"]
    toast.get_by_role("button", name="Log").click()

    page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel", has_text="Job ").first.wait_for()
    page.locator("#jp-main-dock-panel").get_by_text("ZeroDivisionError").first.wait_for()


def test_the_jobs_of_a_sweep_are_told_of_together(new_notebook, go):
    page = new_notebook(LOAD, detached(go, options="--each n=1,2,3", then="assert n != 2"))
    page.evaluate(RUN_ALL)
    page.wait_for_function("() => /[1-9] running/.test(document.querySelector('#jp-bottom-panel').textContent)")
    page.evaluate(SAVE)
    page.evaluate(CLOSE)
    go.touch()

    toast = toasts(page).filter(has_text="notebook.ipynb: 3 jobs ended (2 succeeded, 1 failed)")
    toast.wait_for()
    assert how_many(page) == 1
    shown(toast, "notify-sweep")
    assert actions(toast) == ["Jobs", "Notebook"]
    toast.get_by_role("button", name="Jobs").click()

    page.locator("#pollinator-panel").wait_for()


def test_who_wants_to_hear_of_failures_only_hears_of_nothing_else(new_notebook, lab, go, tmp_path):
    with settings(lab, "pollinator-magic:notify", announce="failures"):
        page = new_notebook(LOAD, detached(go))
        submit(page, 1)
        page.evaluate(CLOSE)
        go.touch()
        run_elsewhere(lab, tmp_path / "project", "import sys; sys.exit(3)")

        toasts(page).filter(has_text="failed on local").wait_for()
        assert how_many(page) == 1


def test_notebook_7_tells_of_a_job_of_another_notebook(new_notebook, lab, tmp_path):
    page = new_notebook("1", notebook_7=True)
    run_elsewhere(lab, tmp_path / "project", "print(1)")

    toast = toasts(page).filter(has_text="succeeded on local")
    toast.wait_for()
    shown(toast, "notify-notebook-7")
    toast.get_by_role("button", name="Results").click()

    page.locator(".pollinator-Results:visible").get_by_text("The job left no results.").wait_for()
    picture(page, "results-none-notebook-7")
