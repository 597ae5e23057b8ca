"""What keeps a server on the loopback interface to this machine's own programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado.web import HTTPError

if TYPE_CHECKING:
    from tornado.web import RequestHandler

ADDRESS = "127.0.0.1"
_NAMES = frozenset({ADDRESS, "localhost", "::1", "[::1]"})


def refuse_foreign_names(handler: RequestHandler) -> None:
    """Refuse a request for any other host name: a web page may have made it point here (DNS rebinding)."""
    if handler.request.host_name not in _NAMES:
        raise HTTPError(403)
