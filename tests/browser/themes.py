"""The themes of JupyterLab, for pictures and for what must be legible in both."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DARK = "JupyterLab Dark"
LIGHT = "JupyterLab Light"
_CHANGE = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"


@contextmanager
def dark(page) -> Iterator[None]:
    """Show the page in the dark theme, and in the light one again: it is a setting, which other pages have too."""
    show_in(page, DARK)
    try:
        yield
    finally:
        show_in(page, LIGHT)


def show_in(page, theme: str) -> None:
    """Change the theme. JupyterLab hides itself meanwhile, and what is activated while it is hidden has no focus."""
    page.evaluate(_CHANGE, theme)
    page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")
    page.locator("#main").wait_for()
    page.locator("#jupyterlab-splash").wait_for(state="detached")
