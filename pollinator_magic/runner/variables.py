"""Values in files, the same on both sides: what `--in` and `--out` carry, and the value of a cell's last expression.

A value is a content and a record of it (see `records`). Reading runs no code, needs no more memory than the content has
bytes, times a constant, and believes nothing that the record says without checking it.
"""

from __future__ import annotations

import json
import os

from . import content, records
from .forms import Form, forms_of
from .problems import TooLarge, Unreadable, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .content import Place

__all__ = ["TooLarge", "Unreadable", "Unsupported", "check", "formats", "load", "read_record", "save", "save_problem"]


def formats() -> list[str]:
    """Return the formats that this side reads; nothing that reads them is imported for it."""
    from . import reading  # here and below: a job that only writes has no use for what it takes to read

    return reading.formats()


def check(value: Any, *, reads: list[str] | None = None, allow_pickle: bool = False, limit: int | None = None) -> None:
    """Raise Unsupported or TooLarge where `save` would before it writes; nothing is written."""
    forms_of(value, reads, allow_pickle=allow_pickle, limit=limit)


def save(
    value: Any,
    directory: Place,
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
    if not records.is_name(name):
        raise Unsupported("its name cannot be that of a file")
    forms = forms_of(value, reads, allow_pickle=allow_pickle, limit=limit)
    about = records.described(value)
    if keep:
        equal = _equal_record(directory, name, about, forms)
        if equal is not None:
            return equal
    os.makedirs(directory, exist_ok=True)
    content.remove(records.file_of(directory, name))  # first: it must never describe another content
    written = [
        form.about(name, content.store(os.path.join(directory, records.content_of(name, form.kind)), form.write, limit))
        for form in forms
    ]
    record = {**written[0], "name": name, **about, "versions": records.versions()}
    if written[1:]:
        record["alternatives"] = written[1:]
    records.write(directory, record)
    return record


def save_problem(directory: Place, name: str, problem: str) -> dict[str, Any]:
    """Write a record that says why a value is not there; `load` raises Unreadable with it."""
    os.makedirs(directory, exist_ok=True)
    record = {"name": name, "problem": problem[: records.MAX_PROBLEM]}
    records.write(directory, record)
    return record


def load(directory: Place, name: str, *, allow_pickle: bool = False) -> Any:
    """Return a value that was saved; raise Unreadable.

    Its content is checked against the size and the SHA-256 in its record before anything else looks at it.
    """
    record = read_record(directory, name)
    if "problem" in record:
        raise Unreadable(record["problem"])
    from . import reading

    return reading.load(directory, record, allow_pickle=allow_pickle)


def read_record(directory: Place, name: str) -> dict[str, Any]:
    """Return the record of a value, or `{"name": …, "problem": why it is not there}`; raise Unreadable."""
    return records.read(directory, name)


def _equal_record(directory: Place, name: str, about: dict[str, Any], forms: list[Form]) -> dict[str, Any] | None:
    """Return the record that is there if it, and the size of each content, are those of the value."""
    try:
        record = read_record(directory, name)
    except Unreadable:
        return None
    before = records.forms_in(record)
    if "problem" in record or [form["format"] for form in before] != [form.kind for form in forms]:
        return None
    if any(not content.is_stored(os.path.join(directory, form["file"]), form["size"]) for form in before):
        return None
    if any(record.get(key) != said for key, said in about.items()):  # then its content need not be hashed
        return None
    now = [form.about(name, content.measure(form.write)) for form in forms]
    same = all(old.items() >= new.items() for old, new in zip(before, json.loads(json.dumps(now))))
    return record if same else None
