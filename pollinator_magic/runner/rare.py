"""Times, exact numbers and paths as in `plain`, apart from it because they take long to import."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from .plain import listed
from .problems import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable


def tag(kind: type) -> str:
    """Return the key that stands for a type."""
    return "$Path" if kind is type(Path()) else f"${kind.__name__}"


def _moment(value: Any) -> list[Any]:
    return [value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo]


def _zone(key: str) -> Any:
    try:
        import zoneinfo  # novm  Python 3.9
    except ImportError:
        raise Unreadable("it has a time zone, which needs Python 3.9 or newer") from None
    return zoneinfo.ZoneInfo(key)


def _fraction(parts: list[Any]) -> Fraction:
    if [type(part) for part in listed(parts)] != [int, int]:  # text such as 1e999999999 would fill all memory
        raise ValueError(parts)
    return Fraction(*parts)


PARTS: dict[type, Callable[[Any], Any]] = {
    dt.datetime: _moment,
    dt.time: _moment,
    dt.date: dt.date.isoformat,
    dt.timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    dt.timezone: lambda value: value.__getinitargs__(),
    Decimal: str,
    Fraction: lambda value: [value.numerator, value.denominator],
    UUID: lambda value: value.hex,
    type(Path()): str,
    PurePosixPath: str,
    PureWindowsPath: str,
}
"""What a value of these types consists of."""

TAGS: dict[str, Callable[[Any], Any]] = {
    "$datetime": lambda parts: dt.datetime.fromisoformat(parts[0]).replace(fold=parts[1], tzinfo=parts[2]),
    "$time": lambda parts: dt.time.fromisoformat(parts[0]).replace(fold=parts[1], tzinfo=parts[2]),
    "$date": dt.date.fromisoformat,
    "$timedelta": lambda parts: dt.timedelta(*listed(parts)),
    "$timezone": lambda parts: dt.timezone(*listed(parts)),
    "$ZoneInfo": _zone,
    "$Decimal": Decimal,
    "$Fraction": _fraction,
    "$UUID": UUID,
    "$Path": Path,
    "$PurePosixPath": PurePosixPath,
    "$PureWindowsPath": PureWindowsPath,
}
"""What makes the value of its parts again."""
