"""What an administrator sets for an executor: a TOML file, and options that go before it.

    [executor]              what every executor has: its name, where its files lie, how it reports
    [slurm]                 what its engine has, under the engine's name

Nothing in it is secret: keys come from the environment, or from a file that only its owner can read.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from pollinator_magic.errors import ConfigurationError, did_you_mean
from pollinator_magic.executors import tables
from pollinator_magic.executors.kinds import FilePath, Settings
from pollinator_magic.executors.paths import seen_from, setting_seen_from
from pollinator_magic.hidden import process_environment
from pollinator_magic.project.naming import executor_name_problem, is_encodable
from pollinator_magic.settings import read_env_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pollinator_magic.executors.flags import Option
    from pollinator_magic.executors.kinds import EngineKind

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

S = TypeVar("S", bound=Settings)

EXECUTOR = "executor"
"""The table that every executor has."""
_LARGEST_FILE = 1 << 20
_HOST_AND_PORT = re.compile(r"(?:(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]*):)?([0-9]{1,5})")
LOOPBACK = "127.0.0.1"


class ExecutorSettings(Settings, frozen=True):
    """What every executor has."""

    name: Annotated[str, Meta(title="NAME", description="Name of the executor in its colony.")] = ""
    type: Annotated[str, Meta(min_length=1, description="Type of the executor, which jobs can ask for.")] = (
        "container-executor"
    )
    fs_dir: Annotated[
        FilePath,
        Meta(title="DIR", description="Directory of the jobs' files; by default one below the user's data directory."),
    ] = ""
    env_file: Annotated[
        FilePath,
        Meta(
            title="FILE",
            description="File with COLONIES_* and AWS_S3_*, which go before those of the environment; nobody else may "
            "be able to read it.",
        ),
    ] = ""
    location: Annotated[str, Meta(description="Where the executor stands, as lists of executors show it.")] = ""
    poll_s: Annotated[int, Meta(ge=1, le=60, description="Seconds that one request waits for work, at most.")] = 5
    drain_s: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="Seconds that running jobs have to end when the executor is told to stop; by default 30 where "
            "they go on without it, else as many as they like.",
        ),
    ] = None
    metrics: Annotated[
        str,
        Meta(
            title="[HOST:]PORT",
            description="Where metrics are served, for this machine alone if no host is named; empty for none.",
        ),
    ] = ""
    log_format: Annotated[
        Literal["text", "json"], Meta(description="What standard error gets: lines to read, or a JSON object a line.")
    ] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")
    ] = "info"

    def __post_init__(self) -> None:
        """Refuse names, paths and addresses that are none."""
        for key in ("type", "fs_dir", "env_file", "location"):
            text = getattr(self, key)
            if not text.isprintable() or not is_encodable(text):
                raise ValueError(f"{key.replace('_', '-')} holds a character that it cannot have.")
        problem = executor_name_problem(self.name) if self.name else None
        if problem is None and Path(self.name).name != self.name:
            problem = f"holds {self.name!r}: it must not be a path"
        if problem:  # a colon would break the colony's listings for everybody
            raise ValueError(f"name {problem}. Give it another name.")
        if self.metrics:
            _ = self.metrics_address

    @property
    def metrics_address(self) -> tuple[str, int]:
        """Host and port that metrics are served at."""
        match = _HOST_AND_PORT.fullmatch(self.metrics)
        if not match or not 0 < int(match[2]) < 65536:
            raise ValueError(f"metrics must be HOST:PORT or PORT, such as 127.0.0.1:9464, not {self.metrics!r}.")
        return (match[1] or LOOPBACK).strip("[]"), int(match[2])


@dataclass(frozen=True)
class Configuration:
    """Everything that an executor is started with, but its keys."""

    kind: EngineKind
    executor: ExecutorSettings
    engine: Settings
    file: Path | None = None

    def environment(self) -> dict[str, str]:
        """Return the variables of this process, under those of the file that the settings name.

        Raises ConfigurationError if others can read that file.
        """
        environment = process_environment()
        if self.executor.env_file:
            environment |= read_env_file(private_file(Path(self.executor.env_file)))
        return environment


def configure(kind: EngineKind, file: Path | None, given: Iterable[tuple[Option, str | bool]] = ()) -> Configuration:
    """Read the file, if there is one, and put the options that were given before it.

    Raises ConfigurationError that names everything that is wrong, in both.
    """
    source = _Source(
        file,
        _read(file) if file else {},
        {(option.table, option.field.encode_name): (option, text) for option, text in given},
        [],
    )
    for name, value in source.contents.items():
        if name not in {EXECUTOR, kind.name}:
            near = did_you_mean(name, [EXECUTOR, kind.name])
            source.say(f"[{tables.key(name)}] does not belong to an executor of the kind {kind.name!r}.{near}")
        elif not isinstance(value, dict):
            source.say(f"{name} must be a table: write [{name}] and its settings below.")
    executor = source.table(ExecutorSettings, EXECUTOR)
    engine = source.table(kind.settings, kind.name)
    if executor is not None and not executor.name:
        source.wrong.append(
            f"The executor needs a name: give --name, or name in [{EXECUTOR}] of the file that --config names."
        )
    if source.wrong or executor is None or engine is None:
        raise ConfigurationError("\n".join(source.wrong))
    return Configuration(kind, executor, engine, file)


def private_file(path: Path) -> Path:
    """Return a path if nobody but this user (and root) can read or change the file there; else raise."""
    try:
        state = path.stat()
    except OSError as error:
        raise ConfigurationError(f"Cannot read the environment file {str(path)!r}: {error.strerror}.") from None
    if stat.S_IMODE(state.st_mode) & 0o077 or state.st_uid not in {0, os.geteuid()}:
        raise ConfigurationError(
            f"The environment file {str(path)!r} can be read or changed by others, and it may hold keys. "
            f"Make it yours alone: chmod 600 {path}"
        )
    return path


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise ConfigurationError(f"{str(file)!r} is too large for a configuration. Check --config.")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise ConfigurationError(
            f"Cannot read the configuration {str(file)!r}: {error.strerror}. Check --config."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file.name}: this is not TOML, because it is not UTF-8.") from None
    except (ValueError, RecursionError) as error:  # of tomllib, and of int for a number of thousands of digits
        reason = str(error) if isinstance(error, ValueError) else "too many brackets in each other"
        raise ConfigurationError(f"{file.name}: this is not TOML: {reason}.") from None


@dataclass
class _Source:
    """A file and options, and what is found to be wrong with them."""

    file: Path | None
    contents: Mapping[str, Any]
    given: Mapping[tables.At, tuple[Option, str | bool]]
    wrong: list[str]

    def table(self, settings: type[S], name: str) -> S | None:
        """Make the settings of one table and the options that go before it; None if something is wrong with them."""
        written = self.contents.get(name)
        values: dict[str, Any] = {}
        if self.file and isinstance(written, dict):
            values = seen_from(self.file.absolute().parent, settings, written)
        for (table, key), (option, text) in self.given.items():
            if table == name:
                value = tables.from_text(option.kind, text) if isinstance(text, str) else text
                values[str(key)] = setting_seen_from(Path.cwd(), option.field.type, value)
        wrong = [f"{self._place(at)} {what}" for at, what in tables.problems(settings, values, (name,))]
        self.wrong += wrong
        if wrong:
            return None
        try:
            return msgspec.convert(values, settings)
        except msgspec.ValidationError as error:
            self.say(f"[{name}] {_without_path(str(error))}")
            return None

    def say(self, problem: str) -> None:
        """Note that something in the file, or in the table that it could have, is wrong."""
        self.wrong.append(f"{self.file.name}: {problem}" if self.file else problem)

    def _place(self, at: tables.At) -> str:
        if at in self.given:
            return self.given[at][0].flag
        return f"{self.file.name}: {tables.place(at)}" if self.file else tables.place(at)


def _without_path(message: str) -> str:
    """Return what a Struct says of itself, with where that is in words: msgspec appends it as `- at `$.a.b``."""
    text, _, path = message.partition(" - at `$")
    below = path.rstrip("`").strip(".").replace("[...]", "")
    return f"{text.removesuffix('.')} (in {below})." if below else f"{text.removesuffix('.')}."
