"""Which Python a job means by `python3`: a chosen interpreter, or an environment on top of it for what it installs.

A chosen interpreter is reached through small wrapper programs and not through links: a linked interpreter would not
find the packages of its virtual environment. Environments are kept, and shared by all jobs that install the same.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pollinator_magic.executors.process import overlay_maker

_KEEP_DAYS = 30
_PIP_WRAPPER = """\
#!/bin/sh
case "$1" in install|uninstall)
    echo "pip $1 would change your own environment. Let the job have the packages: --pip NAME or --init COMMAND." >&2
    exit 1
esac
exec {python} -m pip "$@"
"""


class Pythons:
    """The interpreters and environments of one executor, kept below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def wrappers(self, interpreter: str) -> Path:
        """Return a directory in which `python`, `python3`, `pip` and `pip3` are those of `interpreter`.

        This `pip` does not install: the interpreter is somebody's own.
        """
        directory = self._directory / ("use-" + _digest(interpreter))
        if directory.is_dir():
            return directory
        python = shlex.quote(interpreter)
        fresh = directory.with_name(f"{directory.name}.{os.getpid()}.{time.monotonic_ns()}")
        fresh.mkdir(parents=True)
        for names, text in (
            (("python", "python3"), f'#!/bin/sh\nexec {python} "$@"\n'),
            (("pip", "pip3"), _PIP_WRAPPER.format(python=python)),
        ):
            for name in names:
                (fresh / name).write_text(text, encoding="utf-8")
                (fresh / name).chmod(0o755)
        try:
            fresh.rename(directory)
        except OSError:  # another job was faster
            shutil.rmtree(fresh)
        return directory

    def overlay(self, interpreter: str, digest: str) -> Overlay:
        """Return the environment on top of `interpreter` for an init-cmd with that digest, made or not."""
        below = [Path(interpreter).resolve(), *Path(interpreter).parents[1].glob("lib/python*/site-packages")]
        # Another Python, or a package installed into it or removed from it, makes another environment.
        age = " ".join(f"{path} {path.stat().st_mtime_ns}" for path in sorted(below))
        return Overlay(self._directory / ("env-" + _digest(interpreter, age, digest)), interpreter)

    def prune(self) -> None:
        """Remove environments that no job has used for a month."""
        oldest = time.time() - _KEEP_DAYS * 86400
        for directory in self._directory.glob("env-*/"):
            if directory.stat().st_mtime < oldest:
                shutil.rmtree(directory, ignore_errors=True)
                with suppress(OSError):
                    directory.with_name(directory.name + ".lock").unlink()


class Overlay:
    """A virtual environment on top of an interpreter. Hold the lock while it is made and installed into."""

    def __init__(self, path: Path, interpreter: str) -> None:
        self.path = path
        self.interpreter = interpreter
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(str(path) + ".lock", thread_local=False)

    @property
    def programs(self) -> Path:
        """The directory with its `python` and `pip`."""
        return self.path / "bin"

    @property
    def made(self) -> bool:
        """Whether the environment exists."""
        return (self.path / "made").exists()

    @property
    def installed(self) -> bool:
        """Whether the init-cmd has succeeded in it."""
        return (self.path / "installed").exists()

    def try_lock(self) -> bool:
        """Take the lock if nobody has it."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def unlock(self) -> None:
        """Give the lock back; nothing if it is not held."""
        self._lock.release()

    def making(self) -> list[str]:
        """Return the command that makes it."""
        return [self.interpreter, "-E", overlay_maker.__file__, str(self.path)]

    def mark_made(self) -> None:
        """Note that the environment is complete."""
        (self.path / "made").touch()

    def mark_installed(self) -> None:
        """Note that the init-cmd need not be run again."""
        (self.path / "installed").touch()

    def mark_used(self) -> None:
        """Keep it for another month."""
        os.utime(self.path)

    def discard(self) -> None:
        """Remove what a failed installation has left, so that the next job begins anew."""
        shutil.rmtree(self.path, ignore_errors=True)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
