"""Hints that a process changed its state, over the server's websocket (protocol.md, section 9).

A hint only says that it is worth asking for the process now. It may be missing, late or doubled, and a server without
websockets gives none; whoever waits polls as well. Hence nothing here ever raises.
"""

from __future__ import annotations

import atexit
import logging
import ssl
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.envelope import Request, printable, seal, unseal
from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.colonies.rpc import certificate_authorities, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

    from pollinator_magic.colonies.address import Server
    from pollinator_magic.colonies.keys import PrivateKey

_log = logging.getLogger(__name__)

_SUBSCRIBE = "subscribeprocessmsg"
_STATES = (ProcessState.RUNNING, ProcessState.SUCCESS, ProcessState.FAILED, ProcessState.CANCELLED)
_CONNECT_TIMEOUT_S = 5.0
_SILENCE_MARGIN_S = 5.0
_CLOSE_PATIENCE_S = 1.0  # a thread that is just connecting ends a little later by itself
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 30.0


class ProcessWatch:
    """Waits for hints on one process in a thread of its own, from `start` (or `with`) until `close`.

    All `states` are subscribed to on one connection, because the server tells of exactly those that were asked for. It
    drops the connection after `subscription_s` seconds without a word, and is then asked again.
    """

    def __init__(
        self,
        server: Server,
        key: PrivateKey,
        colony: str,
        process_id: str,
        *,
        states: Iterable[ProcessState] = _STATES,
        executor_type: str = "",
        subscription_s: int = 60,
        verify: bool = True,
    ) -> None:
        self._server = server
        self._verify = verify
        self._subscription_s = subscription_s
        self._requests = [
            Request(
                server,
                key.identity,
                _SUBSCRIBE,
                {
                    "colonyname": colony,
                    "processid": process_id,
                    "executortype": executor_type,
                    "state": state,
                    "timeout": subscription_s,
                },
            )
            for state in states
        ]
        self._envelopes = [seal(key, _SUBSCRIBE, request.message).decode() for request in self._requests]
        self._arrived = threading.Event()
        self._closed = threading.Event()
        self._socket: Any = None  # a websocket.WebSocket, whose methods are not typed
        self._thread = threading.Thread(target=self._run, name=f"watch-{process_id[:8]}", daemon=True)

    def start(self) -> None:
        """Begin to listen; returns at once."""
        _listening.add(self)
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a hint, at most `timeout_s` seconds; whether one has arrived since the last call."""
        arrived = self._arrived.wait(timeout_s)
        if arrived:  # one that arrives at the very end of the time must stay for the next call
            self._arrived.clear()
        return arrived and not self._closed.is_set()

    def close(self) -> None:
        """Stop listening and wake up who waits."""
        self._end(_CLOSE_PATIENCE_S)

    def _end(self, patience_s: float) -> None:
        self._closed.set()
        self._arrived.set()
        socket = self._socket
        if socket is not None:
            socket.abort()  # wakes the thread up, which then closes the connection
        if self._thread.is_alive():
            self._thread.join(patience_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        delay_s = _FIRST_DELAY_S
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                if self._listen():
                    return
            except Exception as error:  # noqa: BLE001  websocket-client raises many kinds, and all mean: no hints now
                _log.debug("no hints from %s: %s", self._server, printable(str(error)))
            kept = time.monotonic() - began >= self._subscription_s / 2
            delay_s = _FIRST_DELAY_S if kept else min(2 * delay_s, _LONGEST_DELAY_S)
            self._closed.wait(delay_s)

    def _listen(self) -> bool:
        """Subscribe and pass hints on until the connection ends; return whether there is nothing more to hear."""
        socket = self._connect()
        try:
            self._socket = socket
            if self._closed.is_set():  # closed while connecting, too early to be woken up
                return True
            for envelope in self._envelopes:
                socket.send(envelope)
            socket.settimeout(self._subscription_s + _SILENCE_MARGIN_S)
            while not self._closed.is_set():
                if self._hint(socket.recv()):
                    return True
            return True
        finally:
            self._socket = None
            socket.shutdown()

    def _hint(self, frame: str | bytes) -> bool:
        """Pass one frame on; return whether the process is closed. Raises ServerError for an error frame."""
        body = frame.encode() if isinstance(frame, str) else frame
        process = unseal(body, 200, Process, self._requests[0])
        self._arrived.set()
        return process.status.closed

    def _connect(self) -> Any:
        import websocket  # only when something is watched

        socket: Any = websocket.WebSocket(
            sslopt={"context": _tls_context(verify=self._verify)} if self._server.tls else {}
        )
        # A proxy of the environment cannot reach our loopback. The library heeds its list of exceptions only together
        # with a proxy, so one is named, for which everything is an exception.
        direct = {"http_proxy_host": "none", "http_no_proxy": ["*"]} if is_loopback(self._server.host) else {}
        socket.connect(
            self._server.url.replace("http", "ws", 1) + "/pubsub",
            timeout=_CONNECT_TIMEOUT_S,
            suppress_origin=True,
            redirect_limit=0,  # the signed envelope is for this server only
            **direct,
        )
        return socket


_listening: weakref.WeakSet[ProcessWatch] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Let no thread run into the end of the interpreter, where it could crash it."""
    for watch in list(_listening):
        watch._end(_CONNECT_TIMEOUT_S + _CLOSE_PATIENCE_S)  # noqa: SLF001  of this very module


def _tls_context(*, verify: bool) -> ssl.SSLContext:
    """Return a context that trusts whom `Rpc` trusts."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    authorities = Path(certificate_authorities() or DEFAULT_CA_BUNDLE_PATH)
    if authorities.is_dir():
        context = ssl.create_default_context(capath=authorities)
    else:
        context = ssl.create_default_context(cafile=authorities)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
