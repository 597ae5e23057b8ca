import pytest
from tests.browser.cells import LOAD, RUN_ALL, output, picture
pytestmark = pytest.mark.browser

def test_cards_of_quick_jobs(new_notebook):
    """A page that is slow still makes the views of a card's widgets when the card becomes its record."""
    page = new_notebook(LOAD, *["%%pollinate local\nprint(1)"] * 12)
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 8})
    page.evaluate(RUN_ALL)
    output(page, 12).get_by_text("success after").wait_for()

    assert said == []
