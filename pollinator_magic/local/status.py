"""How an embedded colony is: what `%pollinator local status` shows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pollinator_magic.colonies.models import Statistics


@dataclass(frozen=True)
class LocalStatus:
    """How the embedded colony is."""

    home: Path
    running: bool
    pid: int | None = None
    port: int | None = None
    version: str = ""
    uptime_s: float | None = None
    counts: Statistics | None = None
    """None if it does not run."""
    files: int | None = None
    """How many revisions of files there are; None if it does not run."""
    s3_port: int | None = None
    """Where its objects are served over S3, None while they are not."""
    disk: Mapping[str, int] = field(default_factory=dict)
    """What its home takes, in bytes, by kind: objects, database, cfs, logs, other."""

    @property
    def disk_bytes(self) -> int:
        """What everything in its home takes."""
        return sum(self.disk.values())


def bytes_of(paths: Iterable[Path]) -> int:
    """Return what these files and directories take, with all that is in them; any of it may go away meanwhile."""
    return sum(_bytes(str(path)) for top in paths for path in (top, *_below(top)))


def _below(top: Path) -> Iterator[str]:
    # Not rglob: before Python 3.12 it raises where a directory goes away while it is walked.
    for directory, directories, names in os.walk(top):
        yield from (f"{directory}/{name}" for name in (*directories, *names))


def _bytes(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
