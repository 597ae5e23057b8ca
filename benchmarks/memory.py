"""How much memory something takes at most, above what was in use before."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

import psutil

_MEBIBYTE = 1024 * 1024
_STATUS = Path("/proc/self/status")


class Memory:
    """Resident memory of this process from now on."""

    def __init__(self) -> None:
        self.before_mib = psutil.Process().memory_info().rss / _MEBIBYTE
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far

    @property
    def peak_above_mib(self) -> float:
        """The peak since this object was made, above what was in use then."""
        return max(0.0, _peak_mib() - self.before_mib)


def _peak_mib() -> float:
    # On Linux ru_maxrss begins with the peak of the parent process, which is no business of ours.
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MEBIBYTE if sys.platform == "darwin" else peak / 1024
