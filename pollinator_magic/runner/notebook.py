"""What a cell finds in a notebook and a script does not: `display`, figures, a value at its end."""

from __future__ import annotations

import builtins
import sys
from _thread import RLock

from .figures import choose_backend
from .hooks import ImportHooks
from .imports import own_imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType, TracebackType
    from typing import Any

    from .hooks import Action
    from .log import Stream
    from .settings import Settings


class Notebook:
    """The notebook's side of one run. What it consists of is imported when it is first needed."""

    def __init__(self, settings: Settings, log: Stream) -> None:
        self._settings = settings
        self._log = log
        self._is_ready = False
        self._lock = RLock()

    def lend_a_hand(self, more: Mapping[str, Action]) -> None:
        """Make `display` known, and be there when matplotlib, plotly, IPython or the modules in `more` are imported."""
        choose_backend()
        actions: dict[str, Action] = {
            "matplotlib.pyplot": self._patch_pyplot,
            "plotly.io._renderers": self._patch_plotly,
            "IPython.core.display_functions": self._patch_ipython,
            "IPython.core.display": self._patch_ipython,
            **more,
        }
        ImportHooks(actions).install()
        if not hasattr(builtins, "display"):
            builtins.display = self.display  # type: ignore[attr-defined]

    def display(self, *objs: Any, **options: Any) -> Any:
        """Show values as the notebook would; with a `display_id` (True: a new one), return a handle to replace them."""
        self._make_ready()
        from .display import display

        return display(*objs, **options)

    def show_open_figures(self) -> None:
        """Show the figures that the cell has left open, if it has any."""
        if "matplotlib.pyplot" in sys.modules:
            self._make_ready()
            from .figures import show_what_is_open

            show_what_is_open()

    def _patch_pyplot(self, module: ModuleType) -> None:
        self._make_ready()
        from .figures import patch_pyplot

        patch_pyplot(module)

    def _patch_plotly(self, module: ModuleType) -> None:
        self._make_ready()
        with own_imports():
            from .plots import patch_renderers
        patch_renderers(module)

    def _patch_ipython(self, module: ModuleType) -> None:
        self._make_ready()
        from .display import patch_ipython

        patch_ipython(module)

    def _make_ready(self) -> None:
        with self._lock:
            if not self._is_ready:
                with own_imports():
                    from . import display
                    from .publisher import Publisher
                display.use(Publisher(self._settings, self._log))
                self._is_ready = True


class PassingOver:
    """A context in which everything that goes wrong is passed over, but for an interrupt."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> bool:
        return kind is not None and not issubclass(kind, KeyboardInterrupt)
