"""Matplotlib's figures as in a notebook: `plt.show()` shows and closes them, the end of the cell shows what is open."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_shown: Any = None
"""A weak set of the figures that can be seen, as they are unless they are `stale`."""


def choose_backend() -> None:
    """Let matplotlib draw without a screen, in this program and those that it starts, unless the user has chosen."""
    if "MPLBACKEND" not in os.environ and not any(map(os.path.exists, _settings_files())):
        os.environ["MPLBACKEND"] = "agg"


def patch_pyplot(pyplot: ModuleType) -> None:
    """Let `show` of a freshly imported pyplot be the notebook's."""
    pyplot.show = show  # type: ignore[attr-defined]


def show(*_: Any, **__: Any) -> None:
    """Show all open figures here, in their order, and close them."""
    figures = _open_figures()
    for figure in figures:
        _display(figure)
    if figures:
        sys.modules["matplotlib.pyplot"].close("all")


def show_what_is_open() -> None:
    """Show the figures that the cell has left open, except those that can be seen already."""
    for figure in _open_figures():
        if _shown is None or figure not in _shown or figure.stale:
            _display(figure)


def remember_shown(figure: Any) -> None:
    """Note that a figure can be seen as it is now."""
    global _shown  # noqa: PLW0603  figures belong to the process, as matplotlib's own list of them
    if _shown is None:
        import weakref

        _shown = weakref.WeakSet()
    figure.stale = False  # any change sets it
    _shown.add(figure)


def picture(figure: Any) -> bytes | None:
    """Return a figure as PNG, as a notebook shows it; None if nothing is in it."""
    if not (figure.axes or figure.lines or figure.texts or figure.images or figure.patches):
        return None
    from io import BytesIO

    image = BytesIO()
    figure.savefig(image, format="png", dpi="figure", bbox_inches="tight", facecolor=figure.get_facecolor())
    return image.getvalue()


def _display(figure: Any) -> None:
    from .display import display

    if figure.axes or figure.lines:
        display(figure)


def _open_figures() -> list[Any]:
    managers = getattr(sys.modules.get("matplotlib._pylab_helpers"), "Gcf", None)
    return [] if managers is None else [manager.canvas.figure for manager in managers.get_all_fig_managers()]


def _settings_files() -> list[str]:
    home = os.path.expanduser("~")
    configured = os.environ.get("MPLCONFIGDIR") or os.path.join(
        os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "matplotlib"
    )
    files = ["matplotlibrc", os.path.join(configured, "matplotlibrc")]
    return [*files, os.environ["MATPLOTLIBRC"]] if "MATPLOTLIBRC" in os.environ else files
