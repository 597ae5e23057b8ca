"""What jobs on this host will need, looked at one after the other."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from pollinator_magic.executors import thishost
from pollinator_magic.executors.amounts import MEBIBYTE
from pollinator_magic.executors.kinds import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pollinator_magic.executors.process.settings import ProcessSettings


def check(settings: ProcessSettings, fs_dir: Path) -> Iterator[Finding]:  # noqa: ARG001  every kind is asked alike
    """Yield what was found."""
    if os.name != "posix":
        yield Finding("this is not a POSIX system", good=False, remedy="Use Linux or macOS.")
        return
    offered, whole = thishost.capacity(settings.cpu_millis, settings.memory_bytes), thishost.capacity()
    cpu_millis, memory_bytes = offered.cpu_millis or 0, offered.memory_bytes or 0
    yield Finding(f"{cpu_millis / 1000:g} processors, {memory_bytes // MEBIBYTE} MiB of memory for jobs")
    cores, memory = thishost.cores(), whole.memory_bytes or 0
    if cpu_millis > cores * 1000 or memory_bytes > memory:
        yield Finding(
            f"that is more than this host has: {cores} processors and {memory // MEBIBYTE} MiB",
            good=False,
            remedy="Lower cpu or memory in [process], or jobs will slow each other down.",
            fatal=False,
        )
    python = shutil.which("python3") or "python3"
    if not _works(python, "-c", "import ensurepip, venv"):
        yield Finding(
            f"{python} cannot make virtual environments, which jobs with an init-cmd run in",
            good=False,
            remedy="Install what is missing: on Debian and Ubuntu, python3-venv.",
            fatal=False,
        )
    if os.geteuid() == 0:
        yield Finding(
            "jobs would run as root, without isolation",
            good=False,
            remedy="Start the executor as a user of its own.",
            fatal=False,
        )


def _works(*command: str) -> bool:
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False
