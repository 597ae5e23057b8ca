"""Which notebook, cell and kernel the running code belongs to, as far as its front end has told.

Jupyter Server puts the path of the notebook into the kernel's environment, VS Code into its variables; both put the id
of a cell into the metadata of the request that runs it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pollinator_magic.jobs.ledger import NOWHERE, Origin

_LONGEST_ID = 1000
_CONNECTION_FILE = re.compile(r"kernel-([0-9A-Za-z-]{1,100})\.json")


def origin_of(shell: Any) -> Origin:
    """Return where the running code is; outside of notebooks, in a terminal for example, nothing is known of it."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return NOWHERE
    return Origin(_notebook(shell.user_ns), _cell(kernel), _kernel_id(kernel))


def _notebook(variables: dict[str, Any]) -> Path | None:
    """Return the path that the notebook had when its kernel was started."""
    said = variables.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    if not isinstance(said, str) or not said.endswith(".ipynb"):  # consoles have sessions too
        return None
    path = Path(said)
    return path if path.is_absolute() else None


def _cell(kernel: Any) -> str:
    parent = kernel.get_parent()
    said = (parent.get("metadata") or {}).get("cellId") if isinstance(parent, dict) else None
    return said if isinstance(said, str) and said.isprintable() and len(said) <= _LONGEST_ID else ""


def _kernel_id(kernel: Any) -> str:
    """Return the id by which a server knows the kernel: it is in the name of the file that both connect by."""
    file = getattr(getattr(kernel, "parent", None), "connection_file", "")
    named = _CONNECTION_FILE.fullmatch(Path(str(file)).name)
    return named[1] if named else ""
