"""Makes relative paths in settings absolute, wherever a kind of engine says that a setting is one (`FilePath`).

What an engine starts runs elsewhere, so that a path has to be found from everywhere; `~` is the home directory.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import inspect

from pollinator_magic.executors import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import msgspec


def seen_from(directory: Path, settings: type[msgspec.Struct], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table whose relative paths are seen from a directory; what is wrong in it stays as it is."""
    kinds = {field.encode_name: field.type for field in tables.fields(settings)}
    return {
        name: setting_seen_from(directory, kinds[name], value) if name in kinds else value
        for name, value in table.items()
    }


def setting_seen_from(directory: Path, kind: inspect.Type, value: object) -> object:
    """Return the value of a setting of this type, with its paths."""
    for mark, one in _alternatives(kind):
        if isinstance(value, str) and mark:
            return value if mark == "program" and "/" not in value else _absolute(directory, value)
        if isinstance(value, dict) and isinstance(one, inspect.StructType):
            return seen_from(directory, one.cls, value)
        if isinstance(value, dict) and isinstance(one, inspect.DictType):
            return {name: setting_seen_from(directory, one.value_type, item) for name, item in value.items()}
        if isinstance(value, list) and isinstance(one, tables.LISTS):
            return [setting_seen_from(directory, one.item_type, item) for item in value]
    return value


def _alternatives(kind: inspect.Type, mark: str = "") -> Iterator[tuple[str, inspect.Type]]:
    """Yield what a value may be, with the mark that is on it."""
    if isinstance(kind, inspect.Metadata):
        yield from _alternatives(kind.type, (kind.extra or {}).get("path", mark))
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _alternatives(one, mark)
    else:
        yield mark, kind


def _absolute(directory: Path, text: str) -> str:
    if not text:
        return text
    home = text
    with suppress(ValueError):  # a user whose name no user can have; one that there is not stays as it stands
        home = os.path.expanduser(text)  # noqa: PTH111  Path.expanduser raises where there is no such user
    return str(directory / home)
