"""Plotly's figures as in a notebook, where a script would open a browser or, without one, do nothing."""

from __future__ import annotations

import os

from .bundle import caption, plain, portable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_NOTEBOOK = "plotly_mimetype"
"""Plotly's own name for the data that notebooks draw."""


def patch_renderers(module: ModuleType) -> None:
    """Let the freshly imported `plotly.io._renderers` show figures in the notebook, unless the user has chosen."""
    if os.environ.get("PLOTLY_RENDERER"):
        return
    renderers, original = module.renderers, module.show
    renderers.default = _NOTEBOOK

    def show(fig: Any, renderer: Any = None, *words: Any, **options: Any) -> None:
        # Its own way to a notebook needs IPython and nbformat, which a job may not have.
        if renderer is not None or renderers.default != _NOTEBOOK or not hasattr(fig, "_repr_mimebundle_"):
            original(fig, renderer, *words, **options)
            return
        data, metadata = portable(fig._repr_mimebundle_(), {})
        data.setdefault("text/plain", plain(fig))
        from .display import publish_bundle

        publish_bundle(data, metadata, caption(fig, data))

    module.show = show  # type: ignore[attr-defined]
