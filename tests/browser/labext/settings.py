"""Settings of JupyterLab's plugins, as their editor leaves them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.jupyterlab import Lab


@contextmanager
def settings(lab: Lab, plugin: str, **values: object) -> Iterator[None]:
    """Let pages that are opened meanwhile have these settings of a plugin, e.g. "pollinator-magic:panel"."""
    package, _, name = plugin.rpartition(":")
    path = lab.home.parent / "jupyterlab_settings_dir" / package / f"{name}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    try:
        yield
    finally:
        path.unlink()
