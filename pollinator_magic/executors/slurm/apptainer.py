"""Images for Apptainer or Singularity: fetched once into a directory that all nodes see, and run by `exec`.

An image is pulled under another name and then takes its place, so that nobody ever sees half of one, and a job that
runs keeps the file that it was started with when the image is fetched anew.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote

from filelock import FileLock, Timeout

from pollinator_magic.errors import ConfigurationError, PollinatorError
from pollinator_magic.executors.imagenames import registry_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO

_LOOK_S = 0.1
_KILL_S = 5.0
_SHOWN_BYTES = 2000
_SUFFIX = ".sif"
_SECRET_PREFIXES = ("COLONIES_", "AWS_", "EXECUTOR_", "POLLINATOR_")
# What modules of the host set for the host's programs, and what breaks those in a container, which gets all else of the
# host's environment: MPI and srun tell a rank there who it is (so no --cleanenv).
_FOR_THE_HOST = ("LD_PRELOAD", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "VIRTUAL_ENV")


class ImageError(PollinatorError):
    """An image that cannot be had."""


@dataclass(frozen=True)
class Cached:
    """An image in the cache."""

    name: str
    """As a registry knows it."""
    path: Path
    bytes: int
    used_at: float
    """When a job last asked for it, in seconds since the epoch."""


class Images:
    """The images below `directory`, which may be shared with other executors.

    `runtime` is the program that pulls: apptainer or singularity, or the path of one. Jobs may also name a file (or an
    unpacked image) by its absolute path, if it lies below one of the `allowed` directories.
    """

    def __init__(self, runtime: str, directory: Path, *, allowed: Sequence[Path] = ()) -> None:
        self._runtime = runtime
        self._directory = directory
        self._allowed = tuple(place.resolve() for place in allowed)

    def prepare(self, image: str, *, rebuild: bool, say: Callable[[str], None], cancelled: Callable[[], bool]) -> Path:
        """Return the file of an image, after fetching it if it is not there, or if it shall be fetched anew.

        Several that ask for the same image at the same time, in whatever process, fetch it once. `say` is told in a
        line what takes time. Raises ImageError, also when `cancelled` has become true, and ImageRefused for no name.
        """
        if image.startswith("/"):
            return self._local(image)
        name = registry_name(image)
        path = self._directory / f"{quote(name, safe='')}{_SUFFIX}"
        before = _identity(path)
        if before is None or rebuild:
            with self._turn(path, say, cancelled):
                if _identity(path) in {before, None}:  # else somebody has fetched it while we waited
                    self._pull(name, path, say, cancelled)
        with suppress(OSError):  # somebody else's file, which we may read and not touch
            os.utime(path)
        return path

    def cached(self) -> list[Cached]:
        """Return what is there, the longest unused first."""
        found = []
        for path in self._directory.glob(f"*{_SUFFIX}"):
            with suppress(FileNotFoundError):
                status = path.stat()
                found.append(Cached(unquote(path.stem), path, status.st_size, status.st_mtime))
        return sorted(found, key=lambda one: one.used_at)

    def prune(self, unused_s: float) -> list[Cached]:
        """Remove the images that no job has asked for in so many seconds; return them.

        A job that runs keeps what it has; one that waits in a queue for longer than that would miss its image.
        """
        removed = []
        for one in self.cached():
            if time.time() - one.used_at < unused_s:
                continue
            with suppress(Timeout), self._lock(one.path).acquire(timeout=0):
                one.path.unlink(missing_ok=True)
                removed.append(one)
        return removed

    def _local(self, image: str) -> Path:
        path = Path(image).resolve()
        if not any(path.is_relative_to(place) for place in self._allowed):
            places = ", ".join(map(str, self._allowed)) or "no directory"
            raise ImageError(f"The image {image!r} is a file, and this executor takes files from {places} only.")
        if not path.exists():
            raise ImageError(f"There is no image {image!r} on this executor.")
        return path

    @contextmanager
    def _turn(self, path: Path, say: Callable[[str], None], cancelled: Callable[[], bool]) -> Iterator[None]:
        """Wait until nobody else fetches this image."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            lock = self._lock(path)
            told = False
            while True:
                try:
                    lock.acquire(timeout=_LOOK_S, poll_interval=_LOOK_S)
                    break
                except Timeout:
                    _check(cancelled)
                    if not told:
                        say("Waiting for somebody else who fetches the same image.")
                        told = True
        except (OSError, NotImplementedError) as error:
            raise ImageError(f"The directory for images, {self._directory}, cannot be used: {error}.") from error
        try:
            yield
        finally:
            lock.release()

    def _lock(self, path: Path) -> FileLock:
        return FileLock(path.with_name(f".{path.name}.lock"))

    def _pull(self, name: str, path: Path, say: Callable[[str], None], cancelled: Callable[[], bool]) -> None:
        """Fetch an image; only whoever has its lock does."""
        say(f"Fetching the image {name}.")
        part = path.with_name(f".{path.name}.part")
        try:
            _remove(part)  # of somebody who was killed
            with tempfile.TemporaryFile() as output:
                status = _run([self._runtime, "pull", str(part), f"docker://{name}"], output, cancelled)
                if status != 0:
                    raise ImageError(
                        f"The image {name} could not be fetched (exit status {status}): {_last_words(output)}"
                    )
            part.replace(path)
        except OSError as error:
            raise ImageError(f"The image {name} could not be fetched: {error}.") from error
        finally:
            with suppress(OSError):
                _remove(part)


@dataclass(frozen=True)
class Bind:
    """A directory of the host that the container sees at `target`."""

    source: Path
    target: str
    read_only: bool = False


def exec_vector(
    runtime: str,
    image: Path,
    binds: Sequence[Bind],
    *,
    gpu: Literal["", "nv", "rocm"] = "",
    home: str = "",
    cwd: str,
    command: Sequence[str],
) -> list[str]:
    """Return the words that run a command in a container, for no shell to see.

    The container has nothing of the user's home directory, where packages of other jobs lie: `home` is the one it gets
    instead, a directory of the job's own on the host (none if empty). The job's variables are for the command to read,
    inside (see `exports`). It raises ConfigurationError for paths that cannot be mounted.
    """
    words = ["env", *(word for name in _FOR_THE_HOST for word in ("-u", name)), runtime, "exec"]
    words += [f"--{gpu}"] if gpu else []
    words += ["--home", f"{_plain(home)}:{home}"] if home else ["--no-home"]
    for bind in binds:
        words += ["--bind", f"{_plain(str(bind.source))}:{_plain(bind.target)}{':ro' if bind.read_only else ''}"]
    words += ["--pwd", cwd, str(image)]
    return [*words, *command]


def _run(command: Sequence[str], output: IO[bytes], cancelled: Callable[[], bool]) -> int:
    """Run a program to its end, or until it is not wanted any more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SECRET_PREFIXES)}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=kept, start_new_session=True
    )
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK_S)
            _check(cancelled)
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program with all that it has started, kindly if it takes that in time."""
    os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_KILL_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise ImageError("Cancelled.")


def _last_words(output: IO[bytes]) -> str:
    """Return the end of what a program has written, from the beginning of a line if there is one."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _SHOWN_BYTES))
    text = output.read().decode(errors="replace").strip()
    return text if size <= _SHOWN_BYTES else text.partition("\n")[2] or text


def _plain(path: str) -> str:
    """Return a path that options can express: they divide at colons and commas, and not every version can quote."""
    if not path.startswith("/") or any(character in path for character in ':,\\"\n'):
        raise ConfigurationError(f"{path!r} cannot be mounted into a container: choose a plain absolute path.")
    return path


def _identity(path: Path) -> int | None:
    """Return what changes when another file takes the place of this one."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
