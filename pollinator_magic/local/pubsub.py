"""Websocket subscriptions to processes (protocol.md, section 9)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from tornado.iostream import StreamBufferFullError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from pollinator_magic.local import access, envelope, records
from pollinator_magic.local.loopback import refuse_web_pages
from pollinator_magic.local.routing import OfColony, Refused

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.local.database import Database
    from pollinator_magic.local.freshness import Freshness

_log = logging.getLogger(__name__)
_ONE, _MANY = "subscribeprocessmsg", "subscribeprocessesmsg"
_LONGEST_S = 10 * 365 * 86_400
_SUBSCRIBE_WITHIN_S = 10.0
_MOST_UNREAD = 16 * 2**20  # bytes


class Subscribe(OfColony):
    """Ask for a frame when a process, or any process of an executor type, comes into a state."""

    processid: str = ""
    executortype: str = ""
    state: int = 0
    timeout: int = 0
    log: bool = False
    """Whether to be told too that the process has logged: our own addition, which only our client asks for."""


_decoder = msgspec.json.Decoder(Subscribe)


@dataclass(frozen=True)
class _Interest:
    subscriber: Subscriber
    colony: str
    executortype: str
    state: int

    def concerns(self, process: Process) -> bool:
        conditions = process.spec.conditions
        return (conditions.colonyname, conditions.executortype, process.state) == (
            self.colony,
            self.executortype,
            self.state,
        )


class Hub:
    """Who wants to hear of what; every event goes to all of them."""

    def __init__(self, database: Database, freshness: Freshness) -> None:
        self.database = database
        self.freshness = freshness
        self.connected = 0
        """How many websockets are open; those are none of the HTTP server's connections any more."""
        self._interests: dict[str, dict[_Interest, None]] = {}  # by process id; "" is all of an executor type
        self._readers: dict[str, set[Subscriber]] = {}  # of logs, by process id

    def publish(self, process: Process) -> None:
        """Send the process to everyone who waits for the state that it is in."""
        frame = b""
        for key in (process.processid, ""):
            for interest in list(self._interests.get(key, ())):
                if interest.concerns(process):
                    frame = frame or envelope.success(_ONE, process)
                    interest.subscriber.send(frame)

    def publish_log(self, processid: str) -> None:
        """Tell everyone who reads its log that there is more of it."""
        if readers := self._readers.get(processid):
            frame = envelope.success(_ONE, {"processid": processid, "log": True})
            for reader in list(readers):
                reader.send(frame)

    def add_reader(self, processid: str, subscriber: Subscriber) -> None:
        """Remember who reads a log."""
        self._readers.setdefault(processid, set()).add(subscriber)

    def add(self, key: str, interest: _Interest) -> None:
        """Remember an interest in a process id, or in any process ("")."""
        self._interests.setdefault(key, {})[interest] = None

    def forget(self, subscriber: Subscriber) -> None:
        """Drop everything that this connection wanted."""
        for key, interests in list(self._interests.items()):
            for interest in [interest for interest in interests if interest.subscriber is subscriber]:
                del interests[interest]
            if not interests:
                del self._interests[key]
        for processid, readers in list(self._readers.items()):
            readers.discard(subscriber)
            if not readers:
                del self._readers[processid]

    def close(self) -> None:
        """Drop all connections."""
        for interests in list(self._interests.values()):
            for interest in list(interests):
                interest.subscriber.drop()


class Subscriber(WebSocketHandler):
    """One connection; the first timeout of its subscriptions ends it, without a close frame.

    So does that nobody shows a key soon, or reads what is sent.
    """

    def initialize(self, hub: Hub) -> None:
        """Take what the application gives every handler."""
        self._hub = hub
        self._timers: list[asyncio.TimerHandle] = []
        self._patience: asyncio.TimerHandle | None = None

    def open(self, *_: str, **__: str) -> None:
        """Begin to wait for the first subscription."""
        self._hub.connected += 1
        self._patience = asyncio.get_running_loop().call_later(_SUBSCRIBE_WITHIN_S, self.drop)
        if self.ws_connection is not None and self.ws_connection.stream is not None:
            self.ws_connection.stream.max_write_buffer_size = _MOST_UNREAD

    def prepare(self) -> None:
        """Refuse foreign host names."""
        refuse_web_pages(self)

    def on_message(self, message: str | bytes) -> Any:
        """Subscribe, or answer with an error frame."""
        try:
            request = envelope.read_envelope(message)
            caller = envelope.caller_of(request)
        except Refused:
            self.drop()
            return
        if request.payloadtype not in {_ONE, _MANY}:
            return
        try:
            self._subscribe(request, caller)
        except Refused as refusal:
            self.send(envelope.failure(refusal))

    def on_close(self) -> None:
        """Forget the connection."""
        self._hub.connected -= 1
        for timer in self._timers:
            timer.cancel()
        self._be_patient()
        self._hub.forget(self)

    def send(self, frame: bytes) -> None:
        """Write a text frame; a connection that is gone is only the absence of a reader."""
        try:
            self.write_message(frame.decode("utf-8"))
        except WebSocketClosedError:
            _log.debug("A subscriber went away")
        except StreamBufferFullError:
            self.drop()

    def drop(self) -> None:
        """End the connection as the real server does: without a close frame."""
        if self.ws_connection is not None and self.ws_connection.stream is not None:
            self.ws_connection.stream.close()

    def _be_patient(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _subscribe(self, request: envelope.Envelope, caller: str) -> None:
        what = "process" if request.payloadtype == _ONE else "processes"
        message: Subscribe = envelope.decode(request.payload, _decoder, f"Failed to subscribe to {what}")
        if message.msgtype != request.payloadtype:
            raise Refused(403, f"Failed to subscribe to {what}, msg.msgType does not match rpcMsg.PayloadType")
        self._hub.freshness.check(message)
        database, current, key, colony = self._hub.database, None, "", message.colonyname
        if request.payloadtype == _ONE:
            current = records.load(database, message.processid)
            if current is None:
                raise Refused(403, f"Invalid process with Id {message.processid}")
            key, colony = current.processid, current.spec.conditions.colonyname
            access.member_of(database, caller, colony)
            message.executortype = message.executortype or current.spec.conditions.executortype
        elif not access.member_of(database, caller, colony).is_executor:
            raise Refused(403, "executor not found")
        interest = _Interest(self, colony, message.executortype, message.state)
        self._be_patient()
        self._hub.add(key, interest)
        if message.log and current:
            self._hub.add_reader(key, self)
        timeout_s = min(max(message.timeout, 0), _LONGEST_S)
        self._timers.append(asyncio.get_running_loop().call_later(timeout_s, self.drop))
        if current and interest.concerns(current):
            self.send(envelope.success(_ONE, current))
