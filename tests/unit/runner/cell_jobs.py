"""Cells as jobs of their own: the runner in its place, a real interpreter, and what came out of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pollinator_magic.runner
from pollinator_magic.jobs.events import Displayed, LogText, Raised
from pollinator_magic.jobs.stream import LogDecoder, plain

RUNNER = Path(pollinator_magic.runner.__file__).parent
WAIT_S = 60
_CLEAN = ("SLURM_", "OMPI_", "PMI", "POLLINATOR_", "PYTHON", "MPL", "PLOTLY")


@cache
def interpreters() -> dict[str, str]:
    """Return the interpreters of this machine by their version, this one always among them."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [*sorted(pyenv.glob("versions/*/bin/python")), *filter(None, map(shutil.which, _names()))]
    versions = {}
    for path in found:
        program = "import sys; print('%d.%d' % sys.version_info[:2])"
        result = subprocess.run([path, "-c", program], capture_output=True, text=True, timeout=WAIT_S, check=False)
        if result.returncode == 0:
            versions.setdefault(result.stdout.strip(), str(path))
    return {**versions, "{}.{}".format(*sys.version_info): sys.executable}


def _names() -> list[str]:
    return ["python2.7", *(f"python3.{minor}" for minor in range(5, 20))]


def modern() -> list[str]:
    """Return the versions that can run the runner."""
    return sorted((version for version in interpreters() if _number(version) >= (3, 8)), key=_number)


def oldest_newest_and_this() -> list[str]:
    """Return the versions between which the others lie, and the one that runs the tests."""
    return sorted({modern()[0], modern()[-1], "{}.{}".format(*sys.version_info)}, key=_number)


def ancient() -> list[str]:
    """Return the versions that cannot."""
    return [version for version in interpreters() if _number(version) < (3, 8)]


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    """As it was written, with the outputs in it."""
    stderr: str

    @property
    def events(self) -> list[LogText | Displayed | Raised]:
        decoder = LogDecoder()
        return [*decoder.feed(self.stdout, 0), *decoder.feed(self.stderr, 0), *decoder.finish()]

    @property
    def displayed(self) -> list[Displayed]:
        return [event for event in self.events if isinstance(event, Displayed)]

    @property
    def raised(self) -> Raised | None:
        return next((event for event in self.events if isinstance(event, Raised)), None)

    @property
    def printed(self) -> str:
        """What was printed, without outputs."""
        decoder = LogDecoder()
        events = [*decoder.feed(self.stdout, 0), *decoder.finish()]
        return "".join(event.text for event in events if isinstance(event, LogText))

    @property
    def readable(self) -> str:
        """What a plain log viewer shows of stdout."""
        return plain(self.stdout)

    @property
    def readable_errors(self) -> str:
        return plain(self.stderr)


class CellJob:
    """A job's directory, and the ways to run the cell in it."""

    def __init__(self, directory: Path, cell: str | bytes = "") -> None:
        self.directory = directory
        self.source = directory / "src/main.py"
        self.hidden = directory / "src/.pollinator"
        self.results = directory / "result"
        self.results.mkdir(parents=True)
        shutil.copytree(RUNNER, self.hidden / "runner", ignore=shutil.ignore_patterns("__pycache__"))
        self.write(cell)
        self.settings()

    def write(self, cell: str | bytes) -> None:
        self.source.write_bytes(cell.encode() if isinstance(cell, str) else cell)

    def settings(self, **settings: object) -> None:
        known = {"line_offset": 1, "outputs": [], "allow_pickle": False, "reads": ["json", "text"], **settings}
        (self.hidden / "run.json").write_text(json.dumps(known, indent=1))

    def file(self, name: str, content: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def run(self, *, python: str = sys.executable, merged: bool = False, **options) -> Outcome:
        """Run it as a job does."""
        return self._start([python, *options.pop("flags", ()), self._start_file(), "src/main.py"], merged, options)

    def run_as_script(self, *, python: str = sys.executable, merged: bool = False, **options) -> Outcome:
        """Run it as `python3 src/main.py` does."""
        return self._start([python, *options.pop("flags", ()), "src/main.py"], merged, options)

    def popen(self, *, python: str = sys.executable, env=(), **options) -> subprocess.Popen:
        command = [python, self._start_file(), "src/main.py"]
        return subprocess.Popen(command, cwd=self.directory, env=environment(env), **options)

    def record(self, name: str) -> dict:
        """Return what is known of a variable that came back."""
        return json.loads((self.results / ".pollinator" / f"{name}.json").read_text())

    def _start_file(self) -> str:
        return "src/.pollinator/runner/start.py"

    def _start(self, command, merged, options) -> Outcome:
        options = {
            "cwd": self.directory,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT if merged else subprocess.PIPE,
            **options,
            "env": environment(options.get("env", ())),
        }
        result = subprocess.run(command, timeout=WAIT_S, check=False, **options)
        return Outcome(result.returncode, _text(result.stdout), _text(result.stderr))


def environment(more=()) -> dict[str, str]:
    """Return this environment without what would tell a program that it is a rank, or change its interpreter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_CLEAN)}
    return {**kept, **dict(more)}


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "surrogateescape")


def as_cell_lines(text: str) -> str:
    """Return what the interpreter says about a script as it would be said about a cell."""
    pattern = r'File "[^"\n]*src/main\.py", line (\d+)(, in <module>)?'
    return re.sub(pattern, lambda found: f"Cell line {int(found[1]) + 1}", text)
