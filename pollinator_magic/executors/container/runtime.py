"""Runs podman or docker, whichever is there, without the executor's keys in their environment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import IO

_TIMEOUT_S = 60.0
_SHOWN_BYTES = 2000
_BESIDE_THE_POINT = re.compile(
    r"^WARN|level=(?:warning|info|debug)|not supported and ignored|^Run .* for more information$"
)
_DOCKER_INFO = "{{.DockerRootDir}}\t{{.Driver}}\t{{.MemoryLimit}}\t{{.CPUCfsQuota}}\t{{.SecurityOptions}}"
_PODMAN_INFO = (
    "{{.Store.GraphRoot}}\t{{.Store.GraphDriverName}}\t{{.Host.CgroupsVersion}}\t"
    '{{join .Host.CgroupControllers " "}}\t{{.Host.Security.Rootless}}'
)
_SECRET_PREFIXES = ("COLONIES_", "AWS_", "EXECUTOR_", "POLLINATOR_")


class RuntimeTrouble(PollinatorError):
    """A command of the runtime that failed; the message is what it said."""


@dataclass(frozen=True)
class Info:
    """What a runtime says of itself."""

    store: Path
    """Where images and containers lie."""
    driver: str
    can_limit: bool
    """Whether processors and memory of containers can be limited."""
    refuses_limits: bool
    """Whether a container with limits fails; else they are ignored."""
    root_is_root: bool
    """Whether root in a container is root of this host."""


class Runtime:
    """Podman or docker: `program` is its name or path."""

    def __init__(self, program: str) -> None:
        self.program = program

    @cached_property
    def is_docker(self) -> bool:
        """Whether it is docker, and not podman under its name, as some systems have it."""
        with suppress(RuntimeTrouble):
            return "podman" not in self.ask("--version").lower()
        return Path(self.program).name.startswith("docker")

    @property
    def name(self) -> str:
        """What it is called in lists of software."""
        return "docker" if self.is_docker else "podman"

    def version(self) -> str:
        """Return its version; raise RuntimeTrouble if it does not work."""
        return self.ask(
            "version", "--format", "{{.Server.Version}}" if self.is_docker else "{{.Client.Version}}"
        ).strip()

    def info(self) -> Info:
        """Return what it says of itself; raise RuntimeTrouble if it does not work."""
        words = self.ask("info", "--format", _DOCKER_INFO if self.is_docker else _PODMAN_INFO).strip("\n").split("\t")
        if len(words) != len(_DOCKER_INFO.split("\t")):
            raise RuntimeTrouble(f"{self.program} says of itself what nobody can read: {words!r}.")
        store, driver, first, second, third = words
        if self.is_docker:
            return Info(Path(store), driver, [first, second] == ["true", "true"], False, "rootless" not in third)
        can_limit = set(second.split()) >= {"cpu", "memory"}
        return Info(Path(store), driver, can_limit, not can_limit and first != "v1", third == "false")

    def ask(self, *words: str) -> str:
        """Run a command to its end and return what it says; raise RuntimeTrouble if it fails."""
        try:
            done = subprocess.run(
                [self.program, *words],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RuntimeTrouble(f"{self.program} did not answer within {_TIMEOUT_S:.0f} s.") from None
        except OSError as error:
            raise RuntimeTrouble(f"{self.program} cannot be started: {error.strerror}.") from error
        if done.returncode != 0:
            raise RuntimeTrouble(
                _last_words(done.stderr) or f"{self.program} ended with exit status {done.returncode}."
            )
        return done.stdout.decode(errors="replace")

    def begin(self, *words: str, directory: Path | None = None) -> Command:
        """Start a command that may take its time, maybe in a directory; raise RuntimeTrouble if that is impossible."""
        return Command(self.program, words, directory)


class Command:
    """A command that is running."""

    def __init__(self, program: str, words: tuple[str, ...], directory: Path | None = None) -> None:
        self._program = program
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  closed with the command
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  so is this
        try:
            self._process = subprocess.Popen(
                [program, *words],
                cwd=directory,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._errors,
                start_new_session=True,  # an interrupt at the executor's terminal is not meant for it
            )
        except OSError as error:
            self._output.close()
            self._errors.close()
            raise RuntimeTrouble(f"{program} cannot be started: {error.strerror}.") from error

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def result(self) -> str:
        """Return what it has said, after its end; raise RuntimeTrouble if it has failed."""
        status = self._process.wait()
        output, errors = _content(self._output), _content(self._errors)
        self.close()
        if status != 0:
            raise RuntimeTrouble(_last_words(errors) or f"{self._program} ended with exit status {status}.")
        return output.decode(errors="replace")

    def steps(self) -> Generator[None, None, str]:
        """Yield until it has ended, then return what it has said; it is closed if nobody goes on."""
        try:
            while self.running:
                yield
            return self.result()
        finally:
            self.close()

    def close(self, *, patience_s: float = 0.0) -> None:
        """End it, with all that it has started, if it does not end by itself in time."""
        if self.running:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._output.close()
        self._errors.close()


def find_runtime(setting: str) -> str:
    """Return the program that runs containers; empty if there is none."""
    if setting != "auto":
        return setting
    return next((name for name in ("podman", "docker") if shutil.which(name)), "")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_SECRET_PREFIXES)}


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _last_words(errors: bytes) -> str:
    """Return the end of what was said, as one line, without what a command says whether it fails or not."""
    lines = [line.strip() for line in errors[-_SHOWN_BYTES:].decode(errors="replace").splitlines() if line.strip()]
    return " ".join([line for line in lines if not _BESIDE_THE_POINT.search(line)] or lines)
