"""Pickles, for what has no safe form: reading one can run any code."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, BinaryIO

from . import content
from .problems import TooLarge, Unreadable, Unsupported, shown

if TYPE_CHECKING:
    from .content import Sink, Write

_PROTOCOL = 4  # Python 3.4 and newer read it


def write(value: Any) -> Write:
    """Return what writes a value."""

    def dump(sink: Sink) -> None:
        pickle.Pickler(sink, protocol=_PROTOCOL).dump(value)

    return dump


def size(value: Any, limit: int | None) -> int:
    """Return how many bytes would be written; raise Unsupported if that is impossible, and TooLarge."""
    try:
        return content.measure(write(value), limit).size
    except TooLarge:
        raise
    except Exception as error:  # noqa: BLE001  any class can refuse in its own way
        raise Unsupported(f"it cannot be pickled either ({type(error).__name__}: {shown(error)})") from None


def read(file: BinaryIO) -> Any:
    """Return the value of a pickle; raise Unreadable."""
    try:
        return pickle.load(file)  # noqa: S301  both sides have asked for it by name
    except Exception as error:  # noqa: BLE001  a pickle can raise anything
        raise Unreadable(f"it cannot be unpickled here ({type(error).__name__}: {shown(error)})") from None
