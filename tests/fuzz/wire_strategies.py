"""Hostile JSON: values that fit nowhere, put into any place of messages that were recorded from a real server."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

VECTORS = Path(__file__).parents[1] / "vectors" / "rpc"

_NESTED = re.compile(r'"<nested (\d+)>"')
ODD_TEXTS = [
    *("", " ", "\0", "\x1b[2J", "\u202e", "%", "_", "\\", "'", '"', "../..", "/", "a" * 300, "é" * 70, "☃\U0001f41d"),
    *("null", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2026-11-22T08:24:55", "1e999", "-1m", "99999Gi"),
]
ODD_NUMBERS = [
    *(0, -1, 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64, 10**30, 1.5, -0.0, 1e300),
]
scalars = (
    st.none()
    | st.booleans()
    | st.sampled_from(ODD_NUMBERS)
    | st.sampled_from(ODD_TEXTS)
    | st.integers()
    | st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
deep = st.sampled_from([10, 500, 3000]).map(lambda depth: f"<nested {depth}>")
"""Values that Python itself could not write; see `written`."""
hostile = anything | deep
places = st.lists(st.integers(0, 40), max_size=6)


@dataclass(frozen=True)
class Fitting:
    """Stands for another value of the type that is there, which gets past whoever only looks at types."""

    text: str
    number: int
    longer: bool

    def instead_of(self, value: Any) -> Any:
        if isinstance(value, bool):
            return not value
        if isinstance(value, str):
            return self.text
        if isinstance(value, int | float):
            return self.number
        if isinstance(value, list):
            return value * 2 if self.longer else []
        return value | {self.text: self.number} if isinstance(value, dict) and self.longer else value


fitting = st.builds(
    Fitting,
    st.sampled_from(ODD_TEXTS) | st.text(st.characters(blacklist_categories=["Cs"]), max_size=12),
    st.sampled_from([number for number in ODD_NUMBERS if isinstance(number, int)]) | st.integers(-2, 9),
    st.booleans(),
)
mutations = st.lists(st.one_of(*[st.tuples(places.filter(bool), fitting)] * 9, st.tuples(places, hostile)), max_size=2)

RAW_EDITS = [b"", b"null", b"{", b"}", b"[", b'"', b"\\", b"\\ud800", b"\\u0000", b"\xff", b"\0", b"1e999", b"-", b",,"]


@st.composite
def damage(draw: Any, text: bytes) -> bytes:
    """Return bytes with a few pieces changed, doubled or lost."""
    damaged = bytearray(text)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(damaged)))
        end = draw(st.integers(at, min(len(damaged), at + 30)))
        new = st.sampled_from([*RAW_EDITS, bytes(damaged[at:end] * 2)]) | st.binary(max_size=4)
        damaged[at:end] = draw(new)
    return bytes(damaged)


cuts = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(RAW_EDITS)), min_size=1, max_size=3)


def cut(text: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Return bytes with pieces replaced, at places that are parts of the length."""
    damaged = bytearray(text)
    for part, length, new in changes:
        at = round(part * len(damaged))
        damaged[at : at + length] = new
    return bytes(damaged)


def mutated(value: Any, changes: list[tuple[list[int], Any]]) -> Any:
    """Return a JSON value with other values in some of its places."""
    for steps, new in changes:
        value = _replaced(value, steps, new)
    return value


def _replaced(value: Any, steps: list[int], new: Any) -> Any:
    if not steps or not isinstance(value, dict | list) or not value:
        return new.instead_of(value) if isinstance(new, Fitting) else new
    names = list(value) if isinstance(value, dict) else list(range(len(value)))
    if isinstance(new, Fitting) and "msgtype" in names and len(names) > 1:
        names.remove("msgtype")  # nothing would be looked at but that
    name = names[steps[0] % len(names)]
    copy = value.copy()
    copy[name] = _replaced(value[name], steps[1:], new)
    return copy


def written(value: Any) -> str:
    """Return JSON text, with what is only named in the value nested as deeply as it says."""
    return _NESTED.sub(lambda match: '[{"a":' * int(match[1]) + "1" + "}]" * int(match[1]), json.dumps(value))


def doubled(text: str, draw_at: int) -> str:
    """Give one key of a JSON object a second time, with another value."""
    keys = [position for position, character in enumerate(text) if character == ":"]
    if not keys:
        return text
    end = keys[draw_at % len(keys)]
    start = text.rfind('"', 0, end - 1)
    key = text[start : end + 1]
    return text[:start] + key + "null," + text[start:]


def recorded_requests() -> list[tuple[dict[str, Any], str]]:
    """Return every message that was recorded, with the name of who sent it."""
    found = {}
    for path in sorted(VECTORS.glob("*.json")):
        for case in json.loads(path.read_text())["cases"]:
            message = (case.get("request_envelope_decoded") or {}).get("payload")
            if isinstance(message, dict):
                found[json.dumps(message, sort_keys=True)] = message, str(case.get("caller", ""))
    return list(found.values())
