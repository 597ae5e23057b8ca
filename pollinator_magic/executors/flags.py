"""Settings as options of the command line: one for each that is a single word, made from the Structs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import inspect

from pollinator_magic.executors import tables
from pollinator_magic.executors.configuration import EXECUTOR, ExecutorSettings

if TYPE_CHECKING:
    from pollinator_magic.executors.kinds import EngineKind, Settings


@dataclass(frozen=True)
class Option:
    """A plain setting as an option of the command line."""

    flag: str
    """With its dashes."""
    table: str
    field: inspect.Field

    @property
    def kind(self) -> inspect.Type:
        """What type its value has."""
        return tables.bare(self.field.type)

    @property
    def destination(self) -> str:
        """How a parser keeps its value."""
        return self.field.name if self.table == EXECUTOR else f"{self.table}.{self.field.encode_name}"

    @property
    def help(self) -> str:
        """What it means, and what it is by default."""
        default = "" if self.is_switch else tables.default(self.field)
        meaning = tables.description(self.field)
        return f"{meaning.removesuffix('.')} (by default {default})." if default else meaning

    @property
    def is_switch(self) -> bool:
        """Whether it is given without a value."""
        return isinstance(self.kind, inspect.BoolType)

    @property
    def choices(self) -> tuple[str, ...] | None:
        """The values that there are, if they can be counted."""
        return tuple(map(str, self.kind.values)) if isinstance(self.kind, inspect.LiteralType) else None

    @property
    def metavar(self) -> str:
        """What stands for its value in the help."""
        return tables.placeholder(self.field)


def options(kind: EngineKind | None) -> list[Option]:
    """Return an option for each plain setting, of every executor and of this kind of engine.

    One of the engine's that has the name of a general one gets the engine's name before it: `--slurm-name`.
    """
    found = [Option(f"--{field.encode_name}", EXECUTOR, field) for field in _plain_fields(ExecutorSettings)]
    taken = {option.flag for option in found} | {"--help", "--config", "--check"}
    for field in _plain_fields(kind.settings) if kind else ():
        flag = f"--{field.encode_name}"
        assert kind is not None  # noqa: S101  for the type checker
        found.append(Option(f"--{kind.name}-{field.encode_name}" if flag in taken else flag, kind.name, field))
    return found


def _plain_fields(settings: type[Settings]) -> list[inspect.Field]:
    return [field for field in tables.fields(settings) if tables.is_plain(field.type)]
