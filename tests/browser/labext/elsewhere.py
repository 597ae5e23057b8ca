"""Jobs of the same user that are of no notebook."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.browser.jupyterlab import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.jupyterlab import Lab


def run_elsewhere(lab: Lab, project: Path, program: str) -> None:
    """Run a program as a job of a new project, by the command line, and wait until it has ended in whatever way."""
    project.mkdir()

    def pollinate(*arguments: str) -> None:
        command = [sys.executable, "-m", "pollinator_magic", *arguments]
        subprocess.run(command, cwd=project, env=environment(lab.home.parent), check=False, capture_output=True)

    pollinate("new", "-n", "local")
    (project / "cfs" / "src" / "main.py").write_text(program)
    pollinate("run", "--follow", "--get", "nothing")
