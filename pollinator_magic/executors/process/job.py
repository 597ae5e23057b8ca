"""One job on this host, from its first line to the end of its last process."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.executors import sessions
from pollinator_magic.executors.engine import Outcome
from pollinator_magic.executors.hostcommand import environment, map_paths, rank_variables, shell_line
from pollinator_magic.executors.living import LivingJob
from pollinator_magic.executors.process.initcommand import understand
from pollinator_magic.executors.process.output import MergedOutput
from pollinator_magic.executors.process.ranks import Ranks
from pollinator_magic.executors.thishost import free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.process.engine import ProcessEngine
    from pollinator_magic.executors.process.pythons import Overlay

_LONGEST_READ_S = 0.1
_LONGEST_WAIT_S = 0.05
_SHELL = "/bin/sh"
# The command shall find what the init-cmd has set, as if both were one line of a shell.
_KEEP_VARIABLES = 'umask 077; POLLINATOR_PWD=$PWD; export POLLINATOR_PWD; export -p > "$POLLINATOR_EXPORTS"'
_FETCH_VARIABLES = '. {file}; cd "$POLLINATOR_PWD"; '


class _Failed(Exception):
    """The job cannot go on; the message is the user's."""


class ProcessJob(LivingJob):
    """A `Running` on this host."""

    def __init__(self, engine: ProcessEngine, task: Task) -> None:
        super().__init__(task)
        self._engine = engine
        self._output = MergedOutput()
        self._ranks = self._new_ranks()
        self._cancelled = False
        self._closed = False
        self._env = environment(task, engine.root, os.environ)
        self._work = engine.state_dir / "work" / task.process_id

    def _written(self, timeout_s: float) -> bytes:
        if self._outcome is not None:
            return self._output.drain()
        if self._output.open:
            return self._output.read(min(timeout_s, _LONGEST_READ_S))
        self._ranks.wait(min(timeout_s, _LONGEST_WAIT_S))
        return b""

    def cancel(self, *, grace_s: float) -> None:
        """Send SIGTERM to all of it, and SIGKILL to what is left after `grace_s`."""
        if not self._cancelled:
            self._cancelled = True
            self._ranks.terminate(grace_s)

    @property
    def position(self) -> str:
        """Nothing: the job ends with this process."""
        return ""

    @property
    def attributes(self) -> Mapping[str, str]:
        """Nothing that the colony does not know."""
        return {}

    def leave(self) -> None:
        """End it: it cannot go on alone."""
        self.close()

    def close(self) -> None:
        """Kill what is left, and remove what was made for this job alone."""
        if self._closed:
            return
        self._closed = True
        self._life.close()
        self._ranks.close()
        sessions.kill_marked(self._task.process_id)
        self._output.close()
        shutil.rmtree(self._work, ignore_errors=True)
        self._engine.noted.forget(self._task.process_id)
        self._engine.jobs.forget(self)

    def _live(self) -> Generator[None, None, Outcome]:
        """Begin to end; returns the outcome."""
        task = self._task
        if task.image:
            self._say(f"This executor runs jobs directly on the host; the image {task.image} is not used.")
        try:
            self._engine.noted.note(task.process_id)
            interpreter = self._interpreter()
            if interpreter:
                self._put_first(self._engine.pythons.wrappers(interpreter), Path(interpreter).parent)
            variables = ""
            if task.init_command:
                variables = yield from self._initialise(
                    interpreter or shutil.which("python3", path=self._env.get("PATH"))
                )
            yield from self._run(variables + shell_line(task, self._engine.root))
        except _Failed as failure:
            return Outcome(str(failure))
        except OSError as error:
            self._ranks.close()  # what has been started already must not go on unseen
            return Outcome(f"The job could not be started: {error}")
        return Outcome(self._ranks.error)

    def _run(self, line: str) -> Generator[None, None, None]:
        """Run the ranks to their end."""
        task = self._task
        self._begin()
        port = free_port() if task.ranks > 1 else 0
        directory = self._directory()
        for number in range(task.ranks):
            env = {**self._env, **rank_variables(task, number, port)}
            self._ranks.start([_SHELL, "-c", line], env, directory, node=number // task.processes_per_node)
        yield from self._until_ended()

    def _step(self, command: Sequence[str], **variables: str) -> Generator[None, None, str]:
        """Run one program of the preparation to its end; return what went wrong with it."""
        self._begin()
        self._ranks.start(command, {**self._env, **variables}, self._directory())
        yield from self._until_ended()
        return self._ranks.error

    def _begin(self) -> None:
        if self._cancelled:
            raise _Failed("Cancelled.")
        self._ranks = self._new_ranks()

    def _until_ended(self) -> Generator[None, None, None]:
        self._engine.noted.note(self._task.process_id, self._ranks.sessions)
        while not self._ranks.tend():
            yield
        if self._cancelled:
            raise _Failed("Cancelled.")

    def _initialise(self, interpreter: str | None) -> Generator[None, None, str]:
        """Run the init-cmd, in an environment of its own where there is a Python to put it on.

        Returns what the shell of the command has to do first.
        """
        if interpreter is None:
            return (yield from self._run_init_command())
        init = understand(self._task.init_command, self._locate)
        overlay = self._engine.pythons.overlay(interpreter, init.digest)
        yield from self._lock(overlay)
        try:
            yield from self._make(overlay)
            self._put_first(overlay.programs)
            self._env["VIRTUAL_ENV"] = str(overlay.path)
            if overlay.installed:
                self._say(f"Already installed by an earlier job: {self._task.init_command}")
                return ""
            variables = yield from self._run_init_command()
            if init.only_packages:
                overlay.mark_installed()
        except _Failed:
            if not overlay.installed and init.only_packages:
                overlay.discard()
            raise
        finally:
            overlay.unlock()
        return variables

    def _make(self, overlay: Overlay) -> Generator[None, None, None]:
        if not overlay.made:
            if (yield from self._step(overlay.making())):
                raise _Failed("The environment for the init-cmd could not be made; the log says why.")
            overlay.mark_made()
        overlay.mark_used()

    def _lock(self, overlay: Overlay) -> Generator[None, None, None]:
        if overlay.try_lock():
            return
        self._say("Waiting for another job that prepares the same environment.")
        while not overlay.try_lock():
            if self._cancelled:
                raise _Failed("Cancelled.")
            yield

    def _run_init_command(self) -> Generator[None, None, str]:
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        exports = self._work / "exports"
        text = map_paths(self._task.init_command, self._task.mount, self._engine.root)
        shell = [_SHELL, "-c", f"{{ {text}\n}} && {{ {_KEEP_VARIABLES}; }}"]
        error = yield from self._step(shell, POLLINATOR_EXPORTS=str(exports))
        if error:
            raise _Failed(f"The init-cmd failed: {self._task.init_command}: {error[0].lower()}{error[1:]}")
        return _FETCH_VARIABLES.format(file=shlex.quote(str(exports)))

    def _interpreter(self) -> str | None:
        """Return the interpreter that the job names, if jobs may."""
        named = self._task.env.get("POLLINATOR_PYTHON")
        if not named or not self._engine.trust_python:
            return None
        if not Path(named).is_file() or not os.access(named, os.X_OK):
            raise _Failed(f"The Python interpreter of the kernel that submitted this job, {named}, is not there.")
        return named

    def _put_first(self, *directories: Path) -> None:
        path = self._env.get("PATH", os.defpath).split(os.pathsep)
        new = [str(directory) for directory in directories if str(directory) not in path]
        self._env["PATH"] = os.pathsep.join([*new, *path])

    def _locate(self, word: str) -> Path | None:
        """Return the file that a word of the init-cmd names."""
        if not word or "\0" in word:
            return None
        path = self._directory() / map_paths(word, self._task.mount, self._engine.root)
        try:
            return path if path.is_file() else None
        except OSError:
            return None

    def _directory(self) -> Path:
        """Return the project's directory if there is one, else an empty one of the job's own."""
        project = Path(self._env.get("PROJECT_DIR", ""))
        if project.is_absolute() and project.is_dir():
            return project
        own = self._work / "directory"
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        return own

    def _new_ranks(self) -> Ranks:
        return Ranks(
            self._engine.guardian,
            self._output,
            memory_bytes=self._task.memory_bytes,
            grace_s=self._engine.grace_s,
        )
