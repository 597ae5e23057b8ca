"""Tables of a TOML file against the Structs that say what may be in them: every problem, in the writer's words.

msgspec decides what is right. It stops at the first problem, though, and names types as programmers do; so a table is
gone through key by key here, and each value is put before msgspec alone.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import inspect

from pollinator_magic.errors import did_you_mean
from pollinator_magic.hidden import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PLAIN: dict[type[inspect.Type], tuple[type, str]] = {
    inspect.BoolType: (bool, "true or false"),
    inspect.IntType: (int, "a whole number"),
    inspect.FloatType: (float, "a number"),
    inspect.StrType: (str, "a text"),
}
_BOUNDS = {
    "ge": "of at least {}",
    "gt": "of more than {}",
    "le": "of at most {}",
    "lt": "of less than {}",
    "multiple_of": "that is a multiple of {}",
    "min_length": "of at least {} characters",
    "max_length": "of at most {} characters",
    "pattern": "that matches {}",
}
LISTS = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)
"""The types of lists, whose items have an `item_type`."""
_LONGEST_SHOWN = 60
_LARGEST_SHOWN = 10**20
_BARE = re.compile(r"[A-Za-z0-9_-]+")

At = tuple[str | int, ...]
"""The keys that lead to a value, from the name of the outermost table on; a number is that of an item of a list."""


def bare(kind: inspect.Type) -> inspect.Type:
    """Return a type without what is said about it, and without that it may be absent."""
    if isinstance(kind, inspect.Metadata):
        return bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        if len(others) == 1:
            return bare(others[0])
    return kind


def fields(settings: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    """Return what may be in a table."""
    info = inspect.type_info(settings)
    assert isinstance(info, inspect.StructType)  # noqa: S101  for the type checker: a Struct is one
    return info.fields


def description(field: inspect.Field) -> str:
    """Return what a field means, as its `Meta(description=…)` says it."""
    return _said(field, "description")


def default(field: inspect.Field) -> str:
    """Return a field's default as TOML writes it; nothing where that is empty."""
    value = field.default
    if value is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    return shown(value) if isinstance(value, str | int | float) and value != "" else ""


def placeholder(field: inspect.Field) -> str:
    """Return what stands for a plain value in a help: its `Meta(title=…)`, its choices, N for a number, or TEXT."""
    kind = bare(field.type)
    if isinstance(kind, inspect.LiteralType):
        return "|".join(map(str, kind.values))
    return _said(field, "title") or ("N" if isinstance(kind, inspect.IntType | inspect.FloatType) else "TEXT")


def _said(field: inspect.Field, about: str) -> str:
    said = field.type.extra_json_schema if isinstance(field.type, inspect.Metadata) else None
    return str((said or {}).get(about, ""))


def is_plain(kind: inspect.Type) -> bool:
    """Whether a value is one word: a text, a number, yes or no, one of some texts."""
    kind = bare(kind)
    return type(kind) in _PLAIN or isinstance(kind, inspect.LiteralType)


def from_text(kind: inspect.Type, text: str) -> object:
    """Return the plain value that a text means, or the text if it means none."""
    plain = _PLAIN.get(type(bare(kind)))
    if plain is None or plain[0] is str:
        return text
    try:
        return msgspec.convert(text, plain[0], strict=False)
    except msgspec.ValidationError:
        return text


def wanted(kind: inspect.Type) -> str:
    """Say what a value has to be."""
    kind = bare(kind)
    if type(kind) in _PLAIN:
        limits = _limits(kind)
        if {"ge", "le"} <= limits.keys():
            return f"{_PLAIN[type(kind)][1]} from {limits['ge']} to {limits['le']}"
        if limits == {"min_length": 1}:
            return f"{_PLAIN[type(kind)][1]} that is not empty"
        bounds = " and ".join(_BOUNDS[name].format(limit) for name, limit in limits.items())
        return f"{_PLAIN[type(kind)][1]} {bounds}".rstrip()
    if isinstance(kind, inspect.LiteralType):
        *most, last = map(repr, kind.values)
        return f"{', '.join(most)} or {last}" if most else last
    if isinstance(kind, inspect.DictType | inspect.StructType):
        return "a table"
    if isinstance(kind, LISTS):
        return f"a list, each item {wanted(kind.item_type)}"
    if isinstance(kind, inspect.UnionType):
        return ", or ".join(wanted(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    return "something else"


def problems(settings: type[msgspec.Struct], table: Mapping[str, Any], at: At) -> Iterator[tuple[At, str]]:
    """Yield where a table that is `at` this place is wrong, and what of it, to follow the place (see `place`)."""
    known = {field.encode_name: field for field in fields(settings)}
    for name, value in table.items():
        if name not in known:
            yield (*at, name), _unknown(name, list(known))
        else:
            yield from _wrong(known[name].type, value, (*at, name))
    for name, field in known.items():
        if field.required and name not in table:
            yield (*at, name), f"is missing: it must be {wanted(field.type)}."


def place(at: At) -> str:
    """Write a place for people: `[table.below] key, item 2`."""
    keys = [part if isinstance(part, int) else key(part) for part in at]
    first = next((number for number, part in enumerate(at) if isinstance(part, int)), len(at))
    rest = [f", item {part}" if isinstance(part, int) else f", {part}" for part in keys[first:]]
    return f"[{'.'.join(map(str, keys[: first - 1]))}] {keys[first - 1]}{''.join(rest)}"


def key(name: str) -> str:
    """Write a key as TOML would."""
    return name if _BARE.fullmatch(name) else repr(name)


def _unknown(name: str, known: list[str]) -> str:
    if is_secret(name):
        return (
            "is not known. Keys and passwords do not belong here: set them in the environment, or in a file that only "
            "you can read and that env-file names."
        )
    near = did_you_mean(name, known)
    listed = f" Known: {', '.join(known)}." if known else ""
    return f"is not known.{near or listed}"


def _wrong(kind: inspect.Type, value: object, at: At) -> Iterator[tuple[At, str]]:
    kind = bare(kind)
    if isinstance(kind, inspect.UnionType):
        choices = [list(_wrong(one, value, at)) for one in kind.types if not isinstance(one, inspect.NoneType)]
        if all(choices):  # none fits; one may fit but for something within
            yield from next((one for one in choices if at not in dict(one)), [(at, _mismatch(kind, value, at))])
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        yield from problems(kind.cls, value, at)
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for name, item in value.items():
            yield from _wrong(kind.value_type, item, (*at, name))
    elif isinstance(kind, LISTS) and isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _wrong(kind.item_type, item, (*at, number))
    elif not _fits(kind, value):
        yield at, _mismatch(kind, value, at)


def _mismatch(kind: inspect.Type, value: object, at: At) -> str:
    hidden = any(isinstance(part, str) and is_secret(part) for part in at[1:])
    if isinstance(kind, inspect.StrType) and isinstance(value, int | float) and not isinstance(value, bool):
        return f'must be {wanted(kind)}: write "{shown(value)}".'
    return f"must be {wanted(kind)}, not {'what is there' if hidden else shown(value)}."


def _fits(kind: inspect.Type, value: object) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    accepted: Any
    if isinstance(kind, inspect.LiteralType):
        accepted = Literal[kind.values]
    elif type(kind) in _PLAIN:
        accepted = Annotated[_PLAIN[type(kind)][0], msgspec.Meta(**_limits(kind))]
    else:  # what is neither a table nor a list is left to msgspec, which sees the whole table in the end
        return not isinstance(kind, (inspect.StructType, inspect.DictType, *LISTS))
    try:
        msgspec.convert(value, accepted)
    except msgspec.ValidationError:
        return False
    return True


def _limits(kind: inspect.Type) -> dict[str, Any]:
    return {name: limit for name in _BOUNDS if (limit := getattr(kind, name, None)) is not None}


def shown(value: object) -> str:
    """Write a value shortly, as TOML does."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str) or (isinstance(value, int) and abs(value) < _LARGEST_SHOWN):
        text = repr(value)
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    if isinstance(value, int):
        return "a number that large"
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return "a date or a time"
