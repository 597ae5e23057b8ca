"""How much the embedded colony keeps: `limits.yaml` in its home.

    jobs: 20000             ended jobs, with their logs and results; the oldest go first
    jobs_older: 90d         ended jobs that are older go
    logs: 4GiB              of all jobs together; the oldest jobs go
    files_older: 30d        snapshots, old revisions and results that no job refers to any more
    leftovers_older: 1d     contents that no file has, half-written ones, directories of jobs that were killed
    every: 1h               how often is looked

`never` or `0` turns a limit off. What the file does not say is as above; without it, everything is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pollinator_magic.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

HOUR_S = 3600
DAY_S = 24 * HOUR_S
_SIZE = re.compile(r"([0-9]{1,9})(Ki|Mi|Gi|Ti)B?")
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_OFF = frozenset({"never", "0"})
_SHORTEST = {"leftovers_older": HOUR_S, "every": 60}
"""A content is there before the file that has it, and a look at everything is not for nothing."""


@dataclass(frozen=True)
class Limits:
    """Ages are seconds, sizes bytes; None is no limit."""

    jobs: int | None = 20_000
    jobs_older: int | None = 90 * DAY_S
    logs: int | None = 4 << 30
    files_older: int | None = 30 * DAY_S
    leftovers_older: int | None = DAY_S
    every: int | None = HOUR_S


def read_limits(file: Path) -> Limits:
    """Read the limits, those by default if there is no such file; raise ConfigurationError that says what is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Limits()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{str(file)!r} cannot be read: {error}. Remove it to have the usual limits."
        ) from None
    import yaml

    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise ConfigurationError(
            f"{file.name}: this is not YAML{line}. Write lines such as `jobs_older: 90d`."
        ) from None
    if said is None:
        return Limits()
    if not isinstance(said, dict):
        raise ConfigurationError(f"{file.name}: write lines such as `jobs_older: 90d`, not {said!r}.")
    return Limits(**{str(key): _value(file.name, str(key), value) for key, value in said.items()})


def _value(file: str, key: str, value: object) -> int | None:
    known = [field.name for field in fields(Limits)]
    if key not in known:
        raise ConfigurationError(
            f"{file}: there is no limit {key!r}.{did_you_mean(key, known)} Known: {', '.join(known)}."
        )
    text = str(value).strip()
    if text in _OFF:
        return None
    if key == "jobs":
        if not text.isdecimal():
            raise ConfigurationError(f"{file}: jobs must be a whole number, or never, not {value!r}.")
        return int(text)
    if key == "logs":
        match = _SIZE.fullmatch(text)
        if not match:
            raise ConfigurationError(f"{file}: logs must be a size such as 500MiB or 4GiB, or never, not {value!r}.")
        return int(match[1]) * _UNITS[match[2]]
    from pollinator_magic.project.units import Malformed, parse_age  # the daemon starts without projects

    try:
        seconds = parse_age(text)
    except Malformed:
        raise ConfigurationError(
            f"{file}: {key} must be an age in s, m, h, d or w, such as 90d, or never, not {value!r}."
        ) from None
    if seconds < _SHORTEST.get(key, 0):
        raise ConfigurationError(f"{file}: {key} must be at least {_SHORTEST[key] // 60}m, not {value!r}.")
    return seconds
