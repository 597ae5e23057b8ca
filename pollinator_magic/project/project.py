"""A project: a directory with a project.yaml and cfs/src, cfs/data, cfs/result, that jobs are made from."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pollinator_magic.errors import ProjectError, UsageError
from pollinator_magic.project import samples
from pollinator_magic.project.files import make_directory, write_if_absent, write_if_changed
from pollinator_magic.project.naming import source_problem
from pollinator_magic.project.options import with_options
from pollinator_magic.project.reading import read_description
from pollinator_magic.project.replaced import keep_replaced
from pollinator_magic.project.values import PROJECT_FILE, Conditions, Environment, Origin, Results, Tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from typing_extensions import Unpack

    from pollinator_magic.project.options import Options


@dataclass(frozen=True)
class Project:
    """What project.yaml says, changed by options or not, and where the files are. Changing it makes another one."""

    root: Path
    name: str = ""
    conditions: Conditions = field(default_factory=Conditions)
    environment: Environment = field(default_factory=Environment)
    results: Results = Results.PER_JOB
    tunnel: Tunnel | None = None
    warnings: tuple[str, ...] = ()
    """What project.yaml says that has no effect, with what may have been meant."""
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False, compare=False)
    """Where each value was written, by its key in project.yaml (`conditions.mem`)."""

    @classmethod
    def open(cls, root: Path | str) -> Project:
        """Read the project of this directory; nothing is written. Raises ProjectError with key and line."""
        directory = Path(root).absolute()
        said = read_description(directory / PROJECT_FILE)
        return cls(
            root=directory,
            name=said.name,
            conditions=said.conditions,
            environment=said.environment,
            results=said.results,
            tunnel=said.tunnel,
            warnings=said.warnings,
            origins=said.origins,
        )

    @classmethod
    def create(
        cls,
        root: Path | str,
        executor: str | Sequence[str] = (),
        *,
        image: str = samples.DEFAULT_IMAGE,
        init: str = "",
        sample_files: bool = True,
    ) -> Project:
        """Make a project with a sample program here; files that exist stay as they are.

        Raises ProjectError where there is a project.yaml already, and where the directory cannot be written.
        """
        project = cls(Path(root).absolute())
        executors = (executor,) if isinstance(executor, str) else tuple(executor)
        text = samples.project_text(samples.random_name(), executors, image=image, init=init)
        with project.lock():
            if os.path.lexists(project.file):
                raise ProjectError(
                    f"There is a project in {str(project.root)!r} already, and it stays as it is. "
                    f"Use another directory, or remove its {PROJECT_FILE}."
                )
            if sample_files:
                write_if_absent(project.src / samples.SOURCE, samples.SAMPLE_SOURCE)
                write_if_absent(project.data / "hello.txt", samples.SAMPLE_DATA)
            write_if_absent(project.file, text)  # last: where it is, the project is whole
        project.make_directories()
        return cls.open(project.root)

    @classmethod
    def open_or_create(cls, root: Path | str, executor: str | Sequence[str] = ()) -> Project:
        """Open the project of this directory, or make one there without samples; missing directories are made."""
        project = cls(Path(root).absolute())
        if not project.file.exists():
            with project.lock():
                if not project.file.exists():  # another kernel may have been first
                    cls.create(root, executor, sample_files=False)
        opened = cls.open(root)
        opened.make_directories()
        return opened

    @property
    def file(self) -> Path:
        """The project.yaml."""
        return self.root / PROJECT_FILE

    @property
    def src(self) -> Path:
        """What the next job runs."""
        return self.root / "cfs" / "src"

    @property
    def data(self) -> Path:
        """What all jobs read."""
        return self.root / "cfs" / "data"

    @property
    def result(self) -> Path:
        """What the newest followed job left."""
        return self.root / "cfs" / "result"

    @property
    def log(self) -> Path:
        """The logs of jobs, one file each."""
        return self.root / "cfs" / "log"

    @property
    def state(self) -> Path:
        """What this package remembers; it can be removed at the cost of time."""
        return self.root / ".pollinator"

    @property
    def executors(self) -> tuple[str, ...]:
        """The executors that may run the job; empty for any."""
        return self.conditions.executor_names or ()

    @property
    def shared_results(self) -> bool:
        """Whether all jobs share one result directory, as with the Pollinator command-line tool."""
        return self.results is Results.SHARED

    def origin(self, key: str) -> Origin:
        """Where the value of a key such as `conditions.mem` was written, for errors about it."""
        return self.origins.get(key, Origin(key))

    def with_options(self, **options: Unpack[Options]) -> Project:
        """Return this project as options change it; None changes nothing, and nothing is written.

        Raises UsageError that names the option.
        """
        return with_options(self, options)

    def make_directories(self) -> None:
        """Make the directories that are missing, as after `git clone`, which keeps no empty ones."""
        for directory in (self.src, self.data, self.result):
            make_directory(directory)
        self._make_state()

    def write_source(self, text: str, name: str | None = None) -> Path:
        """Make a file of `cfs/src`, by default the project's source, hold this text; return its path.

        The last line always ends with a newline. Raises UsageError for a name that would leave `cfs/src`.
        """
        name = name or self.environment.source or samples.SOURCE
        problem = source_problem(name)
        path = self.src / name
        if problem is None and not path.parent.resolve().is_relative_to(self.src.resolve()):
            problem = f"{name!r} leads out of cfs/src through a link"
        if problem is not None:
            raise UsageError(f"The source file {problem}.")
        write_if_changed(path, _with_last_newline(text))
        return path

    def keep_replaced_source(self, text: str, name: str | None = None) -> Path | None:
        """Keep the source file that `write_source` would overwrite, unless a cell has written it; return where.

        To be called just before `write_source`.
        """
        name = name or self.environment.source or samples.SOURCE
        return keep_replaced(self.src / name, _with_last_newline(text), name=name, state=self.state)

    @contextmanager
    def lock(self, *, timeout_s: float = 60, on_wait: Callable[[str], object] | None = None) -> Iterator[None]:
        """Keep other kernels and command lines out of this project; the same thread may lock it again inside.

        `on_wait` is called once, with a line for the user, if somebody else is inside. Raises ProjectError if that is
        still so after `timeout_s`.
        """
        self._make_state()
        try:
            lock = FileLock(self.state / "lock", is_singleton=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if on_wait is not None:
                    on_wait("Waiting for another notebook or command line that is working in this project.")
                lock.acquire(timeout=timeout_s)
        except Timeout:
            raise ProjectError(
                f"Another notebook or command line has been working in the project in {str(self.root)!r} for more "
                f"than {timeout_s:g} s. Try again when it has finished, or use a directory of your own."
            ) from None
        except OSError as error:
            raise ProjectError(f"Cannot lock the project in {str(self.root)!r}: {error.strerror or error}.") from None
        try:
            yield
        finally:
            lock.release()

    def _make_state(self) -> None:
        try:
            make_directory(self.state)
        except ProjectError as error:
            raise ProjectError(f"{error} A project needs a directory that can be written: go to another one.") from None
        write_if_absent(self.state / ".gitignore", "*\n")


def _with_last_newline(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"
