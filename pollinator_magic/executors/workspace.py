"""The files of one process on the executor: brought before it runs, carried back after it, and then removed.

Several processes may use the same directory (a project's data): it is synchronised by one at a time, and what one
still uses no other removes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pollinator_magic.cfs.ignore import Ignore
from pollinator_magic.cfs.plan import Policy
from pollinator_magic.cfs.state import SyncState
from pollinator_magic.errors import ConfigurationError, NotFound
from pollinator_magic.executors.hostcommand import STANDARD_MOUNT
from pollinator_magic.executors.journal import Journal
from pollinator_magic.executors.specs import STATE_DIRECTORY, directory_below, for_process
from pollinator_magic.runner.settings import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from pollinator_magic.cfs.filesystem import Filesystem
    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.colonies.models import DirMount, FunctionSpec, Process, SnapshotMount

    Fingerprint = frozenset[tuple[str, int, int, int]]

_PARALLEL = 4


class Store:
    """The executor's file system below `root`, shared by all processes that it runs.

    Without `files` (no object store is configured) only processes without files can run.
    """

    def __init__(self, root: Path, files: Filesystem | None) -> None:
        self.root = root
        self.files = files
        self.state = SyncState(root / STATE_DIRECTORY)
        self.journal = Journal(root / STATE_DIRECTORY / "runs")
        self._lock = threading.Lock()
        self._users: Counter[Path] = Counter()
        self._turns: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def claim(self, directories: Sequence[Path]) -> None:
        """Keep others from removing these directories."""
        with self._lock:
            self._users.update(directories)

    def release(self, directories: Sequence[Path]) -> None:
        """Let others remove them again."""
        with self._lock:
            self._users.subtract(directories)

    def turn(self, directory: Path) -> threading.Lock:
        """Return the lock under which this directory is synchronised."""
        with self._lock:
            return self._turns[directory]

    def remove(self, directory: Path, claimed: Sequence[Path]) -> None:
        """Remove a directory that nobody else uses; `claimed` is what the caller has claimed itself."""
        with self._lock:
            others = self._users - Counter(claimed)
            if not any(used.is_relative_to(directory) for used in others):
                shutil.rmtree(directory, ignore_errors=True)


class Workspace:
    """The files of `process`.

    Inside a `with` block the directories are this process's: nobody else removes them.
    """

    def __init__(self, store: Store, process: Process) -> None:
        self._store = store
        self._progress: Progress | None = None
        self._id = process.processid
        files = process.spec.fs
        self._snapshots = files.snapshots if files.mount else []
        self._dirs = files.dirs if files.mount else []
        self._inputs = _inputs(process.spec)
        mounted = [(one.dir, one.keepfiles) for one in self._snapshots] + [
            (one.dir, one.keepfiles) for one in self._dirs
        ]
        self._directories = [self._place(directory) for directory, _ in mounted]
        self._temporary = [self._place(directory) for directory, kept in mounted if not kept]
        self._brought: dict[Path, Fingerprint] = {}
        self._own = self._own_project((process.spec.env or {}).get("PROJECT_DIR", ""), files.mount)

    def __enter__(self) -> Self:
        self._store.claim(self._directories)
        return self

    def __exit__(self, *_: object) -> None:
        self._store.release(self._directories)

    def bring(self, progress: Progress) -> None:
        """Bring the snapshots and directories that the specification names.

        `progress` is told about ten times a second how far transfers are; what it raises ends them.
        """
        self._progress = progress
        self.remove()  # what an attempt that was killed may have left
        if self._own:
            self._own_mark(self._own).parent.mkdir(parents=True, exist_ok=True)
            self._own_mark(self._own).touch()
        _together([partial(self._bring_snapshot, one) for one in self._snapshots]
                  + [partial(self._bring_dir, one) for one in self._dirs])  # fmt: skip

    def carry_back(self) -> None:
        """Bring to the server what the process has left in its directories."""
        self._progress = None
        _together([partial(self._carry_back_dir, one) for one in self._dirs])
        for one in self._snapshots:
            if not one.keepsnapshot:
                with suppress(NotFound):  # a worker that was killed here has removed it
                    self._files.client.remove_snapshot(one.snapshotid)

    def remove(self) -> None:
        """Remove the directories that shall not be kept, and the project's if it is this process's own."""
        for directory in self._temporary:
            self._store.remove(directory, self._directories)
        if self._own:
            self._store.remove(self._own, self._directories)
            self._own_mark(self._own).unlink(missing_ok=True)

    def _bring_snapshot(self, one: SnapshotMount) -> None:
        label = for_process(one.label, self._id)
        self._files.checkout(one.snapshotid, label, self._place(one.dir), progress=self._progress)

    def _bring_dir(self, one: DirMount) -> None:
        self._synchronise(one, Policy.DATA if one.onconflicts.onstart.keeplocal else Policy.CACHE)
        directory = self._place(one.dir)
        self._brought[directory] = _fingerprint(directory)

    def _carry_back_dir(self, one: DirMount) -> None:
        directory = self._place(one.dir)
        if one.dir in self._inputs:
            return  # what an earlier step has left stays as that step has left it
        if not directory.exists() or _fingerprint(directory) == self._brought.get(directory):
            return  # nothing happened here; what happened on the server is not needed any more
        keep_local = one.onconflicts.onclose.keeplocal
        if keep_local and not one.keepfiles:
            label = for_process(one.label, self._id)
            self._files.upload_tree(directory, label, progress=self._progress)
        else:
            self._synchronise(one, Policy.DATA if keep_local else Policy.CACHE)

    def _synchronise(self, one: DirMount, policy: Policy) -> None:
        directory = self._place(one.dir)
        state = self._store.state if one.keepfiles else None
        with self._store.turn(directory):
            self._files.sync(
                directory,
                for_process(one.label, self._id),
                state,
                policy,
                ignore=Ignore.nothing(),
                progress=self._progress,
            )

    @property
    def _files(self) -> Filesystem:
        if self._store.files is None:
            raise ConfigurationError("This executor has no object store, so it cannot bring the files of the job.")
        return self._store.files

    def _place(self, directory: str) -> Path:
        return directory_below(self._store.root, for_process(directory, self._id))

    def _own_project(self, directory: str, mount: str) -> Path | None:
        """Return the project directory if only this process uses it: it is new, and nothing in it shall be kept."""
        prefix = next((name for name in (mount, STANDARD_MOUNT) if name and directory.startswith(name + "/")), None)
        if prefix is None or ".." in PurePosixPath(directory).parts:
            return None
        project = directory_below(self._store.root, directory[len(prefix) :])
        inside = [path for path in self._directories if path != project and path.is_relative_to(project)]
        if project == self._store.root or not inside or not set(inside) <= set(self._temporary):
            return None
        return project if self._own_mark(project).exists() or not project.exists() else None

    def _own_mark(self, project: Path) -> Path:
        name = hashlib.sha256(str(project.relative_to(self._store.root)).encode()).hexdigest()[:32]
        return self._store.root / STATE_DIRECTORY / "projects" / name


def _inputs(spec: FunctionSpec) -> frozenset[str]:
    """Return the directories in which a step finds the results of those before it (`pollinator_magic.jobs.workflow`).

    A specification cannot say of a directory that it is only read: where the server's files win (`onclose.keeplocal` is
    false), new ones are uploaded all the same.
    """
    project = (spec.env or {}).get("PROJECT_DIR", "").removeprefix(spec.fs.mount)
    return frozenset(f"{project}/{STEPS}/{name}" for name in spec.conditions.dependencies or ())


def _together(tasks: Sequence[Callable[[], None]]) -> None:
    """Do all at the same time; raise the first failure when all have ended."""
    if len(tasks) < 2:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(min(len(tasks), _PARALLEL), thread_name_prefix="files") as pool:
        futures = [pool.submit(task) for task in tasks]
    for future in futures:
        future.result()


def _fingerprint(directory: Path) -> Fingerprint:
    """Return what changes when anything below a directory does."""
    found = set()
    for place, _, names in os.walk(directory):
        for name in names:
            path = f"{place}/{name}"
            with suppress(OSError):
                status = os.lstat(path)
                found.add((path, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return frozenset(found)
