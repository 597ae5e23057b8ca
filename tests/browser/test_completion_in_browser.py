"""Completion as JupyterLab shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import TimeoutError as TookTooLong

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


def offered(page: Page, wanted: Locator) -> None:
    """Press the tabulator again until that is offered: JupyterLab gives a kernel one second to answer it."""
    for _ in range(20):
        page.keyboard.press("Tab")
        try:
            return wanted.wait_for(timeout=3000)
        except TookTooLong:
            continue
    raise AssertionError("it is not offered")


def test_the_tabulator_shows_executors_and_options_with_a_line_about_each(new_notebook):
    page = new_notebook("import os\n%load_ext pollinator_magic", "%%pollinate ", "os.getc")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
    page.locator(".jp-CodeCell", has_text="%%pollinate").locator(".cm-content").click()
    page.keyboard.press("End")
    completer = page.locator(".jp-Completer:visible")
    offered(page, completer.get_by_text("--nodes"))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "completion.png")

    assert "embedded" in completer.locator(".jp-Completer-item", has_text="local").first.text_content()
    heights = completer.locator(".jp-Completer-typeExtended").evaluate_all("all => all.map(one => one.scrollHeight)")
    rows = completer.locator(".jp-Completer-item").evaluate_all("all => all.map(one => one.clientHeight)")
    assert max(heights) <= max(rows), "a type that wraps covers the one below it"

    page.keyboard.type("--wall")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.body.innerText.includes('%%pollinate --walltime')")

    page.locator(".jp-CodeCell", has_text="os.getc").locator(".cm-content").click()
    page.keyboard.press("End")
    offered(page, page.locator(".jp-Completer-item:visible", has_text="getcwdb"))
