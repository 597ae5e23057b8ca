"""Which handler answers which address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.utils import url_path_join

if TYPE_CHECKING:
    from tornado.web import RequestHandler

NAME = "pollinator-magic"
_HANDLERS: list[tuple[str, type[RequestHandler]]] = []


def routes(base_url: str) -> list[tuple[str, type[RequestHandler]]]:
    """Return the routes of all handlers below `base_url`."""
    return [(url_path_join(base_url, NAME, path), handler) for path, handler in _HANDLERS]
