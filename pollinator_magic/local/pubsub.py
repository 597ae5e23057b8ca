"""Websocket subscriptions to processes (protocol.md, section 9)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from pollinator_magic.local import access, envelope, lifecycle
from pollinator_magic.local.loopback import refuse_foreign_names
from pollinator_magic.local.routing import OfColony, Refused

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.local.database import Database

_log = logging.getLogger(__name__)
_ONE, _MANY = "subscribeprocessmsg", "subscribeprocessesmsg"
_LONGEST_S = 10 * 365 * 86_400


class Subscribe(OfColony):
    """Ask for a frame when a process, or any process of an executor type, comes into a state."""

    processid: str = ""
    executortype: str = ""
    state: int = 0
    timeout: int = 0


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

    def __init__(self, database: Database) -> None:
        self.database = database
        self._interests: dict[str, dict[_Interest, None]] = {}  # by process id; "" is all of an executor type

    def publish(self, process: Process) -> None:
        """Send the process to everyone who waits for the state that it is in."""
        frame = b""
        for key in (process.processid, ""):
            for interest in list(self._interests.get(key, ())):
                if interest.concerns(process):
                    frame = frame or envelope.success(_ONE, process)
                    interest.subscriber.send(frame)

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

    def close(self) -> None:
        """Drop all connections."""
        for interests in list(self._interests.values()):
            for interest in list(interests):
                interest.subscriber.drop()


class Subscriber(WebSocketHandler):
    """One connection; the first timeout of its subscriptions ends it, without a close frame."""

    def initialize(self, hub: Hub) -> None:
        """Take what the application gives every handler."""
        self._hub = hub
        self._timers: list[asyncio.TimerHandle] = []

    def prepare(self) -> None:
        """Refuse foreign host names."""
        refuse_foreign_names(self)

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
        for timer in self._timers:
            timer.cancel()
        self._hub.forget(self)

    def send(self, frame: bytes) -> None:
        """Write a text frame; a connection that is gone is only the absence of a reader."""
        try:
            self.write_message(frame.decode("utf-8"))
        except WebSocketClosedError:
            _log.debug("A subscriber went away")

    def drop(self) -> None:
        """End the connection as the real server does: without a close frame."""
        if self.ws_connection is not None and self.ws_connection.stream is not None:
            self.ws_connection.stream.close()

    def _subscribe(self, request: envelope.Envelope, caller: str) -> None:
        what = "process" if request.payloadtype == _ONE else "processes"
        message: Subscribe = envelope.decode(request.payload, _decoder, f"Failed to subscribe to {what}")
        if message.msgtype != request.payloadtype:
            raise Refused(403, f"Failed to subscribe to {what}, msg.msgType does not match rpcMsg.PayloadType")
        database, current, key, colony = self._hub.database, None, "", message.colonyname
        if request.payloadtype == _ONE:
            current = lifecycle.load(database, message.processid)
            if current is None:
                raise Refused(403, f"Invalid process with Id {message.processid}")
            key, colony = current.processid, current.spec.conditions.colonyname
            access.member_of(database, caller, colony)
            message.executortype = message.executortype or current.spec.conditions.executortype
        elif not access.member_of(database, caller, colony).is_executor:
            raise Refused(403, "executor not found")
        interest = _Interest(self, colony, message.executortype, message.state)
        self._hub.add(key, interest)
        timeout_s = min(max(message.timeout, 0), _LONGEST_S)
        self._timers.append(asyncio.get_running_loop().call_later(timeout_s, self.drop))
        if current and interest.concerns(current):
            self.send(envelope.success(_ONE, current))
