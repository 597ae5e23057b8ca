"""Run notebook cells as jobs on ColonyOS.

    %load_ext pollinator_magic

Loading imports nothing heavy; every public name is found when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from jupyter_server.serverapp import ServerApp

    from pollinator_magic.errors import JobCancelled as JobCancelled
    from pollinator_magic.errors import JobFailed as JobFailed
    from pollinator_magic.errors import PollinatorError as PollinatorError
    from pollinator_magic.jobs import Graph as Graph
    from pollinator_magic.jobs import Job as Job
    from pollinator_magic.jobs import Session as Session
    from pollinator_magic.jobs import Workflow as Workflow
    from pollinator_magic.jobs import submit as submit
    from pollinator_magic.notebook.picker import ExecutorPicker as ExecutorPicker
    from pollinator_magic.project import Project as Project
    from pollinator_magic.sessions import connect as connect

__version__ = "0.1.0"

_HOMES = {
    "ExecutorPicker": "pollinator_magic.notebook.picker",
    "Graph": "pollinator_magic.jobs",
    "Job": "pollinator_magic.jobs",
    "JobCancelled": "pollinator_magic.errors",
    "JobFailed": "pollinator_magic.errors",
    "PollinatorError": "pollinator_magic.errors",
    "Project": "pollinator_magic.project",
    "Session": "pollinator_magic.jobs",
    "Workflow": "pollinator_magic.jobs",
    "connect": "pollinator_magic.sessions",
    "submit": "pollinator_magic.jobs",
}

__all__ = [  # noqa: PLE0604  the names are strings, joined from the table above
    "__version__",
    "load_ipython_extension",
    "unload_ipython_extension",
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; called by `%load_ext pollinator_magic`."""
    from pollinator_magic.notebook import awaiting, completion, formatters
    from pollinator_magic.notebook.magics import PollinateMagics

    shell.register_magics(PollinateMagics)
    awaiting.install(shell)
    completion.install(shell)
    formatters.register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics out again; jobs go on."""
    from pollinator_magic.notebook import awaiting, completion, formatters

    awaiting.remove(shell)
    completion.uninstall(shell)
    formatters.unregister(shell)
    for kind in ("line", "cell"):
        for name in ("pollinate", "pollinator"):
            shell.magics_manager.magics[kind].pop(name, None)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "_labextension", "dest": "pollinator-magic"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "pollinator_magic"}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    from pollinator_magic import labserver

    labserver.load(app)
