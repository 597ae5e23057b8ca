"""Plain values as JSON that gives them back exactly: nothing changes its type on the way.

None, booleans, whole numbers, finite floats, text, lists, and dictionaries whose keys are text stand for themselves.
Everything else is an object with a single key that begins with `$`, and so is a dictionary that has such a key:

    {"$float": "nan" | "inf" | "-inf"}              {"$tuple": […]}  {"$set": […]}  {"$frozenset": […]}
    {"$int": "0x…"}            (2,000 bits or more) {"$dict": [[key, value], …]}
    {"$complex": [real, imaginary]}                 {"$OrderedDict": [[key, value], …]}  {"$Counter": [[key, n], …]}
    {"$str": base64}           (halves of           {"$defaultdict": [built-in type or null, [[key, value], …]]}
               surrogate pairs, in UTF-8)           {"$range": [start, stop, step]}
    {"$bytes": base64}  {"$bytearray": base64}      {"$Decimal": text}  {"$Fraction": [above, below]}  {"$UUID": hex}
    {"$Path": text}  {"$PurePosixPath": text}  {"$PureWindowsPath": text}
    {"$datetime": [ISO 8601, fold, zone]}  {"$time": [ISO 8601, fold, zone]}  {"$date": ISO 8601}
    {"$timedelta": [days, seconds, microseconds]}   {"$timezone": [timedelta, name?]}  {"$ZoneInfo": key}

Only these very types are taken, not classes derived from them. What else there is (arrays, frames) adds its own tags.
A list that occurs twice becomes two.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from collections import Counter, OrderedDict, defaultdict

from .problems import TooLarge, Unreadable, Unsupported, unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Encode = Callable[[Any], Any]
    Leaf = Callable[[Any, Encode], Any]
    """Encodes what is no plain value, or raises Unsupported; with the encoder that it is given, what is in it."""

MAX_DEPTH = 64
"""How many containers may lie in each other."""
MAX_JSON = 128 << 20
"""Bytes of JSON: read, they become up to twenty times as many."""
_MAX_BITS = 2000  # Python may refuse to read decimal numbers of more than 640 digits
_RARE = {"datetime", "decimal", "fractions", "pathlib", "uuid"}
"""The modules of the types in `rare`, which takes longer to import than all else that a number needs."""
_FACTORIES = {kind.__name__: kind for kind in (bool, bytes, dict, float, frozenset, int, list, set, str, tuple)}


def _no_leaves(value: Any, _: Encode) -> Any:
    raise unsupported(value)


class Encoder:
    """Turns values into what JSON can hold; `leaf` is asked about what is no plain value."""

    def __init__(self, leaf: Leaf = _no_leaves) -> None:
        self._leaf = leaf
        self._depth = 0

    def __call__(self, value: Any) -> Any:
        """Return `value` as JSON has it; raise Unsupported."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return _text(value)
        if kind is int:
            return value if value.bit_length() < _MAX_BITS else {"$int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"$float": repr(value)}
        if self._depth == MAX_DEPTH:
            raise Unsupported(f"it is nested more than {MAX_DEPTH} deep, or holds itself: use a flatter one")
        self._depth += 1
        try:
            return self._compound(kind, value)
        finally:
            self._depth -= 1

    def _compound(self, kind: type, value: Any) -> Any:
        if kind is list:
            return [self(item) for item in value]
        if kind is dict:
            if all(type(key) is str and not key.startswith("$") and is_unicode(key) for key in value):
                return {key: self(item) for key, item in value.items()}
            return {"$dict": self._pairs(value)}
        if kind in {set, frozenset}:  # in an order of its own, so that equal sets are equal files
            return {f"${kind.__name__}": sorted((self(item) for item in value), key=json.dumps)}
        if kind in {OrderedDict, Counter}:
            return {f"${kind.__name__}": self._pairs(value)}
        if kind is defaultdict and value.default_factory in {None, *_FACTORIES.values()}:
            name = value.default_factory and value.default_factory.__name__
            return {"$defaultdict": [name, self._pairs(value)]}
        if kind in _PARTS:
            return {f"${kind.__name__}": self._parts(_PARTS[kind](value))}
        return self._uncommon(kind, value)

    def _uncommon(self, kind: type, value: Any) -> Any:
        if str(kind.__module__).partition(".")[0] in _RARE:
            from . import rare

            if kind in rare.PARTS:
                return {rare.tag(kind): self._parts(rare.PARTS[kind](value))}
        return {"$ZoneInfo": value.key} if _is_zone(kind) and value.key else self._leaf(value, self)

    def _parts(self, content: Any) -> Any:
        return [self(item) for item in content] if isinstance(content, (list, tuple)) else self(content)

    def _pairs(self, mapping: Mapping[Any, Any]) -> list[Any]:
        return [[self(key), self(item)] for key, item in mapping.items()]


def dumps(tree: Any) -> bytes:
    """Write what an Encoder returned; raise TooLarge."""
    content = json.dumps(tree, allow_nan=False, separators=(",", ":")).encode("ascii")
    if len(content) > MAX_JSON:
        raise TooLarge(len(content), MAX_JSON)
    return content


def loads(content: bytes, tags: Mapping[str, Callable[[Any], Any]] | None = None) -> Any:
    """Return the value that was written; raise Unreadable. `tags` are those beyond the ones of this module."""
    try:
        tree = json.loads(content, parse_int=_whole_number, parse_constant=_no_constant)
    except RecursionError:
        raise Unreadable("its JSON is nested too deeply") from None
    except ValueError:
        raise Unreadable("its content is not JSON") from None
    return decode(tree, tags)


def decode(tree: Any, tags: Mapping[str, Callable[[Any], Any]] | None = None) -> Any:
    """Return the value that an Encoder made this of; raise Unreadable."""
    from . import rare

    try:
        return _decode(tree, {**_TAGS, **rare.TAGS, **(tags or {})})
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable("its JSON is nested too deeply") from None
    except Exception as error:  # noqa: BLE001  whatever is wrong with a value from outside, there is no value
        raise Unreadable(f"its JSON is none that was written here ({type(error).__name__})") from None


def _decode(tree: Any, tags: Mapping[str, Callable[[Any], Any]]) -> Any:
    if isinstance(tree, list):
        return [_decode(item, tags) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        ((key, content),) = tree.items()
        if key.startswith("$"):
            if key not in tags:
                raise Unreadable(f"it holds a {key[1:40]!a}, which this version does not know")
            return tags[key](_decode(content, tags))
    return {key: _decode(item, tags) for key, item in tree.items()}


def _whole_number(digits: str) -> int:
    if len(digits) > _MAX_BITS:  # time to read them grows with the square
        raise ValueError("too many digits")
    return int(digits)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def listed(content: Any) -> list[Any]:
    """Return a list; raise ValueError for what else could be gone through: a range is as long as it says it is."""
    if type(content) is not list:
        raise ValueError(type(content))
    return content


def is_unicode(text: str) -> bool:
    """Whether UTF-8 has all its characters: halves of surrogate pairs are none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(text: str) -> Any:
    """JSON would join two halves of a surrogate pair that are two characters in Python."""
    if text.isascii() or is_unicode(text):
        return text
    return {"$str": _base64(text.encode("utf-8", "surrogatepass"))}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _is_zone(kind: type) -> bool:
    zoneinfo = sys.modules.get("zoneinfo")  # Python 3.9; only a value of it matters
    return zoneinfo is not None and kind is zoneinfo.ZoneInfo


def _pairs(pairs: list[Any]) -> dict[Any, Any]:
    return {key: item for key, item in listed(pairs)}  # noqa: C416  a pair of three shall be an error


_PARTS: dict[type, Callable[[Any], Any]] = {
    tuple: list,
    complex: lambda value: [value.real, value.imag],
    range: lambda value: [value.start, value.stop, value.step],
    bytes: _base64,
    bytearray: _base64,
}

_TAGS: dict[str, Callable[[Any], Any]] = {
    "$int": lambda text: int(text, 16),
    "$float": float,
    "$str": lambda text: _from_base64(text).decode("utf-8", "surrogatepass"),
    "$tuple": lambda items: tuple(listed(items)),
    "$set": lambda items: set(listed(items)),
    "$frozenset": lambda items: frozenset(listed(items)),
    "$dict": _pairs,
    "$OrderedDict": lambda pairs: OrderedDict(_pairs(pairs)),
    "$Counter": lambda pairs: Counter(_pairs(pairs)),
    "$defaultdict": lambda parts: defaultdict(parts[0] and _FACTORIES[parts[0]], _pairs(parts[1])),
    "$complex": lambda parts: complex(*listed(parts)),
    "$range": lambda parts: range(*listed(parts)),
    "$bytes": _from_base64,
    "$bytearray": lambda text: bytearray(_from_base64(text)),
}
