"""Hints that a process changed its state or logged, over the server's websocket (protocol.md, section 9).

A hint only says that it is worth asking for the process now. It may be missing, late or doubled, and a server without
websockets gives none; whoever waits polls as well. Hence nothing here ever raises. Only the embedded colony tells of
logs: it is asked to by a field that other servers do not know.
"""

from __future__ import annotations

import atexit
import logging
import ssl
import threading
import time
import weakref
from enum import IntFlag
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.connections import certificate_authorities, is_loopback
from pollinator_magic.colonies.envelope import Request, printable, seal, unseal
from pollinator_magic.colonies.models import Process, ProcessState, prepare_reading
from pollinator_magic.errors import InvalidReply

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
_LARGEST_HINT = 16 * 1024 * 1024  # bytes; a hint is a process
_COST_OF_READING = 1024  # bytes; a flood of tiny frames is one as well
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 30.0


class Hint(IntFlag):
    """What it is worth asking for; false for nothing."""

    NOTHING = 0
    STATE = 1
    LOG = 2


class _News(Process):
    log: bool = False
    """Whether this is no process, but says that the one of this id has logged."""


prepare_reading(_News)


class ProcessWatch:
    """Waits for hints on one process in a thread of its own, from `start` (or `with`) until `close`.

    All `states` are subscribed to on one connection, because the server tells of exactly those that were asked for. It
    drops the connection after `subscription_s` seconds without a word, and is then asked again. With `log` there may be
    hints that the process has logged.
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
        log: bool = False,
        verify: bool = True,
    ) -> None:
        self._server = server
        self._process_id = process_id
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
                    **({"log": True} if log else {}),
                },
            )
            for state in states
        ]
        self._key = key
        self._arrived = threading.Event()
        self._hints = Hint.NOTHING
        self._hinting = threading.Lock()
        self._closed = threading.Event()
        self._socket: Any = None  # a websocket.WebSocket, whose methods are not typed
        self._thread = threading.Thread(target=self._run, name=f"watch-{process_id[:8]}", daemon=True)

    def start(self) -> None:
        """Begin to listen; returns at once."""
        _listening.add(self)
        self._thread.start()

    def wait(self, timeout_s: float) -> Hint:
        """Wait for a hint, at most `timeout_s` seconds; return what has arrived since the last call."""
        self._arrived.wait(timeout_s)
        with self._hinting:
            hints, self._hints = self._hints, Hint.NOTHING
            self._arrived.clear()
        return Hint.NOTHING if self._closed.is_set() else hints

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
            for request in self._requests:
                socket.send(seal(self._key, _SUBSCRIBE, request.message).decode())
            socket.settimeout(self._subscription_s + _SILENCE_MARGIN_S)
            allowance = _Allowance(socket)
            while not self._closed.is_set():
                allowance.left = _LARGEST_HINT
                if self._hint(socket.recv()):
                    return True
            return True
        finally:
            self._socket = None
            socket.shutdown()

    def _hint(self, frame: str | bytes) -> bool:
        """Pass one frame on; return whether the process is closed. Raises ServerError for an error frame."""
        body = frame.encode() if isinstance(frame, str) else frame
        process = unseal(body, 200, _News, self._requests[0])
        if process.processid != self._process_id:  # upstream delivers those of other colonies too (section 9)
            return False
        with self._hinting:
            self._hints |= Hint.LOG if process.log else Hint.STATE
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


class _Allowance:
    """How much may still be received: the library itself takes in messages of any length."""

    def __init__(self, socket: Any) -> None:
        self.left = 0
        self._receive = socket.frame_buffer.recv
        socket.frame_buffer.recv = self._limited

    def _limited(self, count: int) -> bytes:
        received: bytes = self._receive(count)
        self.left -= max(len(received), _COST_OF_READING)
        if self.left < 0:
            raise InvalidReply(f"a hint is longer than {_LARGEST_HINT >> 20} MiB")
        return received


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
