"""The payload of a rich output: unpacked, checked and bounded (see `runner.wire`). It comes from a program.

What is damaged, too large, too deep or not as it should be is no output; nothing here raises for it.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import TYPE_CHECKING, Any

from pollinator_magic.jobs.events import Displayed, Raised
from pollinator_magic.runner.wire import DISPLAY, RAISED, STORED

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_OUTPUT = 16 * 1024 * 1024
"""Bytes of an output's JSON; what unpacks to more is not looked at."""
_MOST_VALUES = 1_000_000  # in an output's JSON; a list of nothing takes 50 times its text
_DEEPEST = 200
_LONGEST_NAME = 256
_OUTPUTS = ".pollinator/outputs/"

_STORED_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def output(contents: Mapping[int, str], count: int, checksum: str) -> Displayed | Raised | None:
    """Return the output that these parts make, without its text and time; None if they make none."""
    if len(contents) != count or any(number not in contents for number in range(count)):
        return None
    try:
        packed = base64.b64decode("".join(contents[number] for number in range(count)), validate=True)
        if f"{zlib.crc32(packed):08x}" != checksum:
            return None
        return _understood(_unpacked(packed))
    except (ValueError, RecursionError, zlib.error):
        return None


def _unpacked(packed: bytes) -> Any:
    """Return the JSON value in a compressed payload; raise ValueError, RecursionError or zlib.error."""
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed, LARGEST_OUTPUT)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError
    containers = content.count(b"[") + content.count(b"{")
    if containers + content.count(b",") > _MOST_VALUES:
        raise ValueError
    value = json.loads(content, parse_constant=lambda _: None)  # NaN is no JSON, and few readers take it
    if containers > _DEEPEST and not _is_shallow(value):
        raise ValueError
    if _SURROGATE.search(content):
        json.dumps(value, ensure_ascii=False).encode()  # raises for half a character, which cannot be shown or saved
    return value


def _is_shallow(value: Any) -> bool:
    """Whether a JSON value can be walked through by functions that call themselves."""
    level = [value]
    for _ in range(_DEEPEST):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [child for children in inside for child in children if isinstance(child, dict | list)]
        if not level:
            return True
    return False


def _understood(value: Any) -> Displayed | Raised | None:
    """Return the output that a payload describes, or None if it is not as it should be."""
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict)):
        return None
    kind, payload = value
    if kind == DISPLAY:
        return _displayed(payload)
    if kind == STORED:
        return _stored(payload)
    return _raised(payload) if kind == RAISED else None


def _displayed(payload: dict[str, Any]) -> Displayed | None:
    data, metadata = payload.get("data"), payload.get("metadata", {})
    if not (isinstance(data, dict) and isinstance(metadata, dict)):
        return None
    return _addressed(payload, data=data, metadata=metadata)


def _stored(payload: dict[str, Any]) -> Displayed | None:
    file = payload.get("file")
    if not (isinstance(file, str) and len(file) <= _LONGEST_NAME and file.startswith(_OUTPUTS)):
        return None
    if not _STORED_NAME.fullmatch(file.removeprefix(_OUTPUTS)):
        return None
    return _addressed(payload, file=file)


def _addressed(payload: dict[str, Any], **content: Any) -> Displayed | None:
    """Return a display with the name under which it may be replaced."""
    display_id, update = payload.get("display_id", ""), payload.get("update", False)
    if not (isinstance(display_id, str) and len(display_id) <= _LONGEST_NAME and isinstance(update, bool)):
        return None
    return Displayed(**{"data": {}, **content}, text="", timestamp_ns=0, display_id=display_id, update=update)


def _raised(payload: dict[str, Any]) -> Raised | None:
    name, value, traceback = (payload.get(key, "") for key in ("name", "value", "traceback"))
    line = payload.get("line")
    if not (isinstance(name, str) and name and isinstance(value, str) and isinstance(traceback, str)):
        return None
    if line is not None and (not isinstance(line, int) or isinstance(line, bool) or line < 1):
        return None
    return Raised(name=name, value=value, traceback=traceback, line=line, timestamp_ns=0)
