"""JupyterLab in the dark, for pictures."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANGE = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"


@contextmanager
def dark(page) -> Iterator[None]:
    """Show the page in the dark theme, and in the light one again: it is a setting, which other pages have too."""
    page.evaluate(_CHANGE, "JupyterLab Dark")
    try:
        page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        yield
    finally:
        page.evaluate(_CHANGE, "JupyterLab Light")
