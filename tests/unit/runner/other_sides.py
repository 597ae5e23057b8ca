"""The other side of the codec: a Python of its own, with a copy of the runner as a job has it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pollinator_magic.runner

_ECHO = """\
import json, os, sys
source, here, there, hidden = sys.argv[1:5]
sys.path.insert(0, source)
for name in hidden.split():
    sys.modules[name] = None  # as if it were not installed
from job_runner import variables
said = {"formats": variables.formats(), "imported": sorted({"numpy", "pandas", "pyarrow", "PIL"} & set(sys.modules))}
for name in sorted(file[:-5] for file in os.listdir(here) if file.endswith(".json")):
    try:
        value = variables.load(here, name)
        said[name] = type(value).__name__
        variables.save(value, there, name)
    except (variables.Unreadable, variables.Unsupported) as error:
        said[name] = str(error)
print(json.dumps(said))
"""


def pythons() -> dict[str, str]:
    """Return the interpreters on this machine that a job may have, by version; this one always."""
    found = {}
    for python in sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python")):
        version = re.match(r"3\.(\d+)", python.parent.parent.name)
        if version and int(version[1]) >= 8:
            found[version[0]] = str(python)
    return {**found, f"3.{sys.version_info.minor}": sys.executable}


def echo(values: Path, directory: Path, *, python: str = sys.executable, bare: bool = False, hidden: str = "") -> dict:
    """Load all values on the other side, save them to `directory/back`, and return what was said of each.

    `bare` has nothing but the standard library; `hidden` names packages that are not there.
    """
    source = directory / "source"
    shutil.copytree(Path(pollinator_magic.runner.__file__).parent, source / "job_runner")
    options = ["-I", "-S"] if bare else ["-I"]
    ran = subprocess.run(
        [python, *options, "-c", _ECHO, str(source), str(values), str(directory / "back"), hidden],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "", ran.stderr
    return json.loads(ran.stdout)
