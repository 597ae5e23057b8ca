"""The record `<name>.json` of a value in files, and beside it the content that it describes.

    format    file               holds                                                       needs, to be read
    text      <name>.txt         text, in UTF-8
    bytes     <name>.bin         bytes or a bytearray
    json      <name>.value       plain values (see `plain`)
    tree      <name>.tree        plain values with arrays, frames or pictures in them        what those need
    npy       <name>.npy         an array without Python objects                             numpy
    parquet   <name>.parquet     a data frame, a series or an Arrow table                    pyarrow, pandas
    columns   <name>.columns     any data frame, series or index (see `columns`)             pandas
    image     <name>.png         a picture                                                   Pillow
    pickle    <name>.pickle      anything, where both sides allow it: reading can run code

A record has these keys; only the first five decide how the value is read:

    format, file, size, sha256, as ("table", "frame", {"series": its name}, "bytearray" or null),
    name, type, shape, dtype, versions {"python": …, "numpy": …}, alternatives [the first five keys, …]

Or it says why the value is not there: {"name": …, "problem": …}.
"""

from __future__ import annotations

import json
import os
import sys

from . import content
from .problems import Unreadable, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .content import Place

ENDINGS = {
    "text": "txt",
    "bytes": "bin",
    "json": "value",
    "tree": "tree",
    "npy": "npy",
    "parquet": "parquet",
    "columns": "columns",
    "image": "png",
    "pickle": "pickle",
}
"""The formats, and how the names of their files end."""
MAX_PROBLEM = 1000
_MAX_RECORD = 64 << 10
_MAX_NAME = 200
_PACKAGES = ("numpy", "pandas", "pyarrow", "PIL")


def is_name(name: str) -> bool:
    """Whether a name can be that of a variable and, with an ending, that of a file."""
    return name.isidentifier() and len(name.encode()) <= _MAX_NAME


def file_of(directory: Place, name: str) -> str:
    """Return where the record of a value is; raise Unreadable for what cannot be a name."""
    if not is_name(name):
        raise Unreadable(f"{shown(name)} is not the name of a variable")
    return os.path.join(directory, f"{name}.json")


def content_of(name: str, form: str) -> str:
    """Return the name of the file with the content of a value."""
    return f"{name}.{ENDINGS[form]}"


def write(directory: Place, record: dict[str, Any]) -> None:
    """Write a record."""
    text = json.dumps(record, indent=1).encode("ascii")
    content.store(file_of(directory, record["name"]), lambda sink: content.put(text, sink))


def read(directory: Place, name: str) -> dict[str, Any]:
    """Return the record of a value, or `{"name": …, "problem": why it is not there}`; raise Unreadable."""
    text = content.read_small(file_of(directory, name), _MAX_RECORD)
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("its record is not JSON") from None
    if not isinstance(record, dict) or record.get("name") != name:
        raise Unreadable("its record is that of something else")
    if "problem" in record:
        return {"name": name, "problem": str(record["problem"])[:MAX_PROBLEM]}
    for form in forms_in(record):
        _check(form, name)
    return record


def forms_in(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the forms in which a record says that its value is there, the best one first."""
    others = record.get("alternatives", [])
    return [record, *(others if isinstance(others, list) else [])]


def _check(form: Any, name: str) -> None:
    """Raise Unreadable unless this says what it must, in the right types, and names its own content only."""
    if not isinstance(form, dict):
        raise Unreadable("its record is damaged")
    kind, size = form.get("format"), form.get("size")
    if not isinstance(kind, str) or kind not in ENDINGS:
        raise Unreadable(f"its format {shown(kind)} is not known to this version")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0 or not isinstance(form.get("sha256"), str):
        raise Unreadable("its record is damaged")
    if form.get("file") != content_of(name, kind):
        raise Unreadable(f"its record names the file {shown(form.get('file'))}, which is not that of its content")


def described(value: Any) -> dict[str, Any]:
    """Return what a record says of a value for people."""
    kind = type(value)
    shape: Any = getattr(value, "shape", None)
    if _is_picture(value):
        shape = [value.height, value.width]
    elif isinstance(value, (str, bytes, bytearray, list, tuple, set, frozenset, dict)):
        shape = [len(value)]
    known = isinstance(shape, (list, tuple)) and all(isinstance(side, int) for side in shape)
    dtype = getattr(value, "dtype", None)
    return {
        "type": kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}",
        "shape": list(shape) if known else None,
        "dtype": None if dtype is None else str(dtype)[:200],
    }


def _is_picture(value: object) -> bool:
    if "PIL.Image" not in sys.modules:
        return False
    from . import pictures

    return pictures.is_picture(value)


def versions() -> dict[str, str]:
    """Return the versions of what is loaded here and may have made the value."""
    found = {package: getattr(sys.modules.get(package), "__version__", None) for package in _PACKAGES}
    known = {package: version for package, version in found.items() if isinstance(version, str)}
    return {"python": sys.version.split()[0], **known}
