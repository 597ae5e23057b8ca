"""Cells of the notebook that is open in the browser."""

from __future__ import annotations

from pathlib import Path

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
LOAD = "%load_ext pollinator_magic"
RUN_ALL = "() => void window.jupyterapp.commands.execute('notebook:run-all-cells')"
SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"


def cell(page, number: int):
    return page.locator(".jp-CodeCell").nth(number)


def output(page, number: int):
    return cell(page, number).locator(".jp-OutputArea-output")


def picture(shown, name: str) -> None:
    """Take a screenshot of a page or a part of one, to be looked at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    shown.screenshot(path=SCREENSHOTS / f"{name}.png")
