"""Signed requests over kept connections: timeouts, retries, and words for a network that fails.

What is in the envelopes is the matter of `envelope`; here they are carried. A request is sent again only if the first
one certainly did not reach the server, or if carrying it out twice does no harm (`repeatable`).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from pollinator_magic.colonies.bulk import BulkConnections
from pollinator_magic.colonies.connections import Connections, TooLarge, certificate_authorities, failures
from pollinator_magic.colonies.envelope import Request, printable, seal, short, unseal
from pollinator_magic.errors import InvalidReply, ServerError, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.colonies.address import Server
    from pollinator_magic.colonies.connections import Answer
    from pollinator_magic.colonies.keys import PrivateKey

    T = TypeVar("T")

_log = logging.getLogger(__name__)

_RETRIES = 3
_PATIENCE_S = 10.0  # no further retry after that long, except the first one
_FIRST_DELAY_S = 0.2
_STALE_AFTER_S = 20.0
_LARGEST_REPLY = 256 * 1024 * 1024
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}


class Rpc:
    """Calls operations of one Colonies server as one key. May be used by many threads at once."""

    def __init__(
        self,
        server: Server,
        key: PrivateKey,
        *,
        connect_timeout_s: float = 5,
        read_timeout_s: float = 30,
        verify: bool = True,
    ) -> None:
        self.server = server
        self.key = key
        self.requests = 0
        """How many HTTP requests were sent."""
        self.verify = verify
        self.remedy = "Check COLONIES_SERVER_HOST and COLONIES_SERVER_PORT, and that the server is running."
        """What to do when nobody answers."""
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        authorities = (certificate_authorities() or True) if verify else False
        self._connections = Connections(server.url, connect_timeout_s=connect_timeout_s, verify=authorities)
        self._bulk = BulkConnections(server.url, connect_timeout_s=connect_timeout_s, verify=authorities)
        self._counting = threading.Lock()
        self._last_reply = time.monotonic()
        self._closing = threading.Event()

    def call(
        self,
        msgtype: str,
        message: Mapping[str, object],
        reply: type[T],
        *,
        repeatable: bool = True,
        bulk: bool = False,
        read_timeout_s: float | None = None,
    ) -> T:
        """Carry out one operation and return its reply as a value of type `reply` (a list is never None).

        `repeatable`: whether carrying it out twice does no harm, so that it may be sent again when the connection
        breaks. `bulk`: whether it is one of a thousand that a transfer sends, and repeatable.
        `read_timeout_s` is for operations that wait on the server. Raises ServerError.
        """
        request = Request(self.server, self.key.identity, msgtype, message)
        if not repeatable:
            self._drop_stale_connections()
        started = time.monotonic()
        lost = False
        attempt = 0
        while True:
            try:
                answer = self._in_bulk(seal(self.key, msgtype, message)) if bulk and attempt == 0 else None
                answer = answer or self._post(seal(self.key, msgtype, message), read_timeout_s or self._read_timeout_s)
                return unseal(answer.body, answer.status, reply, request)
            except ServerUnreachable as error:
                lost = lost or error.sent
                late = attempt > 0 and time.monotonic() - started > _PATIENCE_S
                again = error.passing and (repeatable or not error.sent)
                if not again or late or attempt == _RETRIES or self._closing.wait(_delay_s(attempt)):
                    raise
                _log.debug("%s is sent again: %s", msgtype, error)
                attempt += 1
            except ServerError as error:
                error.repeated = lost
                raise

    def healthy(self) -> bool:
        """Whether the server answers its health check. Not signed, not repeated; never raises."""
        try:
            return self._exchange("GET", "/health", None, self._connect_timeout_s).status == 200
        except failures():
            return False

    def close(self) -> None:
        """Close the connections and end the waiting between retries."""
        self._closing.set()
        self._connections.close_idle()
        self._bulk.close_idle()

    def __repr__(self) -> str:
        return f"Rpc({self.server.url}, identity {short(self.key.identity)})"

    def _post(self, body: bytes, read_timeout_s: float) -> Answer:
        try:
            answer = self._exchange("POST", "/api", body, read_timeout_s)
        except TooLarge:
            raise self._too_large() from None
        except failures() as error:
            raise self._unreachable(error, read_timeout_s) from error
        self._refuse_redirect(answer)
        self._last_reply = time.monotonic()
        return answer

    def _in_bulk(self, body: bytes) -> Answer | None:
        """Return the answer, or None if it has to be asked for in the ordinary way."""
        try:
            answer = self._bulk.exchange(
                "POST", "/api", body, headers=_HEADERS, read_timeout_s=self._read_timeout_s, most=_LARGEST_REPLY
            )
        except TooLarge:
            raise self._too_large() from None
        if answer is not None:
            self._count()
        return answer

    def _exchange(self, method: str, path: str, body: bytes | None, read_timeout_s: float) -> Answer:
        self._count()
        return self._connections.exchange(
            method, path, body, headers=_HEADERS, read_timeout_s=read_timeout_s, most=_LARGEST_REPLY
        )

    def _count(self) -> None:
        with self._counting:
            self.requests += 1

    def _too_large(self) -> InvalidReply:
        return InvalidReply(f"The answer of {self.server} is larger than {_LARGEST_REPLY >> 20} MiB.")

    def _refuse_redirect(self, answer: Answer) -> None:
        if not 300 <= answer.status < 400:
            return
        if answer.location.startswith("https://") and not self.server.tls:
            advice = "Set COLONIES_TLS=true, and COLONIES_SERVER_PORT if the port is another."
        else:
            advice = "Check COLONIES_SERVER_HOST and COLONIES_SERVER_PORT."
        raise InvalidReply(
            f"{self.server} sends us on to {printable(answer.location, 100)!r}. {advice}", status=answer.status
        )

    def _drop_stale_connections(self) -> None:
        """Close idle connections that may have died unnoticed (a laptop slept, a router forgot).

        What may not be repeated would otherwise be written into a dead connection and its fate be unknown.
        """
        if time.monotonic() - self._last_reply > _STALE_AFTER_S:
            self._connections.close_idle()

    def _unreachable(self, error: Exception, read_timeout_s: float) -> ServerUnreachable:
        """Say what happened to the connection, and whether the request may have reached the server."""
        at = f"The Colonies server at {self.server}"
        check = self.remedy
        causes = list(_causes(error))
        names = {type(cause).__name__ for cause in causes}
        if "ProxyError" in names:
            return ServerUnreachable(f"{at} cannot be reached through the proxy of HTTPS_PROXY or HTTP_PROXY. {check}")
        if "ConnectTimeoutError" in names:
            return ServerUnreachable(f"{at} does not answer within {self._connect_timeout_s:g} s. {check}")
        trouble = self._tls_trouble(causes, names)
        if trouble is not None:
            return trouble
        if "NameResolutionError" in names:
            return ServerUnreachable(f"There is no host named {self.server.host!r}. Check COLONIES_SERVER_HOST.")
        if names & {"NewConnectionError", "ClosedPoolError"}:
            return ServerUnreachable(f"{at} cannot be reached: {_reason(causes)}. {check}")
        if "ReadTimeoutError" in names:
            return ServerUnreachable(f"{at} did not answer within {read_timeout_s:g} s. Try again.", sent=True)
        hint = "" if self.server.tls else " If it expects TLS (https), set COLONIES_TLS=true."
        return ServerUnreachable(f"{at} broke the connection: {_reason(causes)}. Try again.{hint}", sent=True)

    def _tls_trouble(self, causes: list[BaseException], names: set[str]) -> ServerUnreachable | None:
        text = " ".join(str(cause) for cause in causes)
        if "SSLCertVerificationError" in names:
            return ServerUnreachable(
                f"The certificate of {self.server} is not trusted: {_certificate_problem(causes)}. If its authority is "
                "your own, name its file in REQUESTS_CA_BUNDLE.",
                passing=False,
            )
        if self.server.tls and ("WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text):
            return ServerUnreachable(
                f"{self.server} does not speak TLS (https). If that is meant, set COLONIES_TLS=false.", passing=False
            )
        if self.server.tls and "handshake operation timed out" in text:  # some plain servers wait for the rest of it
            return ServerUnreachable(
                f"The Colonies server at {self.server} does not answer a TLS (https) handshake within "
                f"{self._connect_timeout_s:g} s. "
                "If it does not speak TLS, set COLONIES_TLS=false."
            )
        return None


def _delay_s(attempt: int) -> float:
    return _FIRST_DELAY_S * (1 << attempt) * random.uniform(0.5, 1.5)


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and all that it wraps, outermost first (urllib3 wraps in `reason`, `args` and causes)."""
    found: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            pending += [getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args]
    return found


def _reason(causes: list[BaseException]) -> str:
    """Return the words of the operating system, which are shorter than those of the libraries around them."""
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return printable(cause.strerror).lower()
    return printable(str(causes[-1]), 120)


def _certificate_problem(causes: list[BaseException]) -> str:
    return next(
        (printable(str(cause.verify_message)) for cause in causes if hasattr(cause, "verify_message")), "unknown"
    )
