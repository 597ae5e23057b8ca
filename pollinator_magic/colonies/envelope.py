"""The signed envelope of a request, and what the envelope of a reply means (protocol.md, sections 3 and 4).

Nothing here touches the network. Whatever comes back, however damaged, ends as a value of the expected type or as one
error of the ServerError tree whose message says what to do.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, TypeVar, cast, get_origin

import msgspec

from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.errors import (
    AccessDenied,
    InvalidReply,
    NotFound,
    ServerError,
    ServerUnreachable,
    Unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.colonies.address import Server
    from pollinator_magic.colonies.keys import PrivateKey

    T = TypeVar("T")

_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_COLONY_IN_TEXT = re.compile(r"Colony with name <(.*?)>")
_MISSING = re.compile(r"not found|does not exists?\b|^Failed to get file$")
_SUBJECTS = {
    "processid": "process",
    "fileid": "file",
    "snapshotid": "snapshot",
    "functionid": "function",
    "attributeid": "attribute",
    "executorname": "executor",
    "executorid": "executor",
    "userid": "user with the identity",
    "name": "",
}
_NOT_FRESH = {"Access denied, stale request", "Access denied, repeated request"}
_EMPTY_WHEN_DENIED = {"getprocesshistmsg", "getcolonystatsmsg"}


@dataclass(frozen=True)
class Request:
    """What was asked of whom by whom; error messages are made from it."""

    server: Server
    identity: str
    msgtype: str
    message: Mapping[str, object]

    @property
    def subject(self) -> str:
        """What the request is about, as in "process 3fc0…"."""
        for name, noun in _SUBJECTS.items():
            value = self.message.get(name)
            if isinstance(value, str) and value:
                return f"{noun} {value!r}".strip() if name.endswith("name") else f"{noun} {printable(value, 100)}"
        return f"what {self.msgtype} asks for"


class _Envelope(msgspec.Struct):
    payloadtype: str
    payload: bytes  # msgspec reads the base64 text
    error: bool = False


class _Refusal(msgspec.Struct):
    message: str = ""
    status: int = 0


prepare_reading(_Envelope, _Refusal)


def seal(key: PrivateKey, msgtype: str, message: Mapping[str, object]) -> bytes:
    """Return the JSON envelope of `message`, signed with `key`: no two are the same, so each is to be sent once.

    `nonce` and `issued` (Unix nanoseconds) let a server refuse a request that somebody else sends again. The embedded
    colony does; others ignore fields that they do not know (section 1).
    """
    once = {"msgtype": msgtype, **message, "nonce": secrets.token_hex(16), "issued": time.time_ns()}
    payload = base64.b64encode(msgspec.json.encode(once)).decode("ascii")
    return msgspec.json.encode({"payloadtype": msgtype, "payload": payload, "signature": key.sign(payload)})


def unseal(body: bytes, status: int, reply: type[T], request: Request) -> T:
    """Return the value that the reply `body` with HTTP `status` carries; raise a ServerError if it carries none."""
    if not body.strip():
        raise _without_words(status, request)
    try:
        envelope = _first_envelope(body)
    except _UNREADABLE:
        raise _foreign(body, status, request) from None
    if envelope.error or status >= 400:
        raise _refused(envelope.payload, status, request)
    return _value(envelope.payload, reply, status, request)


def printable(text: str, limit: int = 300) -> str:
    """Return text of a server as one line of at most `limit` characters that cannot forge output."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 10 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def short(identity: str) -> str:
    """Return an identity as people compare it: 3fc0…41ac."""
    return f"{identity[:4]}…{identity[-4:]}"


def not_a_member(request: Request, colony: str, status: int) -> AccessDenied:
    """Return the error for a key that the colony does not know."""
    return AccessDenied(
        f"The Colonies server at {request.server} does not accept this key for colony {colony!r} "
        f"(identity {short(request.identity)}). Ask its owner to add you, or check COLONIES_PRVKEY.",
        status=status,
    )


def _first_envelope(body: bytes) -> _Envelope:
    try:
        return msgspec.json.decode(body, type=_Envelope)
    except _UNREADABLE:  # some errors come as two envelopes in a row; only the first one counts
        first, _ = json.JSONDecoder().raw_decode(body.decode("utf-8").lstrip())
        return msgspec.convert(first, type=_Envelope)


def _value(payload: bytes, reply: type[T], status: int, request: Request) -> T:
    optional: Any = Optional[reply]  # noqa: UP045  a type made at run time
    try:
        value = msgspec.json.decode(payload, type=optional)
    except _UNREADABLE as error:
        raise InvalidReply(
            f"The Colonies server at {request.server} answered {request.msgtype} with something that this version "
            f"cannot read: {printable(str(error))}. Try again; if it stays so, the server is of another version.",
            status=status,
        ) from None
    if value is None:
        if get_origin(reply) is list:  # most lists are null when they are empty
            return cast("T", [])
        raise InvalidReply(
            f"The Colonies server at {request.server} answered {request.msgtype} with null. Try again.", status=status
        )
    return cast("T", value)


def _without_words(status: int, request: Request) -> ServerError:
    if status == 200 and request.msgtype in _EMPTY_WHEN_DENIED:
        return not_a_member(request, str(request.message.get("colonyname", "")), status)
    if status in {502, 503, 504}:
        return _gateway(status, request)
    if status >= 500:
        return InvalidReply(
            f"The Colonies server at {request.server} failed at {request.msgtype} without saying why (HTTP {status}). "
            "Try again; its own log says more.",
            status=status,
        )
    return InvalidReply(
        f"The Colonies server at {request.server} answered {request.msgtype} with nothing (HTTP {status}). Try again.",
        status=status,
    )


def _foreign(body: bytes, status: int, request: Request) -> ServerError:
    """Explain a body that is no envelope."""
    if status in {502, 503, 504}:
        return _gateway(status, request)
    text = printable(body[:2000].decode("utf-8", "replace"), 120)
    if status == 400 and "https" in text.lower() and not request.server.tls:
        return ServerUnreachable(
            f"{request.server} expects TLS (https), but was asked without. Set COLONIES_TLS=true.",
            status=status,
            passing=False,
        )
    return InvalidReply(
        f"What answers at {request.server} does not speak ColonyOS (HTTP {status}: {text!r}). "
        "Check COLONIES_SERVER_HOST and COLONIES_SERVER_PORT.",
        status=status,
    )


def _gateway(status: int, request: Request) -> ServerUnreachable:
    return ServerUnreachable(
        f"The Colonies server behind {request.server} does not answer its gateway (HTTP {status}). Try again later.",
        status=status,
        sent=True,
    )


def _refused(payload: bytes, status: int, request: Request) -> ServerError:
    """Turn an error envelope into the error that says what to do."""
    try:
        refusal = msgspec.json.decode(payload, type=_Refusal)
    except _UNREADABLE:
        refusal = _Refusal(message="it does not say why")
    status = status if status >= 400 else refusal.status or 500
    text = printable(refusal.message)
    return _denied(text, status, request) or _missing(text, status, request) or _other(text, status, request)


def _denied(text: str, status: int, request: Request) -> ServerError | None:
    server, who = request.server, f"identity {short(request.identity)}"
    named = _COLONY_IN_TEXT.search(text)
    if text in _NOT_FRESH:
        return ServerUnreachable(
            f"{server} takes {request.msgtype} for an old or repeated request. Try again; if it stays so, another "
            "program between here and there sends requests twice.",
            status=status,
        )
    if "not a member of" in text and named:
        return not_a_member(request, named[1], status)
    for owner, variable in (("colony owner", "COLONIES_COLONY_PRVKEY"), ("server owner", "COLONIES_SERVER_PRVKEY")):
        if f"not {owner}" in text:
            return AccessDenied(
                f"{request.msgtype} at {server} needs the key of the {owner} ({variable}); this key has {who}.",
                status=status,
            )
    if "invalid rpcMsg.PayloadType" in text:
        return Unsupported(
            f"The Colonies server at {server} does not know {request.msgtype}: it is older than this operation.",
            status=status,
        )
    if request.msgtype == "assignprocessmsg" and "executor not found" in text:
        return AccessDenied(
            f"Only an executor's key can ask {server} for work, and this one ({who}) is none. Register it first.",
            status=status,
        )
    return None


def _missing(text: str, status: int, request: Request) -> NotFound | None:
    named = _COLONY_IN_TEXT.match(text)
    if named and _MISSING.search(text):
        return NotFound(
            f"There is no colony {named[1]!r} at {request.server}. Check COLONIES_COLONY_NAME.", status=status
        )
    # The server says "not found" with 404, 400 and 500, and with 500 also as "process is nil".
    if status == 404 or _MISSING.search(text) or (status == 500 and text.endswith("is nil")):
        return NotFound(f"{request.server} has no {request.subject}: {text}.", status=status)
    return None


def _other(text: str, status: int, request: Request) -> ServerError:
    if status == 403 or text.startswith("Only an executor can"):
        return AccessDenied(
            f"The Colonies server at {request.server} does not allow {request.msgtype} "
            f"to identity {short(request.identity)}: {text}.",
            status=status,
        )
    return ServerError(
        f"The Colonies server at {request.server} refused {request.msgtype} (HTTP {status}): {text}.", status=status
    )
