"""Packages for some processes only: each set in a directory of its own, which is put in front of their path.

A set is installed once for each Python and kept between runs. What the packages need besides is not installed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

_DIRECTORY = Path(__file__).parents[1] / "build" / "overlays"


def overlay(name: str, packages: tuple[str, ...]) -> Path:
    """Return the directory with these packages (`name==version`), made if need be; `name` tells sets apart."""
    directory = _DIRECTORY / f"{name}-{sys.implementation.cache_tag}"
    _DIRECTORY.mkdir(parents=True, exist_ok=True)
    with FileLock(_DIRECTORY / f"{directory.name}.lock"):
        if not directory.exists():
            partial = directory.with_name(f"{directory.name}.part")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
            command += ["--disable-pip-version-check", "--target", str(partial), *packages]
            subprocess.run(command, check=True)
            partial.rename(directory)
    return directory
