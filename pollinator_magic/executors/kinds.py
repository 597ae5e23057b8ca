"""The kinds of engines there are: those of this package, and those that a site has installed beside it.

A kind is found by an entry point of the group `pollinator_magic.engines`, which names an `EngineKind`. Its module is
imported when somebody asks for it, so it may be slow to import, but should not need what is not installed: `check` says
what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from pollinator_magic.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pollinator_magic.executors.engine import Engine

GROUP = "pollinator_magic.engines"

FilePath = Annotated[str, msgspec.Meta(extra={"path": "any"})]
"""The type of a setting that is the path of a file or a directory; empty for none.

The engine is given an absolute one: a relative path is seen from the file that it is written in, or from the current
directory if it is an option of the command line (see `paths`).
"""
Program = Annotated[str, msgspec.Meta(extra={"path": "program"})]
"""The type of a setting that is the name of a program, or, if there is a slash in it, such a path."""


class Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """What a site sets for an engine: the table of the engine's name in the executor's TOML file.

    Each field has a default and, by `Annotated[…, msgspec.Meta(description=…)]`, a sentence that says what it means. A
    field of a plain type (text, number, yes or no) is an option of the command line too. `__post_init__` raises
    ValueError, in the user's words, where values contradict each other. A subclass says `frozen=True` again, for type
    checkers.
    """


@dataclass(frozen=True)
class Finding:
    """What was found when an engine was checked."""

    what: str
    """What was looked at and what it is like: `slurm 22.05.8, 4 nodes in partition batch`."""
    good: bool = True
    remedy: str = ""
    """What to do about it, where it is not good."""
    fatal: bool = True
    """Whether no job can run while it is not good."""


@dataclass(frozen=True)
class EngineKind:
    """A kind of engine: what it is called, what can be set, how one is made and checked."""

    name: str
    summary: str
    """One line for the help: where jobs run."""
    settings: type[Settings]
    make: Callable[[Any, Path], Engine]
    """From settings and the directory of the jobs' files (`fs_dir`), which jobs see as their mount, to an engine."""
    check: Callable[[Any, Path], Iterable[Finding]]
    """Look at everything that jobs will need, without starting one, as it is found out; nothing is changed."""


def names() -> list[str]:
    """Return the names of all kinds that are installed."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def kind(name: str) -> EngineKind:
    """Return the kind of this name; raise ConfigurationError if there is none, or it cannot be loaded."""
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        raise ConfigurationError(f"There is no engine {name!r}, only {', '.join(names())}.")
    try:
        loaded = found.load()
    except ImportError as error:
        raise ConfigurationError(f"The engine {name!r} cannot be loaded: {error}. Install what it needs.") from error
    except Exception as error:  # a package of somebody else may raise anything
        raise ConfigurationError(
            f"The engine {name!r} cannot be loaded: {type(error).__name__}: {error}. Its package has to be mended."
        ) from error
    if not isinstance(loaded, EngineKind):
        raise ConfigurationError(f"The entry point {found.value!r} is no EngineKind. Its package has to be mended.")
    return loaded
