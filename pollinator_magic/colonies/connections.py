"""Connections to one server: opened by the rules of `requests`, used through urllib3 alone.

A request through a `requests.Session` takes nearly twice the processor time of one through urllib3, and a push of
a thousand files makes a thousand of them. What `requests` is good at needs to be done once: which proxy to go through,
which authorities to trust, and what the address looks like then. Cookies, redirects and passwords from files, which a
session would add, are nothing that a Colonies server is meant to use.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.adapters import HTTPAdapter
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

_KEPT_OPEN = 32  # more than the threads of a transfer
_CHUNK = 256 * 1024
SLOWEST = 4096  # bytes a second; a timeout begins anew with every byte, so that it alone does not end a trickle


class TooLarge(Exception):
    """An answer went beyond what may be read of it."""


class Readable(Protocol):
    """What is sent piece by piece; its length stands in the headers."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, none at the end."""


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    location: str
    """Where a redirect, which is not followed, points to."""
    body: bytes


class Connections:
    """Connections that are opened when needed and kept. May be used by many threads at once."""

    def __init__(self, url: str, *, connect_timeout_s: float, verify: bool | str) -> None:
        """Open none yet. `verify` may name whose certificates are trusted, see `certificate_authorities`."""
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._verify = verify
        self._opening = threading.Lock()
        self._adapter: HTTPAdapter | None = None
        self._opened: tuple[HTTPConnectionPool, str] | None = None

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        headers: Mapping[str, str],
        read_timeout_s: float,
        most: int,
    ) -> Answer:
        """Send a request, once, and return the answer; raise TooLarge beyond `most` bytes, or one of `failures()`."""
        from urllib3.exceptions import ProtocolError, ReadTimeoutError

        response = self.open(method, path, body, headers=headers, read_timeout_s=read_timeout_s)
        try:
            chunks, size, began = [], 0, time.monotonic()
            while chunk := receive(response, _CHUNK):
                size += len(chunk)
                if size > most:
                    raise TooLarge
                if time.monotonic() - began > read_timeout_s + size / SLOWEST:
                    raise ReadTimeoutError((self._opened or self._open())[0], path, "the answer only trickles")
                chunks.append(chunk)
            if not chunks and method == "POST" and _is_cut(response.headers):
                raise ProtocolError("the answer ended within its head")
            return Answer(response.status, response.headers.get("Location", ""), b"".join(chunks))
        finally:
            response.close()  # what was read to its end has given its connection back already

    def open(
        self,
        method: str,
        path: str,
        body: bytes | Readable | None,
        *,
        headers: Mapping[str, str],
        read_timeout_s: float,
    ) -> BaseHTTPResponse:
        """Send a request, once, and return the answer, not yet read: see `receive`. Raises one of `failures()`."""
        from urllib3 import Timeout  # here and below, because it costs a notebook's start 40 ms or more

        pool, prefix = self._opened or self._open()
        content: Any = body
        response: BaseHTTPResponse = pool.urlopen(
            method,
            prefix + path,
            body=content,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,  # it is a proxy's host, if there is one
            timeout=Timeout(connect=self._connect_timeout_s, read=read_timeout_s),
            preload_content=False,
            enforce_content_length=True,
        )
        return response

    def close_idle(self) -> None:
        """Close what is open and not in use; the next request opens a new connection."""
        with self._opening:
            adapter, self._adapter, self._opened = self._adapter, None, None
        if adapter is not None:
            adapter.close()

    def _open(self) -> tuple[HTTPConnectionPool, str]:
        """Return the connections, and what precedes a path: the server's address if a proxy has to be told it."""
        from requests import Request
        from requests.adapters import HTTPAdapter

        with self._opening:
            if self._opened is None:
                url = self._url + "/"
                proxies = proxies_for(url)
                request = Request("POST", url).prepare()
                self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=_KEPT_OPEN)
                pool: Any = self._adapter.get_connection_with_tls_context(request, self._verify, proxies=proxies)
                self._opened = pool, self._adapter.request_url(request, proxies).rstrip("/")
            return self._opened


def receive(response: BaseHTTPResponse, most: int, *, decoded: bool = True) -> bytes:
    """Return what has arrived of an answer, at most so many bytes; nothing at its end. Raises one of `failures()`."""
    read: Any = getattr(response, "read1", response.read)  # urllib3 before 2.1 can only wait for the whole chunk
    received: bytes = read(most, decode_content=decoded)
    return received


def _is_cut(headers: Mapping[str, str]) -> bool:
    """Whether a head without a body was cut off, which http.client takes for a whole one: nothing says what follows."""
    return not {"Content-Length", "Transfer-Encoding", "Location"} & {name.title() for name in headers}


def failures() -> tuple[type[Exception], ...]:
    """Return what `Connections.exchange` raises when the network, or the way to it, fails."""
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    return HTTPError, RequestException


def proxies_for(url: str) -> dict[str, str]:
    """Return the proxies that the environment names for an address; none for our loopback: they cannot reach it."""
    from requests.utils import get_environ_proxies

    return {} if is_loopback(urlsplit(url).hostname or "") else dict(get_environ_proxies(url))


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by name or number."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def certificate_authorities() -> str:
    """Return the file or directory of the authorities that the user names; "" for those that come with `requests`."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""
