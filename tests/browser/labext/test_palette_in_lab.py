"""What the command palette offers for jobs."""

from __future__ import annotations

import pytest

from tests.browser.cells import picture
from tests.browser.jupyterlab import TOKEN
from tests.browser.labext.elsewhere import run_elsewhere
from tests.browser.labext.panel import LAUNCHER_HAS_THE_FOCUS

pytestmark = pytest.mark.browser


def test_the_palette_asks_for_the_job_and_shows_its_results(lab, page, tmp_path):
    run_elsewhere(lab, tmp_path / "project", "open('result/here.txt', 'w').write('x')")
    newest = lab.get("pollinator-magic/jobs").json()["jobs"][0]["id"]
    page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
    page.wait_for_function(LAUNCHER_HAS_THE_FOCUS)
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:activate-command-palette')")
    page.locator(".lm-CommandPalette-input:visible").fill("pollinator job")
    offered = page.locator(".lm-CommandPalette-item:visible")
    offered.filter(has_text="Show Results of a Job…").wait_for()
    picture(page, "palette")

    offered.filter(has_text="Show Results of a Job…").click()
    dialog = page.locator(".jp-Dialog").filter(has_text="Show Results of a Job")
    dialog.get_by_role("combobox").wait_for()
    picture(page, "palette-which-job")
    assert newest[:12] in dialog.locator("option").first.inner_text()
    dialog.get_by_role("button", name="Ok").click()

    page.locator(".pollinator-Results:visible").get_by_role("button", name="here.txt", exact=True).wait_for()
    assert page.locator(".lm-TabBar-tab").filter(has_text=f"Results {newest[:12]}").count() > 0
