"""Reads the contents of values, by what their records say."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from . import arrays, content, pickles, pictures, plain, records, tables, trees
from .problems import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .content import Place


def formats() -> list[str]:
    """Return the formats that this side reads; nothing is imported for it."""
    has = {name for name in ("numpy", "pandas", "PIL") if importlib.util.find_spec(name) is not None}
    found = ["json", "text", "bytes", "tree"]
    found += ["npy"] if "numpy" in has else []
    found += ["columns"] if "pandas" in has else []
    found += ["parquet"] if tables.has_pyarrow() else []
    found += ["image"] if "PIL" in has else []
    return found


def load(directory: Place, record: dict[str, Any], *, allow_pickle: bool) -> Any:
    """Return the value that a record describes; raise Unreadable."""
    readable = [*formats(), *(["pickle"] if allow_pickle else [])]
    form = next((form for form in records.forms_in(record) if form["format"] in readable), record)
    _require(form["format"], readable)
    path = os.path.join(directory, form["file"])
    content.check(path, form["size"], form["sha256"])
    try:
        with open(path, "rb") as file:
            return _read(file, form)
    except MemoryError:
        raise Unreadable("there is not enough memory for it") from None
    except OSError as error:
        raise Unreadable(f"its content cannot be read ({error.strerror})") from None


def _require(form: str, readable: list[str]) -> None:
    """Raise Unreadable, saying what to do, if this side does not read a format."""
    if form in readable:
        return
    if form == "pickle":
        raise Unreadable("it is a pickle, which can run any code when it is read: allow it with --allow-pickle")
    if form == "parquet":
        raise Unreadable(f"it is in Parquet, and reading it needs {tables.NEEDED}")
    arrays.imported({"npy": "numpy", "columns": "pandas", "image": "PIL"}[form])


def _read(file: BinaryIO, form: dict[str, Any]) -> Any:
    """Return the value of a content that was checked; raise Unreadable, MemoryError or OSError."""
    return _READERS[form["format"]](file, form["size"], form.get("as"))


def _read_text(file: BinaryIO, _: int, __: Any) -> Any:
    try:
        return file.read().decode()
    except UnicodeDecodeError:
        raise Unreadable("its content is not text in UTF-8") from None


def _read_parquet(file: BinaryIO, _: int, as_: Any) -> Any:
    if as_ == "table":
        return tables.read_table(file)
    frame = tables.read_frame(file)
    if not isinstance(as_, dict):
        return frame
    try:
        series = frame["values"]
        series.name = plain.decode(as_["series"])
    except (KeyError, TypeError):
        raise Unreadable("its content is not the series that its record says it is") from None
    return series


_READERS: dict[str, Callable[[BinaryIO, int, Any], Any]] = {
    "text": _read_text,
    "bytes": lambda file, _, as_: bytearray(file.read()) if as_ == "bytearray" else file.read(),
    "json": lambda file, size, _: trees.read_json(file, size),
    "tree": lambda file, size, _: trees.read_tree(file, size),
    "columns": lambda file, size, _: trees.read_tree(file, size),
    "npy": lambda file, size, _: arrays.read_array(file, size),
    "image": lambda file, _, __: pictures.read_picture(file),
    "parquet": _read_parquet,
    "pickle": lambda file, _, __: pickles.read(file),
}
