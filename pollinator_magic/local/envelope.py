"""Reading signed requests and writing replies (protocol.md, section 4)."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from pollinator_magic.colonies.keys import recover_identity
from pollinator_magic.local.operations import ROUTES
from pollinator_magic.local.operations.information import UNSIGNED
from pollinator_magic.local.routing import Message, Operation, Refused

_FREE_FORM = frozenset({"kwargs", "env", "args", "out", "projects"})  # their keys belong to the user


class Envelope(msgspec.Struct, kw_only=True):
    """A request as posted: the payload is base64, and what is signed."""

    payloadtype: str = ""
    payload: str = ""
    signature: str = ""


_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_envelopes = msgspec.json.Decoder(Envelope)
_messages = {name: msgspec.json.Decoder(operation.message) for name, operation in ROUTES.items()}
_anything = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def read_envelope(body: bytes | str) -> Envelope:
    """Read a request's body; refuse what is no envelope."""
    try:
        return _envelopes.decode(body)
    except _UNREADABLE as error:
        raise Refused(400, f"invalid JSON: {error}") from None


def caller_of(envelope: Envelope) -> str:
    """Return the identity that signed the request; refuse a malformed signature."""
    if envelope.payloadtype in UNSIGNED:
        return ""
    try:
        return recover_identity(envelope.payload, envelope.signature)
    except ValueError as error:
        raise Refused(403, str(error)) from None


def route(envelope: Envelope) -> Operation:
    """Return the operation that is asked for; refuse an unknown one."""
    operation: Operation | None = ROUTES.get(envelope.payloadtype)
    if operation is None:
        name = envelope.payloadtype or (
            "empty (this usually means the client is misconfigured - "
            "check that COLONIES_PRVKEY and other environment variables are set correctly)"
        )
        raise Refused(403, f"invalid rpcMsg.PayloadType: {name}")
    return operation


def read_message(envelope: Envelope, operation: Operation) -> Message:
    """Read the payload of a request for this operation."""
    message: Message = decode(envelope.payload, _messages[operation.msgtype], operation.failure)
    if message.msgtype != envelope.payloadtype:
        raise Refused(400, f"{operation.failure}, msg.MsgType does not match payloadType")
    return message


def decode(payload: str, decoder: msgspec.json.Decoder[Any], failure: str) -> Any:
    """Read a base64 payload; where it does not fit at first, as leniently as the real server does."""
    try:
        raw = base64.b64decode(payload, validate=True)
        try:
            message = decoder.decode(raw)
            if message.msgtype:
                return message
        except msgspec.ValidationError:
            pass
        return msgspec.convert(_leniently(_anything.decode(raw)), decoder.type)
    except _UNREADABLE:
        raise Refused(400, f"{failure}, invalid JSON") from None


def success(payloadtype: str, reply: object) -> bytes:
    """Return the body of an answer."""
    return _wrap(payloadtype, reply, error=False)


def failure(refusal: Refused) -> bytes:
    """Return the body of a refusal."""
    return _wrap("error", {"status": refusal.status, "message": refusal.message}, error=True)


def _wrap(payloadtype: str, content: object, *, error: bool) -> bytes:
    payload = base64.b64encode(_encoder.encode(content)).decode("ascii")
    return _encoder.encode({"payloadtype": payloadtype, "payload": payload, "error": error})


def _leniently(value: Any) -> Any:
    """Return the message with lower-case names and without nulls, which leave a field as it is."""
    if isinstance(value, list):
        return [_leniently(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields = {name.lower(): content for name, content in value.items() if content is not None}
    return {name: content if name in _FREE_FORM else _leniently(content) for name, content in fields.items()}
