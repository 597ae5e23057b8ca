"""Connections for what is sent by the thousand: over libcurl, where pycurl is installed (extra `fast`).

Python's own HTTP takes a third of a millisecond or more of processor time for one request, in which no other thread
does anything; libcurl a fifth of that. It knows nothing of interrupts and has other words for what goes wrong, so it
serves the threads of a transfer only, and whatever is out of the ordinary is left to the ordinary `Connections`. So are
the first requests of a transfer: loading libcurl takes 8 MiB, which an executor that never sends many need not hold.
"""

from __future__ import annotations

import threading
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.connections import SLOWEST, Answer, TooLarge, proxies_for

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE = 3  # failures in a row; then nothing is tried here any more
_FEW = 32
_TOGETHER_S = 1.0  # so soon after the one before it a request belongs to the same transfer
_NOT_SENT = ("Expect:", "Content-Type:", "Accept:")  # what libcurl would add by itself


class BulkConnections:
    """Connections to one server that are opened when needed and kept. May be used by many threads at once."""

    def __init__(self, url: str, *, connect_timeout_s: float, verify: bool | str, few: int = _FEW) -> None:
        """Open none yet. `verify` may name whose certificates are trusted, see `certificate_authorities`.

        Of requests that follow one another the first `few` are left to the ordinary connections.
        """
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._verify = verify
        self._guard = threading.Lock()
        self._idle: list[Any] = []
        self._few = few
        self._together = 0
        self._last_at = 0.0
        self._failures = 0 if find_spec("pycurl") is not None else _PATIENCE

    def exchange(
        self, method: str, path: str, body: bytes, *, headers: Mapping[str, str], read_timeout_s: float, most: int
    ) -> Answer | None:
        """Send a request, once, and return the answer; or None if it has to be sent again, the ordinary way.

        Raises TooLarge beyond `most` bytes.
        """
        if self._failures >= _PATIENCE or threading.current_thread() is threading.main_thread():
            return None
        if not self._are_many():
            return None
        import pycurl

        with self._guard:
            handle = self._idle.pop() if self._idle else None
        if handle is None and (handle := self._open()) is None:
            return None
        received = _Received(most)
        patience_s = self._connect_timeout_s + read_timeout_s + len(body) / SLOWEST
        handle.setopt(pycurl.URL, self._url + path)
        handle.setopt(pycurl.CUSTOMREQUEST, method)
        handle.setopt(pycurl.HTTPHEADER, [*_NOT_SENT, *(f"{name}: {value}" for name, value in headers.items())])
        handle.setopt(pycurl.POSTFIELDS, body)
        handle.setopt(pycurl.WRITEFUNCTION, received.add)
        handle.setopt(pycurl.LOW_SPEED_TIME, max(int(read_timeout_s), 1))
        handle.setopt(pycurl.TIMEOUT_MS, int(1000 * patience_s))
        try:
            handle.perform()
        except pycurl.error:
            handle.close()
            if received.size > most:
                raise TooLarge from None
            self._failures += 1
            return None
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        whole = bool(received.size) or handle.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T) == 0
        with self._guard:
            self._idle.append(handle)
        if not whole or 300 <= status < 400:
            return None
        self._failures = 0
        return Answer(status, "", b"".join(received.chunks))

    def _are_many(self) -> bool:
        """Count a request; return whether it comes after some others of the same transfer."""
        now = time.monotonic()
        with self._guard:
            self._together = self._together + 1 if now - self._last_at < _TOGETHER_S else 1
            self._last_at = now
            return self._together > self._few

    def close_idle(self) -> None:
        """Close what is open and not in use; the next request opens a new connection."""
        with self._guard:
            idle, self._idle = self._idle, []
        for handle in idle:
            handle.close()

    def _open(self) -> Any:
        """Return a new handle, which keeps its connection; or None where a proxy is in between."""
        import pycurl
        from requests.utils import DEFAULT_CA_BUNDLE_PATH

        if proxies_for(self._url):
            self._failures = _PATIENCE
            return None
        handle = pycurl.Curl()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PATH_AS_IS, 1)
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.ACCEPT_ENCODING, "gzip, deflate")
        handle.setopt(pycurl.PROXY, "")
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, int(1000 * self._connect_timeout_s))
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        if not self._verify:
            handle.setopt(pycurl.SSL_VERIFYPEER, 0)
            handle.setopt(pycurl.SSL_VERIFYHOST, 0)
        else:
            handle.setopt(pycurl.CAINFO, self._verify if isinstance(self._verify, str) else DEFAULT_CA_BUNDLE_PATH)
        return handle


class _Received:
    """What has arrived of one answer."""

    def __init__(self, most: int) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self._most = most

    def add(self, chunk: bytes) -> int | None:
        """Keep a chunk; 0 ends the transfer."""
        self.size += len(chunk)
        if self.size > self._most:
            return 0
        self.chunks.append(chunk)
        return None
