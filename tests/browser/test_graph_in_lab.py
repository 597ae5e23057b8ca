"""A workflow as the person at the notebook sees it: a picture of the steps, live states, logs in a fold, results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.cells import LOAD, RUN_ALL, SAVE, cell, output, picture
from tests.browser.themes import dark

pytestmark = pytest.mark.browser

PREPARE = """\
%%pollinate local --step prepare --cpu 100m
print("3 penguins")
open("result/penguins.csv", "w").write("mass\\n3700\\n5000\\n4200\\n")"""
COMPARE = """\
%%pollinate local --step compare --after fit-linear,fit-forest --cpu 100m
open("result/best.txt", "w").write("forest")"""
SHOW, RUN = "%pollinator graph show", "%pollinator graph run"


def fit(name: str, go: Path, *, ending: str) -> str:
    return (
        f"%%pollinate local --step fit-{name} --after prepare --cpu 100m\n"
        "import os, time\n"
        "print('fitting', open('steps/prepare/penguins.csv').read().split())\n"
        f"while {name == 'linear'} and not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        f"{ending}"
    )


def notebook(go: Path, *, ending: str = "0.5") -> list[str]:
    return [LOAD, PREPARE, fit("linear", go, ending=ending), fit("forest", go, ending="0.25"), COMPARE, SHOW, RUN]


def card_of(page):
    return output(page, 6).filter(has_text="4 steps:").first


def test_a_diamond_is_drawn_and_its_states_are_live_in_both_themes_and_stay_for_others(
    new_notebook, visit, lab, go, tmp_path
):
    page = new_notebook(*notebook(go))
    page.evaluate(RUN_ALL)
    drawn = output(page, 5).get_by_role("img")
    drawn.wait_for()
    assert drawn.get_attribute("alt").startswith("A graph of 4 steps. prepare: collected; fit-linear: collected, after")
    card = card_of(page)
    card.get_by_text("2 success").first.wait_for()
    card.get_by_text("the steps and their logs", exact=True).click()
    card.get_by_text("'5000'").first.wait_for()
    picture(cell(page, 5), "graph-show")
    picture(cell(page, 6), "graph-running")
    with dark(page):
        picture(cell(page, 5), "graph-show-dark")
        picture(cell(page, 6), "graph-running-dark")

    go.touch()
    page.get_by_role("button", name="Cancel graph").wait_for(state="detached")

    card = card_of(page)
    card.get_by_text("4 success").first.wait_for()
    assert card.get_by_role("img").get_attribute("alt").count("success") == 4
    output(page, 6).get_by_text("compare/best.txt").first.wait_for()
    picture(cell(page, 6), "graph-ended")
    with dark(page):
        picture(cell(page, 6), "graph-ended-dark")

    page.evaluate(SAVE)
    own = lab.root / tmp_path.name / "notebook.ipynb"
    from_elsewhere = own.with_name("from-elsewhere.ipynb")
    from_elsewhere.write_text(own.read_text().replace("3 penguins", "4 penguins"))  # its signature is another one
    page = visit(from_elsewhere)

    for number in (5, 6):
        drawn = output(page, number).get_by_role("img")
        drawn.wait_for()
        assert drawn.evaluate("image => image.naturalWidth") > 300
    picture(cell(page, 6), "graph-not-trusted")


def test_a_step_that_fails_is_red_and_the_error_says_which_steps_never_ran(new_notebook, go):
    go.touch()
    page = new_notebook(*notebook(go, ending="raise ValueError('these masses are not linear')"))
    page.evaluate(RUN_ALL)
    output(page, 6).get_by_text("GraphFailed").wait_for()

    card = card_of(page)
    assert card.get_by_text("1 failed").first.is_visible()
    assert "compare: never ran" in card.get_by_role("img").get_attribute("alt")
    assert output(page, 6).filter(has_text="Never ran: 'compare'").count() == 1
    card.get_by_text("the steps and their logs").click()
    card.get_by_text("log of fit-linear").click()
    assert card.get_by_text("these masses are not linear").last.is_visible()
    picture(cell(page, 6), "graph-failed")
    with dark(page):
        picture(cell(page, 6), "graph-failed-dark")
