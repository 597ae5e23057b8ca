"""`python -m pollinator_magic …` as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PROGRAM = (sys.executable, "-m", "pollinator_magic")
WAIT_S = 90


@dataclass(frozen=True)
class CommandLine:
    """A terminal: a directory and an environment."""

    directory: Path
    environment: Mapping[str, str]

    def __call__(
        self, *words: str, before: Callable[[], None] | None = None, **variables: str | None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end. A variable that is None is not set; `before` is called in the new process."""
        return subprocess.run(
            [*PROGRAM, *words],
            cwd=self.directory,
            env=self.with_variables(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            preexec_fn=before,
        )

    def start(self, *words: str, **options: object) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(
            [*PROGRAM, *words],
            **{
                "cwd": self.directory,
                "env": dict(self.environment),
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )

    def with_variables(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        """Return the environment with these variables."""
        return {name: value for name, value in {**self.environment, **variables}.items() if value is not None}
