"""Makes a virtual environment on top of another one. Run by the interpreter below it, whatever its version.

    PYTHON overlay_maker.py DIRECTORY

What is installed below stays visible and is never changed: pip installs into the directory, which comes first.
Standard library only; prints nothing unless it fails.
"""

from __future__ import annotations

import importlib.util
import site
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

_PIP = '#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n'


def main(directory: Path) -> None:
    """Create the environment and make the packages of this interpreter visible in it."""
    has_pip = importlib.util.find_spec("pip") is not None
    try:
        venv.EnvBuilder(symlinks=True, with_pip=not has_pip, clear=True).create(directory)
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"{sys.executable} cannot make an environment in which packages can be installed: {error}")
    candidates = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        candidates.append(site.getusersitepackages())
    below = [path for path in dict.fromkeys(candidates) if path in sys.path]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    # addsitedir, because a plain path would not follow the .pth files there (editable installations)
    lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in below)
    (directory / "lib" / version / "site-packages" / "_packages_below.pth").write_text(lines, encoding="utf-8")
    for name in ("pip", "pip3"):
        program = directory / "bin" / name
        if not program.exists():
            program.write_text(_PIP, encoding="utf-8")
            program.chmod(0o755)


if __name__ == "__main__":
    sys.path.pop(0)  # the directory of this file
    main(Path(sys.argv[1]))
