"""How an embedded colony is: what `%pollinator local status` shows."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
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
    """Return what these files and directories take, with all that is in them."""
    total = 0
    for top in paths:
        for path in (top, *top.rglob("*")):
            with contextlib.suppress(OSError):  # it may go away meanwhile
                total += path.lstat().st_size
    return total
