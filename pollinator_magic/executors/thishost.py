"""What this host has, for the engines that run jobs on it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from typing import TYPE_CHECKING

import psutil

from pollinator_magic.colonies.models import Gpu, Hardware
from pollinator_magic.executors.amounts import MEBIBYTE
from pollinator_magic.executors.engine import Capacity

if TYPE_CHECKING:
    from pathlib import Path


def cores() -> int:
    """Return how many processors this host has."""
    return os.cpu_count() or 1


def capacity(cpu_millis: int | None = None, memory_bytes: int | None = None) -> Capacity:
    """Return the processors and the memory of this host, unless less was given."""
    return Capacity(
        cores() * 1000 if cpu_millis is None else cpu_millis,
        psutil.virtual_memory().total if memory_bytes is None else memory_bytes,
    )


def hardware(offered: Capacity, fs_dir: Path, gpu: Gpu | None = None) -> Hardware:
    """Describe this host with what it offers to jobs; their files lie in `fs_dir`."""
    return Hardware(
        model=platform.processor() or platform.machine(),
        nodes=1,
        cpu=f"{offered.cpu_millis}m",
        cores=cores(),
        mem=f"{(offered.memory_bytes or 0) // MEBIBYTE}Mi",
        storage=f"{shutil.disk_usage(fs_dir).total // MEBIBYTE}Mi",
        gpu=gpu or Gpu(mem="0Mi"),
        platform=platform.system().lower(),
        architecture=platform.machine(),
    )


def free_port() -> int:
    """Return a port of this host that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
