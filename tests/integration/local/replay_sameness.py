"""Compares a recorded reply with a replayed one: the same keys, JSON types and values, whatever differs in every run.

Ids and log timestamps of the recording stand for those of the replay; which for which is learned from the replies. Of
times only whether they are set is compared, of what is measured or counted anew only the type.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

_ID = re.compile(r"\b[0-9a-f]{64}\b")
_TIME = re.compile(r"(\d{4})-\d\d-\d\dT\S+")
_CONTENT = ("checksum", "object", "s3filename")  # as long as ids, but values
_MEASURED = (
    *("*prioritytime", "*sequencenr", "*minwaittime", "*maxwaittime", "*avgwaittime"),
    *("*minexectime", "*maxexectime", "*avgexectime", "*port", "*relayport", "*host"),
    *("*buildversion", "*buildtime", "*nodes.*.name", "leader.name", "*processes", "*executors", "colonies"),
)
"""Fields whose values are another server's, or of another run."""
_UNORDERED = ("*fileids", "*processids", "*nodes", "*edges", "*attributes", "*hardware")


@dataclass(frozen=True)
class Finding:
    """Something that is not as recorded."""

    place: str
    """`status`, `message`, `body`, or the path of a field, with * for the items of a list."""
    what: str


class Meanings:
    """What an id, or a log timestamp, of the recording is called in the replay."""

    def __init__(self) -> None:
        self._of: dict[str | int, str | int] = {}

    def learn(self, recorded: str | int, replayed: str | int) -> None:
        self._of.setdefault(recorded, replayed)

    def __contains__(self, recorded: str | int) -> bool:
        return recorded in self._of

    def copy(self) -> Meanings:
        copy = Meanings()
        copy._of = dict(self._of)
        return copy

    def take(self, other: Meanings) -> None:
        self._of = other._of

    def translate(self, value: Any) -> Any:
        """Return a recorded message as it is to be sent, or a recorded reply as it is to be expected."""
        if isinstance(value, dict):
            return {name: self.translate(content) for name, content in value.items()}
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        if isinstance(value, str):
            return _ID.sub(lambda match: str(self._of.get(match[0], match[0])), value)
        if isinstance(value, int) and value > 10**18:  # a moment, or just before one
            return self._of.get(value, self._of.get(value + 1, value + 1) - 1)  # type: ignore[operator]
        return value


def compare(recorded: Any, replayed: Any, meanings: Meanings, *, unordered: bool = False) -> list[Finding]:
    """Return what differs, and learn ids; `unordered` is for a list that comes in any order."""
    return _compare(recorded, replayed, "", meanings, unordered=unordered)


def _compare(recorded: Any, replayed: Any, place: str, meanings: Meanings, *, unordered: bool = False) -> list[Finding]:
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        return _compare_fields(recorded, replayed, place, meanings)
    if isinstance(recorded, list) and isinstance(replayed, list):
        return _compare_items(recorded, replayed, place, meanings, unordered=unordered)
    name = place.rpartition(".")[2]
    if _kind(recorded) != _kind(replayed):
        return [Finding(place or "reply", f"{_kind(recorded)} became {_kind(replayed)}")]
    if name == "timestamp":
        meanings.learn(recorded, replayed)
        return []
    if any(fnmatch(place, pattern) for pattern in _MEASURED):
        return []
    if isinstance(recorded, str):
        before, after = _TIME.fullmatch(recorded), _TIME.fullmatch(replayed)
        if before and after:
            same = (int(before[1]) <= 1) == (int(after[1]) <= 1)
            return [] if same else [Finding(place, f"{recorded!r} became {replayed!r}")]
        is_new = _ID.fullmatch(recorded) and recorded not in meanings and name not in _CONTENT
        if is_new and _ID.fullmatch(replayed):
            meanings.learn(recorded, replayed)
    expected = meanings.translate(recorded)
    return [] if expected == replayed else [Finding(place or "reply", f"{expected!r} became {replayed!r}")]


def _compare_fields(
    recorded: dict[str, Any], replayed: dict[str, Any], place: str, meanings: Meanings
) -> list[Finding]:
    found = []
    for name in sorted(recorded.keys() | replayed.keys()):
        at = f"{place}.{name}" if place else name
        if name not in replayed:
            found.append(Finding(at, "missing"))
        elif name not in recorded:
            found.append(Finding(at, "added"))
        else:
            found += _compare(recorded[name], replayed[name], at, meanings)
    return found


def _compare_items(
    recorded: list[Any], replayed: list[Any], place: str, meanings: Meanings, *, unordered: bool
) -> list[Finding]:
    at = f"{place}.*" if place else "*"
    if len(recorded) != len(replayed):
        return [Finding(place or "reply", f"{len(recorded)} items became {len(replayed)}")]
    if unordered or any(fnmatch(place, pattern) for pattern in _UNORDERED):
        trial = meanings.copy()
        in_order = zip(recorded, replayed, strict=True)
        if not any(_compare(one, other, at, trial) for one, other in in_order):
            meanings.take(trial)
            return []
        recorded = sorted(recorded, key=lambda item: _gist(meanings.translate(item)))
        replayed = sorted(replayed, key=_gist)
    return [
        finding for one, other in zip(recorded, replayed, strict=True) for finding in _compare(one, other, at, meanings)
    ]


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return {int: "number", float: "number", str: "text", list: "list", dict: "object"}[type(value)]


def _gist(item: Any) -> str:
    """What an item is sorted by: everything but what is measured, and times."""
    if not isinstance(item, dict):
        return json.dumps(item)
    return json.dumps({name: item[name] for name in sorted(item) if name in {"name", "id", "executorname", "key"}})
