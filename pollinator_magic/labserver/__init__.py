"""The server half of the JupyterLab extension: authenticated routes over the same library calls that the magics use.

`load` only registers routes; a Jupyter Server whose pages never ask for them imports nothing of jobs or colonies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def load(app: ServerApp) -> None:
    """Register the routes below `/pollinator-magic`."""
    from pollinator_magic.labserver.routes import routes

    app.web_app.add_handlers(".*$", routes(app.web_app.settings["base_url"]))
