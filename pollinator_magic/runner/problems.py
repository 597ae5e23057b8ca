"""Why a value cannot be kept in files, or be had from them again.

Every message is the end of a sentence that begins with the name of the variable: "it is a module: import it in the
cell". Who raises does not know whether a notebook or a job is reading.
"""

from __future__ import annotations

import io
import sys
import types
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PLAIN = (dict, list, tuple, set, frozenset, str, bytes, bytearray, bool, int, float, complex)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_ONE_WAY = (Iterator, types.CoroutineType, types.AsyncGeneratorType)


class Unsupported(ValueError):
    """There is no safe form for this value, or the other side cannot read it."""


class TooLarge(ValueError):
    """The value has more bytes than are allowed."""

    def __init__(self, size: int | None, limit: int) -> None:
        much = f"it has {human(size)}, and" if size is not None else "it has more than"
        rest = f"{human(limit)} is the limit" if size is not None else f"{human(limit)}, which is the limit"
        super().__init__(f"{much} {rest}: use a part of it, or a file in cfs/data or in the results")


class Unreadable(ValueError):
    """The files of a value are missing, damaged, not what their record says, or need what is not installed here."""


def unsupported(value: object) -> Unsupported:
    """Return the error for a value without a safe form; it says what to use in its place."""
    if isinstance(value, types.ModuleType):
        return Unsupported("it is a module: import it in the cell")
    if isinstance(value, (*_FUNCTIONS, type)) or _is_partial(value):
        what = "a class" if isinstance(value, type) else "a function"
        return Unsupported(f"it is {what}: define it in the cell, or in a file in cfs/src that the cell imports")
    if isinstance(value, io.IOBase):
        return Unsupported("it is an open file: use what it holds, or put the file into cfs/data")
    if isinstance(value, _ONE_WAY):
        return Unsupported("it can be read only once, and only where it is: use list(…) of it")
    return Unsupported(f"it is a {_name(type(value))}: {_remedy(value)}, or allow pickles with --allow-pickle")


def _is_partial(value: object) -> bool:
    functools = sys.modules.get("functools")  # no value can be of it otherwise
    return functools is not None and isinstance(value, functools.partial)


def _remedy(value: Any) -> str:
    kind = type(value)
    if hasattr(kind, "_asdict"):
        return "use its ._asdict()"
    base = next((plain for plain in _PLAIN if isinstance(value, plain)), None)
    if base is not None:
        return f"use {base.__name__}(…) of it"
    if hasattr(kind, "__dataclass_fields__"):
        return "use dataclasses.asdict(…) of it"
    for method in ("to_pandas", "to_dataframe"):
        if hasattr(kind, method):
            return f"use its .{method}()"
    if hasattr(kind, "__array__"):
        return "use numpy.asarray(…) of it"
    return "use the values it consists of"


def _name(kind: type) -> str:
    own = kind.__module__ in {"builtins", "__main__"}
    return kind.__qualname__ if own else f"{kind.__module__}.{kind.__qualname__}"


def shown(text: object, length: int = 80) -> str:
    """Return something from outside as one short line of plain characters."""
    line = ascii(text)
    return line if len(line) <= length else line[: length - 3] + "..."


def human(size: float) -> str:
    """Write a number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
