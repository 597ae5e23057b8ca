"""What keeps a server on the loopback interface to this machine's own programs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tornado.httputil import split_host_and_port
from tornado.web import HTTPError

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders
    from tornado.web import RequestHandler

ADDRESS = "127.0.0.1"
_NAMES = frozenset({ADDRESS, "localhost", "::1", "[::1]"})


def is_of_a_program(headers: HTTPHeaders) -> bool:
    """Whether a request may come from a program of this machine; one that a web page made a browser send does not.

    A page can make a name of its own point here (DNS rebinding): then the request is for that name. Or it asks this
    address outright: then the browser says which origin the page has.
    """
    host = headers.get("Host", ADDRESS).lower()
    if split_host_and_port(host)[0] not in _NAMES:
        return False
    origin = headers.get("Origin")
    return origin is None or urlsplit(origin.lower()).netloc == host


def refuse_web_pages(handler: RequestHandler) -> None:
    """Refuse a request that does not come from a program of this machine."""
    if not is_of_a_program(handler.request.headers):
        raise HTTPError(403)
