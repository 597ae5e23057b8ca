"""A TCP proxy under a test's control, between a client of ours and a real server.

It carries HTTP requests one by one and whatever follows an upgrade as it comes, counts all of it, and does what a
`Fault` says when its moment has come. Faults are values: they print themselves, and a failure names the one that
showed it.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from tests.faults.http_messages import Gone, Reader, method_of, readable, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_S = 0.1


class Way(Enum):
    """In which direction bytes go."""

    UP = "to the server"
    DOWN = "to the client"


class Moment(Enum):
    """When in the life of a request something happens."""

    BEFORE = "before it is sent"
    WITHIN = "when half of it is sent"
    UNANSWERED = "after it was carried out, before its reply"
    PARTLY = "when half of its reply has come"


class Effect(Enum):
    """What happens to the connection."""

    RESET = "reset"
    END = "ended"
    STALL = "stalls"
    DELAY = "waits a moment"
    TRICKLE = "trickles byte by byte"
    REFUSE = "reset, and no other accepted"


class Alteration(Protocol):
    """What happens to a request or its reply instead of to the connection."""

    def instead(self, head: bytes, body: bytes, /) -> bytes | None:
        """Return the reply to give without asking the server; None to ask it."""
        ...

    def altered(self, head: bytes, body: bytes, /) -> bytes:
        """Return what the client gets for a reply; less than was promised ends the connection."""
        ...


class Fault(Protocol):
    """Something that goes wrong once or a few times; see AtRequest and AfterBytes."""

    effect: Effect | Alteration


@dataclass(frozen=True)
class AtRequest:
    """Happens at the `number`-th request of kind `of` ("" is any) and the following ones, `times` in all."""

    effect: Effect | Alteration
    number: int = 1
    of: str = ""
    moment: Moment = Moment.BEFORE
    times: int = 1
    status: int = 0
    """Only at replies of this status, if given; `number` and `times` count those."""

    def __str__(self) -> str:
        which = f"{self.of or 'request'} {self.number}" + (f" to {self.number + self.times - 1}" * (self.times > 1))
        if not isinstance(self.effect, Effect):
            return f"<{which}: {self.effect}>"
        return f"<{which}: {self.effect.value} {self.moment.value}{f' ({self.status})' * bool(self.status)}>"

    __repr__ = __str__


@dataclass(frozen=True)
class AfterBytes:
    """Happens when so many bytes have gone one way, on whatever connection they went."""

    effect: Effect
    count: int
    way: Way

    def __str__(self) -> str:
        return f"<{self.effect.value} after {self.count} bytes {self.way.value}>"

    __repr__ = __str__


@dataclass
class Traffic:
    """What has gone through."""

    connections: int = 0
    kinds: list[str] = field(default_factory=list)
    """Of every request, in the order in which they arrived."""
    bytes: Counter[Way] = field(default_factory=Counter)
    happened: int = 0
    """How often the fault has shown."""

    def __str__(self) -> str:
        up, down = self.bytes[Way.UP], self.bytes[Way.DOWN]
        return f"{self.connections} connections, {len(self.kinds)} requests, {up} bytes up, {down} bytes down"


class _Cut(Exception):
    """The connection shall end now."""


class Proxy:
    """Forwards connections to `target` from a port of its own; `kind` names a request by its head and body."""

    def __init__(self, target: tuple[str, int], kind: Callable[[bytes, bytes], str] = lambda *_: "") -> None:
        self.target = target
        self.kind = kind
        self.traffic = Traffic()
        self.happened = threading.Event()
        """Set when the fault has shown."""
        self._fault: AtRequest | AfterBytes | None = None
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._lifted = threading.Event()
        self._closing = False
        self._open: set[_Carrier] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def arm(self, fault: AtRequest | AfterBytes | None = None) -> None:
        """Begin to count anew, with this fault to come, or none."""
        with self._lock:
            self._lifted.set()
            self._lifted = threading.Event()
            self._fault, self.traffic, self._seen = fault, Traffic(), Counter()
            self.happened.clear()
        self.accept()

    def lift(self) -> Traffic:
        """Let nothing go wrong any more, and what was held go on; return what was counted."""
        with self._lock:
            self._fault = None
            self._lifted.set()
        self.accept()
        return self.traffic

    def release(self) -> None:
        """Let what was held go on, and accept connections; the fault itself stays."""
        with self._lock:
            self._lifted.set()
            self._lifted = threading.Event()
        self.accept()

    def refuse(self) -> None:
        """Refuse new connections as a machine does on which nobody listens."""
        with self._lock:
            if self._listener is not None:
                self._stop_listening()

    def accept(self) -> None:
        """Accept connections again."""
        with self._lock:
            if self._listener is None and not self._closing:
                self._listener = socket.create_server(("127.0.0.1", self.port))
                self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
                self._thread.start()

    def cut(self, effect: Effect = Effect.RESET, *, upgraded: bool = False) -> int:
        """Cut all connections, or those only that were upgraded (websockets); return how many."""
        with self._lock:
            carriers = [carrier for carrier in self._open if carrier.upgraded or not upgraded]
        for carrier in carriers:
            carrier.end(effect)
        return len(carriers)

    def close(self) -> None:
        """End everything."""
        self._closing = True
        self.lift()
        self.refuse()
        self.cut()
        deadline = time.monotonic() + 5
        while self._open and time.monotonic() < deadline:
            time.sleep(0.01)

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def _accept(self) -> None:
        listener = self._listener
        with suppress(OSError):
            while listener is not None:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self.traffic.connections += 1
                    carrier = _Carrier(self, client)
                    self._open.add(carrier)
                threading.Thread(target=carrier.run, name="proxied", daemon=True).start()

    # What carriers ask

    def noted(self, kind: str) -> AtRequest | None:
        """Count a request; return the fault if it is meant for it."""
        with self._lock:
            self.traffic.kinds.append(kind)
            self._seen[kind] += 1
            fault = self._fault
            if not isinstance(fault, AtRequest) or fault.of not in {"", kind}:
                return None
            if fault.status:
                return None
            number = self._seen[kind] if fault.of else len(self.traffic.kinds)
            return fault if fault.number <= number < fault.number + fault.times else None

    def answered(self, kind: str, status: int) -> AtRequest | None:
        """Return the fault if it is meant for a reply of this status, which may be to a request of before."""
        with self._lock:
            fault = self._fault
            if not isinstance(fault, AtRequest) or fault.status != status or fault.of not in {"", kind}:
                return None
            self._seen["answered"] += 1
            return fault if fault.number <= self._seen["answered"] < fault.number + fault.times else None

    def allowed(self, way: Way, count: int) -> tuple[int, AfterBytes | None]:
        """Count bytes that are about to go; return how many of them may, and the fault that comes then."""
        with self._lock:
            before = self.traffic.bytes[way]
            self.traffic.bytes[way] += count
            fault = self._fault
            if isinstance(fault, AfterBytes) and fault.way is way and before < fault.count <= before + count:
                return fault.count - before, fault
            return count, None

    def show(self, effect: Effect | Alteration) -> threading.Event:
        """Note that the fault shows now; return what is set when it is lifted."""
        with self._lock:
            self.traffic.happened += 1
            self.happened.set()
            if effect is Effect.REFUSE and self._listener is not None:
                self._stop_listening()
            return self._lifted

    def forget(self, carrier: _Carrier) -> None:
        """Forget a connection that has ended."""
        with self._lock:
            self._open.discard(carrier)


class _Carrier:
    """One connection."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.upgraded = False
        self._proxy = proxy
        self._client = client
        self._server: socket.socket | None = None
        self._ended: Effect | None = None

    def run(self) -> None:
        """Carry requests until one side closes."""
        try:
            self._server = socket.create_connection(self._proxy.target)
            self._server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            requests, replies = Reader(self._client, self._look), Reader(self._server, self._look_at_client)
            while not self.upgraded:
                self._one(requests, replies)
            self._relay(requests.rest(), replies.rest())
        except (Gone, _Cut, OSError, ValueError):  # ValueError: a socket that was closed from outside
            pass
        finally:
            self._close(self._client)
            if self._server is not None:
                self._close(self._server)
            self._proxy.forget(self)

    def end(self, effect: Effect) -> None:
        """End the connection from outside: who waits for something sees it."""
        self._ended = effect
        for side in (self._client, self._server):
            if side is not None:
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def _one(self, requests: Reader, replies: Reader) -> None:
        head, body = requests.request()
        kind = self._proxy.kind(head, body)
        fault = self._proxy.noted(kind)
        effect = fault.effect if fault else None
        whole = head + body
        if fault and isinstance(effect, Effect) and fault.moment in {Moment.BEFORE, Moment.WITHIN}:
            if fault.moment is Moment.WITHIN:
                self._send(Way.UP, whole[: len(whole) // 2])
                whole = whole[len(whole) // 2 :]
            self._have(effect)
        elif effect is not None and not isinstance(effect, Effect):
            given = effect.instead(head, body)
            if given is not None:
                self._proxy.show(effect)
                self._send(Way.DOWN, given)
                return
        slowly = effect is Effect.TRICKLE and fault is not None and fault.moment in {Moment.BEFORE, Moment.WITHIN}
        self._send(Way.UP, whole, slowly=slowly)
        head, body = replies.reply(to_head=method_of(head) == "HEAD")
        self._give(head, body, fault or self._proxy.answered(kind, status_of(head)))
        self.upgraded = status_of(head) == 101

    def _give(self, head: bytes, body: bytes, fault: AtRequest | None) -> None:
        whole = head + body
        if fault is not None and not isinstance(fault.effect, Effect):
            altered = fault.effect.altered(head, body)
            if altered != whole:
                self._proxy.show(fault.effect)
                self._send(Way.DOWN, altered)
                if whole.startswith(altered):
                    self._cut(Effect.END)
                return
        late = fault is not None and fault.moment in {Moment.UNANSWERED, Moment.PARTLY}
        if fault is None or not late:
            self._send(Way.DOWN, whole)
            return
        assert isinstance(fault.effect, Effect)
        if fault.moment is Moment.PARTLY:
            half = len(head) + len(body) // 2
            self._send(Way.DOWN, whole[:half])
            whole = whole[half:]
        self._have(fault.effect)
        self._send(Way.DOWN, whole, slowly=fault.effect is Effect.TRICKLE)

    def _have(self, effect: Effect) -> None:
        """Let it happen: returns where the connection goes on afterwards."""
        lifted = self._proxy.show(effect)
        if effect is Effect.DELAY:
            lifted.wait(0.1)
        elif effect is Effect.STALL:
            while not lifted.wait(_LOOK_S):
                self._look_at_client()
        elif effect is not Effect.TRICKLE:
            self._cut(effect)

    def _cut(self, effect: Effect) -> None:
        self._ended = effect
        raise _Cut

    def _send(self, way: Way, data: bytes, *, slowly: bool = False) -> None:
        sink = self._server if way is Way.UP else self._client
        assert sink is not None
        allowed, fault = self._proxy.allowed(way, len(data))
        if slowly:
            for at in range(min(allowed, 2000)):
                sink.sendall(data[at : at + 1])
            sink.sendall(data[2000:allowed])
        else:
            sink.sendall(data[:allowed])
        if fault is not None:
            self._have(fault.effect)
            sink.sendall(data[allowed:])

    def _relay(self, up: bytes, down: bytes) -> None:
        """Carry both ways what comes, after an upgrade."""
        assert self._server is not None
        for way, data in ((Way.UP, up), (Way.DOWN, down)):
            if data:
                self._send(way, data)
        while True:
            looking = select.poll()
            sides = {side.fileno(): side for side in (self._client, self._server)}
            for number in sides:
                looking.register(number, select.POLLIN)
            for number, _ in looking.poll(_LOOK_S * 1000):
                source = sides[number]
                data = source.recv(65536)
                if not data:
                    return
                self._send(Way.UP if source is self._client else Way.DOWN, data)
            self._look()

    def _look(self) -> None:
        if self._ended is not None:
            raise _Cut

    def _look_at_client(self) -> None:
        """End if the client has gone meanwhile, so that the server notices, as without a proxy."""
        self._look()
        if readable(self._client, 0):
            with suppress(BlockingIOError):
                if not self._client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                    raise Gone

    def _close(self, side: socket.socket) -> None:
        with suppress(OSError):
            if self._ended in {Effect.RESET, Effect.REFUSE}:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                side.shutdown(socket.SHUT_RDWR)
        side.close()
