"""What a sweep varies: the values of `--each`, the rows of `--map`, and how one job of it is told its own.

A parameter set is a mapping of names to JSON values. It travels as one environment variable that the runner turns into
variables of the cell; for programs in other languages each value that survives every executor is also an environment
variable of its own name.

Written values (`lr=0.1,0.01`) and cells of tables are read by one rule: `3` is an int; `0.1`, `1e-3` and `5.` are
floats; `true`, `false` and `none` are what they say; anything else is text, `007` and `nan` too, and what is in quotes.
"""

from __future__ import annotations

import base64
import itertools
import json
import keyword
import math
import re
import sys
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pollinator_magic.errors import UsageError
from pollinator_magic.project.naming import is_plain, variable_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VARIABLE = "POLLINATOR_PARAMETERS"
"""The environment variable: base64url of a JSON object in UTF-8, without padding."""
MOST_JOBS = 1000
_COUNTLESS = 10**100
_LARGEST = 32 * 1024  # bytes of base64 in one variable; a system takes 128 KiB, but batch scripts carry several
_EXAMPLE = "For example: --each lr=0.1,0.01 seed=1:5"
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_WORDS: dict[str, object] = {"true": True, "false": False, "none": None}
_QUOTED = re.compile(r"""\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)')\s*(?:,|$)""")
# What the system, the shell, Python, the batch system and the executor rely on in the environment of a job.
_RESERVED = re.compile(
    r"PATH|HOME|SHELL|IFS|ENV|PWD|OLDPWD|CDPATH|USER|LOGNAME|HOSTNAME|TMPDIR|TMP|TEMP|UID|EUID|PPID|SHELLOPTS|LANG"
    r"|PROJECT_DIR|__.*|(?:LD_|DYLD_|LC_|BASH|PYTHON|COLONIES_|POLLINATOR_|SLURM_|AWS_|PMI|OMPI_).*",
    re.DOTALL,
)


def combinations(each: Sequence[str]) -> list[dict[str, object]]:
    """Return every combination of `NAME=VALUES`, the last name varying fastest.

    VALUES are separated by commas; one that holds a comma stands in quotes. `1:5` is 1, 2, 3, 4, 5 and `0:1:0.25`
    (start:stop:step) is 0.0, 0.25, 0.5, 0.75, 1.0: both ends belong to a range, and its steps are exact. Raises
    UsageError.
    """
    varied: dict[str, list[_Range | _Single]] = {}
    for text in each:
        name, equals, values = text.partition("=")
        if not equals:
            raise UsageError(f"--each {text!r} is not of the form NAME=VALUES. {_EXAMPLE}")
        name = checked_name(name.strip(), "--each")
        if name in varied:
            raise UsageError(f"--each varies {name!r} twice. Give it once, with all its values: {name}=1,2,3")
        varied[name] = _values(name, values)
    refuse_too_many(math.prod(sum(value.count for value in values) for values in varied.values()), "--each asks for")
    expanded = [[one for value in values for one in value] for values in varied.values()]
    return [dict(zip(varied, chosen, strict=True)) for chosen in itertools.product(*expanded)]


def crossed(rows: Sequence[Mapping[str, object]], each: Sequence[str]) -> list[dict[str, object]]:
    """Return each row of a table with each combination of `--each`; raise UsageError for a name that both have."""
    combined = combinations(each)
    for name in sorted(set(rows[0] if rows else ()) & set(combined[0])):
        raise UsageError(f"{name!r} is given by --map and by --each. Leave it out of one of them.")
    refuse_too_many(len(rows) * len(combined), "--map and --each together ask for")
    return [{**row, **combination} for row in rows for combination in combined]


def checked_name(name: str, asked_by: str) -> str:
    """Return the name of a parameter as Python spells it; raise UsageError for one that no variable can have.

    `asked_by` begins the message.
    """
    name = unicodedata.normalize("NFKC", name)  # Python does so too, with the micro sign for example
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{asked_by}: {name[:60]!r} cannot be the name of a variable. {_EXAMPLE}")
    if _RESERVED.fullmatch(name):
        raise UsageError(
            f"{asked_by}: {name!r} is not for parameters, which are environment variables too: the job would not run "
            "as it should. Take another name."
        )
    return name


def variables(parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the environment variables that tell a job its parameters.

    True and False read `true` and `false`, None is empty. Raises UsageError for what JSON cannot hold and for what is
    too large.
    """
    try:
        text = json.dumps(parameters, ensure_ascii=False, allow_nan=False, default=_plain_number)
        encoded = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"Parameters are numbers, text, true, false and none, and what JSON makes of them; "
            f"{describe(parameters)[:200].encode(errors='replace').decode()} cannot travel: {error}."
        ) from None
    if len(encoded) > _LARGEST:
        raise UsageError(
            f"The parameters of one job take {len(encoded) >> 10} KiB, and at most {_LARGEST >> 10} KiB can travel. "
            "Put large values into files in cfs/data and give their names."
        )
    own = {name: _environment_text(value) for name, value in json.loads(text).items()}
    plain = {name: value for name, value in own.items() if value is not None and variable_problem(name, value) is None}
    return {**plain, VARIABLE: encoded}


def parameters_of(environment: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the parameters in the environment of a job; none if it has none, or none that can be read."""
    encoded = (environment or {}).get(VARIABLE, "")
    try:
        found = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def describe(parameters: Mapping[str, object]) -> str:
    """Write a parameter set as one line, `lr=0.1 seed=2`."""
    return " ".join(f"{name}={describe_value(value)}" for name, value in parameters.items())


def describe_value(value: object) -> str:
    """Write one value, shortened where it is long."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else text[:59] + "…"


def typed(text: str) -> object:
    """Read one written value by the rule of this module."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if not _NUMBER.fullmatch(text):
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else text


def refuse_too_many(count: int, asks_for: str) -> None:
    """Raise UsageError if these are more jobs than are sent at once; `asks_for` begins the message."""
    if count > MOST_JOBS:
        shown = f"{count:,}" if count < _COUNTLESS else "countless"
        raise UsageError(
            f"{asks_for} {shown} jobs, and at most {MOST_JOBS:,} are sent at once. Give fewer values, or "
            "send them in parts."
        )


# --- values as they are written --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Single:
    value: object
    count = 1

    def __iter__(self) -> Iterator[object]:
        yield self.value


@dataclass(frozen=True)
class _Range:
    """Numbers from start to stop, both of them if the step leads there; the count is known before any is made."""

    start: Fraction
    stop: Fraction
    step: Fraction
    whole: bool

    @property
    def count(self) -> int:
        return (self.stop - self.start) // self.step + 1

    def __iter__(self) -> Iterator[object]:
        for number in range(self.count):
            value = self.start + number * self.step
            yield int(value) if self.whole else float(value)


def _values(name: str, text: str) -> list[_Range | _Single]:
    """Read the values of one name."""
    found: list[_Range | _Single] = []
    rest: str | None = text
    while rest is not None:
        if quoted := _QUOTED.match(rest):
            inside, quote = (quoted[1], '"') if quoted[1] is not None else (quoted[2], "'")
            found.append(_Single(inside.replace(quote * 2, quote)))
            rest = rest[quoted.end() :] if quoted[0].endswith(",") else None
            continue
        written, comma, behind = rest.partition(",")
        rest = behind if comma else None
        written = written.strip()
        if not written:
            raise UsageError(f"--each {name}={text[:100]} lacks a value. {_EXAMPLE}")
        if written[0] in "\"'":
            raise UsageError(
                f"--each {name}={text[:100]}: {written[:60]} is not a whole text in quotes. "
                f"For example: --each '{name}=\"a,b\",c'"
            )
        found.append(_range(name, written) or _Single(typed(written)))
    return found


def _range(name: str, text: str) -> _Range | None:
    """Read `start:stop` or `start:stop:step`; None for a text that is neither."""
    parts = [part.strip() for part in text.split(":")]
    if len(parts) not in {2, 3} or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    whole = all(_INTEGER.fullmatch(part) for part in parts)
    start, stop, step = (Fraction(part) for part in (*parts, "1")[:3])
    if not whole and max(abs(start), abs(stop)) > sys.float_info.max:
        raise UsageError(f"--each {name}={text}: its numbers are larger than a floating-point number can be.")
    if step == 0:
        raise UsageError(f"--each {name}={text}: the step must not be 0. For example: {name}=0:1:0.25")
    found = _Range(start, stop, step, whole)
    if (stop - start) * step < 0:
        back = f"{parts[0]}:{parts[1]}:{'-' if step > 0 else ''}{parts[2].lstrip('+-') if len(parts) == 3 else '1'}"
        raise UsageError(f"--each {name}={text} holds no value: its step leads away from {parts[1]}. Try {name}={back}")
    return found


def _plain_number(value: object) -> object:
    """Return the plain form of a NumPy number, which has no form of its own in JSON."""
    item = getattr(value, "item", None)
    if not callable(item):
        raise TypeError(f"{type(value).__name__} has no plain form")
    return item()


def _environment_text(value: object) -> str | None:
    """Return a value as other languages read it; None if not every executor would pass it on unchanged."""
    if value is None:
        return ""
    if not isinstance(value, (str, int, float)):
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text if is_plain(text) else None
