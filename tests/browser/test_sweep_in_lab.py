"""A sweep as the person at the notebook sees it: one card with a fold, Cancel all, the table at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.cells import LOAD, RUN_ALL, cell, output, picture

pytestmark = pytest.mark.browser


def sweep(go: Path, value: str) -> str:
    return (
        "%%pollinate local --each rate=0.1,0.01 seed=1:4 name=adam --cpu 100m\n"
        "import os, time\n"
        f"while seed > 1 and not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        f"{value}"
    )


def card_of(page):
    return output(page, 1).filter(has_text="8 jobs:").first


def test_the_fold_stays_open_while_the_card_is_updated_and_the_table_comes_at_the_end(new_notebook, go):
    page = new_notebook(LOAD, sweep(go, "rate / (seed - 2)"))
    page.evaluate(RUN_ALL)
    card = card_of(page)
    card.get_by_text("running").first.wait_for()
    picture(cell(page, 1), "sweep-running")

    card.get_by_text("the jobs", exact=True).click()
    row = card.locator("tbody tr")
    row.first.wait_for()
    assert row.count() == 8
    row.get_by_text("success").nth(1).wait_for()
    assert row.nth(7).is_visible()
    picture(cell(page, 1), "sweep-open")
    go.touch()
    output(page, 1).get_by_text("GroupFailed").wait_for()

    assert card_of(page).get_by_text("2 failed").first.is_visible()
    page.get_by_role("button", name="Cancel all").wait_for(state="detached")
    assert output(page, 1).filter(has_text="ZeroDivisionError").locator("tbody tr").count() >= 8
    picture(cell(page, 1), "sweep-ended")


def test_a_click_cancels_all_jobs_while_the_cell_runs(new_notebook, go):
    page = new_notebook(LOAD, sweep(go, "0"))
    page.evaluate(RUN_ALL)
    card = card_of(page)
    card.get_by_text("2 success").first.wait_for()

    card.get_by_role("button", name="Cancel all").click()

    output(page, 1).get_by_text("JobCancelled").wait_for()
    card_of(page).get_by_text("6 cancelled").first.wait_for()
    picture(cell(page, 1), "sweep-cancelled")
