"""Amounts as people write them in options, turned into what executors understand (protocol sections 6.3 and 12)."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from pollinator_magic.project.values import GpuRequest

MINIMUM_WALLTIME_S = 2  # the server's limit is one second shorter, and no time at all counts as expired
MAXIMUM_WALLTIME_S = 2**31 - 1
MAXIMUM_RANKS = 127  # more nodes, or processes on a node, are never assigned (protocol section 8)
_MINIMUM_CPU_M = 10  # executors want at least two digits before the `m`
_MAXIMUM_MEM_MI = 2**40

_WALLTIME = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")
_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_AMOUNT = r"([0-9]{1,12}(?:\.[0-9]{1,9})?)"
_CPU = re.compile(_AMOUNT + "(m?)")
_MEM = re.compile(_AMOUNT + "(Ki|Mi|Gi)")
_GPU = re.compile(r"(?:([A-Za-z0-9][A-Za-z0-9_.-]*):)?([0-9]{1,6})")
_WHOLE = re.compile(r"[+]?[0-9]{1,15}")


class Malformed(ValueError):
    """Not an amount. `problem` continues a sentence that begins with the key or option; `hint` is a sentence."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}. {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


def parse_count(text: str | int) -> int:
    """Read a positive whole number."""
    number = int(text) if _is_whole(text) else 0
    if number < 1:
        raise Malformed(f"must be a positive whole number, not {text!r}")
    return number


def parse_walltime(text: str | int) -> int:
    """Read a time of at least two seconds: `90`, `90s`, `10m`, `2h`, `1h30m`, `1d`; return whole seconds."""
    if _is_whole(text):
        seconds = int(text)
    else:
        match = _WALLTIME.fullmatch(text.strip()) if isinstance(text, str) and text.strip() else None
        if match is None:
            raise Malformed(f"{text!r} is not a time", "Use seconds, or d, h, m and s: 90, 10m, 2h, 1h30m, 1d.")
        days, hours, minutes, rest = (int(part or 0) for part in match.groups())
        seconds = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    problem = walltime_problem(seconds)
    if problem:
        raise Malformed(problem)
    return seconds


def walltime_problem(seconds: int) -> str | None:
    """Say what is wrong with a walltime, or return None."""
    if seconds < MINIMUM_WALLTIME_S:
        return f"must be at least {MINIMUM_WALLTIME_S} seconds, not {seconds}"
    if seconds > MAXIMUM_WALLTIME_S:
        return f"must be at most {MAXIMUM_WALLTIME_S} seconds, not {seconds}"
    return None


def parse_age(text: str) -> int:
    """Read how old something is, `12h`, `30d`, `8w`; return whole seconds."""
    match = _AGE.fullmatch(text.strip())
    if not match:
        raise Malformed(f"{text!r} is not an age", "Use s, m, h, d or w: 12h, 30d, 8w.")
    return int(match[1]) * _SECONDS[match[2]]


def parse_cpu(text: str) -> str:
    """Read a number of cores, `2`, `2.5` or `2000m`; return thousandths: `2000m`."""
    match = _CPU.fullmatch(text.strip())
    if not match:
        raise Malformed(f"{text!r} is not an amount of CPU", "Use cores or thousandths of a core, e.g. 2, 0.5 or 500m.")
    thousandths = math.ceil(Decimal(match[1]) * (1 if match[2] else 1000))
    if thousandths < _MINIMUM_CPU_M:
        raise Malformed(f"{text!r} is less than any executor grants", f"The least is {_MINIMUM_CPU_M}m.")
    return f"{thousandths}m"


def parse_mem(text: str) -> str:
    """Read an amount of memory, `512Mi`, `4Gi` or `1.5Gi`; return whole mebibytes, rounded up: `1536Mi`."""
    match = _MEM.fullmatch(text.strip())
    if not match:
        raise Malformed(f"{text!r} is not a memory size that executors understand", "Use Ki, Mi or Gi, e.g. 4Gi.")
    mebibytes = math.ceil(Decimal(match[1]) * {"Ki": 1, "Mi": 1024, "Gi": 1024**2}[match[2]] / 1024)
    if not 0 < mebibytes <= _MAXIMUM_MEM_MI:
        raise Malformed(f"must be more than nothing and less than an exbibyte, not {text!r}")
    return f"{mebibytes}Mi"


def parse_gpu(text: str | int) -> GpuRequest:
    """Read accelerators per node, `4` or `NAME:4`; `0` asks for none."""
    match = _GPU.fullmatch(str(text).strip())
    if not match:
        raise Malformed(f"{text!r} is not a number of GPUs", "Use N or NAME:N, e.g. 2 or nvidia_a100_80gb:2.")
    return GpuRequest(count=int(match[2]), name=match[1] or "")


def _is_whole(text: object) -> bool:
    if isinstance(text, int):
        return not isinstance(text, bool)
    return isinstance(text, str) and _WHOLE.fullmatch(text.strip()) is not None
