"""Builds the JupyterLab extension again, and fails if what was there, and is committed, differs in any byte."""

from __future__ import annotations

import sys
from pathlib import Path

import npm

BUILT = Path(__file__).parents[2] / "pollinator_magic" / "_labextension"


def contents() -> dict[str, bytes]:
    """Return every file of what is built."""
    return {file.relative_to(BUILT).as_posix(): file.read_bytes() for file in BUILT.rglob("*") if file.is_file()}


def main() -> int:
    """Leave the new build in place."""
    before = contents()
    status = npm.run("run", "--silent", "build:prod")
    if status:
        return status
    after = contents()
    different = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if not different:
        return 0
    print(
        "pollinator_magic/_labextension was not what labextension/ gives. It is now: commit it. These files differ:",
        *different,
        sep="\n  ",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
