"""Which version of this package is installed: a daemon of another version is replaced when it is idle."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("pollinator-magic")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "0"
