"""Values in files, the same on both sides: what `--in` and `--out` carry, and the value of a cell's last expression.

A value is a content and a record of it (see `records`). Reading runs no code, needs no more memory than the content has
bytes, times a constant, and believes nothing that the record says without checking it.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from . import arrays, content, pictures, plain, records, tables, trees
from .forms import Form, forms_of
from .problems import TooLarge, Unreadable, Unsupported, shown

if TYPE_CHECKING:
    import os

__all__ = ["TooLarge", "Unreadable", "Unsupported", "check", "formats", "load", "read_record", "save", "save_problem"]


def formats() -> list[str]:
    """Return the formats that this side reads; nothing is imported for it."""
    has = {name for name in ("numpy", "pandas", "PIL") if importlib.util.find_spec(name) is not None}
    found = ["json", "text", "bytes", "tree"]
    found += ["npy"] if "numpy" in has else []
    found += ["columns"] if "pandas" in has else []
    found += ["parquet"] if tables.has_pyarrow() else []
    found += ["image"] if "PIL" in has else []
    return found


def check(value: Any, *, reads: list[str] | None = None, allow_pickle: bool = False, limit: int | None = None) -> None:
    """Raise Unsupported or TooLarge where `save` would before it writes; nothing is written."""
    forms_of(value, reads, allow_pickle=allow_pickle, limit=limit)


def save(
    value: Any,
    directory: str | os.PathLike[str],
    name: str,
    *,
    reads: list[str] | None = None,
    allow_pickle: bool = False,
    limit: int | None = None,
    keep: bool = False,
) -> dict[str, Any]:
    """Write a value and its record into `directory`, which is made if it is missing; return the record.

    `reads` are the `formats` of whoever will read it, None if that is not known. With `keep`, what is there already
    and is equal is not written again. Raises Unsupported, TooLarge for more than `limit` bytes, and OSError.
    """
    where = Path(directory)
    if not records.is_name(name):
        raise Unsupported("its name cannot be that of a file")
    forms = forms_of(value, reads, allow_pickle=allow_pickle, limit=limit)
    about = records.described(value)
    if keep:
        equal = _equal_record(where, name, about, forms)
        if equal is not None:
            return equal
    where.mkdir(parents=True, exist_ok=True)
    content.remove(records.file_of(where, name))  # first: it must never describe another content
    written = [
        form.about(name, content.store(where / records.content_of(name, form.kind), form.write, limit))
        for form in forms
    ]
    record = {**written[0], "name": name, **about, "versions": records.versions()}
    if written[1:]:
        record["alternatives"] = written[1:]
    records.write(where, record)
    return record


def save_problem(directory: str | os.PathLike[str], name: str, problem: str) -> dict[str, Any]:
    """Write a record that says why a value is not there; `load` raises Unreadable with it."""
    where = Path(directory)
    where.mkdir(parents=True, exist_ok=True)
    record = {"name": name, "problem": problem[: records.MAX_PROBLEM]}
    records.write(where, record)
    return record


def load(directory: str | os.PathLike[str], name: str, *, allow_pickle: bool = False) -> Any:
    """Return a value that was saved; raise Unreadable.

    Its content is checked against the size and the SHA-256 in its record before anything else looks at it.
    """
    where = Path(directory)
    record = read_record(where, name)
    if "problem" in record:
        raise Unreadable(record["problem"])
    readable = [*formats(), *(["pickle"] if allow_pickle else [])]
    form = next((form for form in records.forms_in(record) if form["format"] in readable), record)
    _require(form["format"], readable)
    path = where / form["file"]
    content.check(path, form["size"], form["sha256"])
    try:
        with path.open("rb") as file:
            return _read(file, form)
    except MemoryError:
        raise Unreadable("there is not enough memory for it") from None
    except OSError as error:
        raise Unreadable(f"its content cannot be read ({error.strerror})") from None


def read_record(directory: str | os.PathLike[str], name: str) -> dict[str, Any]:
    """Return the record of a value, or `{"name": …, "problem": why it is not there}`; raise Unreadable."""
    return records.read(Path(directory), name)


def _equal_record(directory: Path, name: str, about: dict[str, Any], forms: list[Form]) -> dict[str, Any] | None:
    """Return the record that is there if it, and the size of each content, are those of the value."""
    try:
        record = read_record(directory, name)
    except Unreadable:
        return None
    before = records.forms_in(record)
    if "problem" in record or [form["format"] for form in before] != [form.kind for form in forms]:
        return None
    if any(not content.is_stored(directory / form["file"], form["size"]) for form in before):
        return None
    if any(record.get(key) != said for key, said in about.items()):  # then its content need not be hashed
        return None
    now = [form.about(name, content.measure(form.write)) for form in forms]
    same = all(old.items() >= new.items() for old, new in zip(before, json.loads(json.dumps(now))))
    return record if same else None


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


def _unpickle(file: BinaryIO, _: int, __: Any) -> Any:
    try:
        return pickle.load(file)  # noqa: S301  both sides have asked for it by name
    except Exception as error:  # noqa: BLE001  a pickle can raise anything
        raise Unreadable(f"it cannot be unpickled here ({type(error).__name__}: {shown(error)})") from None


_READERS = {
    "text": _read_text,
    "bytes": lambda file, _, as_: bytearray(file.read()) if as_ == "bytearray" else file.read(),
    "json": lambda file, size, _: trees.read_json(file, size),
    "tree": lambda file, size, _: trees.read_tree(file, size),
    "columns": lambda file, size, _: trees.read_tree(file, size),
    "npy": lambda file, size, _: arrays.read_array(file, size),
    "image": lambda file, _, __: pictures.read_picture(file),
    "parquet": _read_parquet,
    "pickle": _unpickle,
}
