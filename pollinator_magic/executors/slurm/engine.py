"""Runs jobs through Slurm. Slurm keeps them: they go on without the executor, and the next one takes them up again."""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pollinator_magic.errors import ConfigurationError, PollinatorError
from pollinator_magic.executors.engine import Capacity
from pollinator_magic.executors.exports import not_exportable
from pollinator_magic.executors.held import Held
from pollinator_magic.executors.hostcommand import STANDARD_MOUNT, map_paths
from pollinator_magic.executors.slurm.allocations import allocations
from pollinator_magic.executors.slurm.apptainer import Bind, Images, exec_vector
from pollinator_magic.executors.slurm.attempt import Attempt, processes, remove_half_made
from pollinator_magic.executors.slurm.commands import Slurm
from pollinator_magic.executors.slurm.ending import end_attempt
from pollinator_magic.executors.slurm.hardware import capabilities
from pollinator_magic.executors.slurm.job import SlurmJob
from pollinator_magic.executors.slurm.queue import Queue
from pollinator_magic.executors.slurm.request import launch_words
from pollinator_magic.executors.slurm.script import Sight, files_of, own_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pollinator_magic.colonies.models import Allocations, Capabilities
    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.slurm.settings import SlurmSettings

_log = logging.getLogger(__name__)
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+@=-]+")
_STEP_S = 0.1
_LONGEST_DISCARD_S = 60.0
_AGAIN_S = 10.0


class SlurmEngine:
    """An engine for a Slurm cluster. `fs_dir` is on a file system that its nodes share; jobs see it as their mount."""

    def __init__(self, settings: SlurmSettings, fs_dir: Path) -> None:
        self.settings = settings
        self.fs_dir = fs_dir.absolute()
        self.state_dir = self.fs_dir / ".executor" / "slurm"
        self.slurm = Slurm(commands=settings.commands, conf=settings.conf)
        self.queue = self._new_queue()
        self.runtime = find_runtime(settings.runtime)
        self._images = Images(
            self.runtime, images_directory(settings, self.fs_dir), allowed=list(map(_absolute, settings.image_files))
        )
        self.jobs: Held[SlurmJob] = Held()
        self._closed = threading.Event()

    @property
    def durable(self) -> bool:
        """Yes: Slurm keeps the jobs."""
        return True

    @property
    def queries(self) -> int:
        """How often Slurm was asked how jobs stand (see `Counting`)."""
        return self.queue.queries

    @property
    def capacity(self) -> Capacity:
        """As many jobs as the site wants in the queue at one time, whatever they need: Slurm has them wait."""
        return Capacity(jobs=self.settings.max_jobs)

    def describe(self) -> Capabilities:
        """Return what the nodes of the partition have; raise SlurmTrouble if Slurm does not say."""
        return capabilities(self.slurm, self.settings, self.fs_dir)

    def allocations(self) -> Allocations:
        """Return what the account of the jobs may use and has used; raise SlurmTrouble while nobody answers."""
        return allocations(self.slurm, self.settings)

    def open(self) -> None:
        """Make ready; raise ConfigurationError for a directory that shells could not be told."""
        if not _PLAIN_PATH.fullmatch(str(self.fs_dir)):
            raise ConfigurationError(
                f"The directory {str(self.fs_dir)!r} cannot be named in the scripts of jobs. Choose one whose path has "
                "letters, digits, and . _ - + @ = only."
            )
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_half_made(self.state_dir)
        if self._closed.is_set():
            self._closed.clear()
            self.queue = self._new_queue()

    def start(self, task: Task) -> SlurmJob:
        """Start a task; what is wrong with it shows as its outcome."""
        return self.jobs.take(SlurmJob(self, task))

    def leftovers(self) -> Collection[str]:
        """Return the processes whose directories are there, and which nobody has taken up."""
        taken = self.jobs.process_ids
        return [name for name in processes(self.state_dir) if name not in taken]

    def resume(self, task: Task, position: str) -> SlurmJob | None:
        """Take up the newest attempt at a process, or submit it if it was killed before that; None if there is none."""
        attempts = self.attempts(task.process_id)
        if not attempts:
            return None
        return self.jobs.take(SlurmJob(self, task, attempts[-1], int(position) if position.isdigit() else 0))

    def discard(self, process_id: str) -> None:
        """End and remove what was left of a process's job; raise OSError if Slurm does not answer."""
        until = time.monotonic() + _LONGEST_DISCARD_S
        try:
            for attempt in self.attempts(process_id):
                for _ in end_attempt(self.slurm, self.queue, attempt, process_id):
                    if time.monotonic() > until or self._closed.wait(_STEP_S):
                        raise TimeoutError(f"Slurm has not ended the job of process {process_id} yet.")
        except PollinatorError as error:
            raise OSError(f"The job of process {process_id} cannot be ended: {error}") from error

    def close(self) -> None:
        """Leave the jobs to Slurm."""
        self._closed.set()
        self.jobs.leave()
        self.queue.close()

    # For jobs

    def attempts(self, process_id: str) -> list[Attempt]:
        """Return what is left of attempts at a process, the newest last."""
        return Attempt.all_of(self.state_dir / process_id)

    def discard_later(self, process_id: str) -> None:
        """End and remove what is left of a process's job, without waiting for it."""
        if self.attempts(process_id):
            threading.Thread(
                target=self._discard_on, args=(process_id,), name=f"slurm-discard-{process_id[:8]}", daemon=True
            ).start()

    def prepare_image(self, task: Task, say: Callable[[str], None], cancelled: Callable[[], bool]) -> Future[Path]:
        """Fetch the image of a task in a thread of its own."""
        future: Future[Path] = Future()

        def prepare() -> None:
            try:
                future.set_result(
                    self._images.prepare(task.image, rebuild=task.rebuild_image, say=say, cancelled=cancelled)
                )
            except BaseException as error:  # noqa: BLE001  it is raised where the result is asked for
                future.set_exception(error)

        threading.Thread(target=prepare, name=f"slurm-image-{task.process_id[:8]}", daemon=True).start()
        return future

    def new_attempt(self, task: Task, image: Path | None, say: Callable[[str], None]) -> Attempt:
        """Write the files of a job; raise RequestRefused or OSError."""
        dropped = not_exportable(own_variables(task))
        if dropped:
            say(f"Left out of the environment, because no shell can set them: {', '.join(map(repr, dropped))}.")
        attempt = Attempt.new(self.state_dir / task.process_id)
        launch = launch_words(task, self.settings, self.slurm.program("srun"))
        if image is None:
            sight = Sight(root=str(self.fs_dir), state=str(attempt.directory))
            directory = self._project_directory(task) or attempt.directory / "directory"
            files = files_of(task, self.settings, sight, directory=directory, launch=launch, inside=list)
        else:
            below = attempt.directory.relative_to(self.fs_dir)
            sight = Sight(root=task.mount, state=f"{task.mount.rstrip('/')}/{below}")

            def inside(words: Sequence[str]) -> list[str]:
                return self._contained(task, image, attempt, sight, words)

            files = files_of(task, self.settings, sight, directory=attempt.directory, launch=launch, inside=inside)
        attempt.write(files)
        return attempt

    def _contained(self, task: Task, image: Path, attempt: Attempt, sight: Sight, words: Sequence[str]) -> list[str]:
        mounts = [Bind(self.fs_dir, mount) for mount in sorted({task.mount, STANDARD_MOUNT})]
        own = self._project_directory(task)
        gpu: Literal["", "nv", "rocm"] = self.settings.runtime_gpu if task.gpus else ""
        return exec_vector(
            self.runtime,
            image,
            [*mounts, *map(parse_bind, self.settings.binds)],
            gpu=gpu,
            home=str(attempt.directory / "home"),
            cwd=task.env["PROJECT_DIR"] if own else f"{sight.state}/directory",
            command=words,
        )

    def _project_directory(self, task: Task) -> Path | None:
        """Return the project's directory on this host, if there is one."""
        named = map_paths(task.env.get("PROJECT_DIR", ""), task.mount, str(self.fs_dir))
        try:
            path = _absolute(named)
            return path if named.startswith("/") and path.is_dir() else None
        except (OSError, ValueError):
            return None

    def _new_queue(self) -> Queue:
        return Queue(self.slurm, shortest_s=self.settings.query_s, longest_s=self.settings.longest_query_s)

    def _discard_on(self, process_id: str) -> None:
        while not self._closed.is_set():
            try:
                self.discard(process_id)
            except OSError as error:
                _log.warning("%s", error)
                self._closed.wait(_AGAIN_S)
            else:
                return


def find_runtime(setting: str) -> str:
    """Return the program that runs images; empty if there is none."""
    if setting == "none":
        return ""
    if setting != "auto":
        return setting
    return next((name for name in ("apptainer", "singularity") if shutil.which(name)), "")


def images_directory(settings: SlurmSettings, fs_dir: Path) -> Path:
    """Return where fetched images lie."""
    return _absolute(settings.images) if settings.images else fs_dir / ".executor" / "images"


def parse_bind(text: str) -> Bind:
    """Read SOURCE, SOURCE:TARGET or SOURCE:TARGET:ro."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    return Bind(_absolute(source), target or source, read_only=mode == "ro")


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()
