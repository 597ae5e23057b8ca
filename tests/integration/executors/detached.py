"""A durable engine for tests: each job is a session of its own on this host, and all that is known of it is on disk.

As a program it is a worker with this engine, to be killed by a test:

    COLONIES_…=… COLONIES_COLONY_PRVKEY=… python -m tests.integration.executors.detached '{"name": …, "fs": …}'
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from pollinator_magic.colonies.models import Allocation, Allocations, Capabilities, Hardware, Software
from pollinator_magic.executors.engine import Capacity, Outcome
from pollinator_magic.executors.hostcommand import environment, shell_line
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import connection_from_environment, owner_key_from_environment

_MARK = "DETACHED_JOB"
_SCRIPT = """\
echo $$ > "$DETACHED_JOB/pid.part"; mv "$DETACHED_JOB/pid.part" "$DETACHED_JOB/pid"
[ -d "$PROJECT_DIR" ] && cd "$PROJECT_DIR"
sh -c "$DETACHED_COMMAND" >> "$DETACHED_JOB/log" 2>&1
echo $? > "$DETACHED_JOB/exit.part"; mv "$DETACHED_JOB/exit.part" "$DETACHED_JOB/exit"
"""


class DetachedEngine:
    """`die_at` is where `start` kills this process: before or after it has started the job."""

    durable = True

    def __init__(self, fs_dir, *, jobs=100, die_at=""):
        self.fs_dir = Path(fs_dir)
        self.state_dir = self.fs_dir / ".executor" / "detached"
        self.capacity = Capacity(jobs=jobs)
        self.discarded = []
        self._die_at = die_at
        self._held = {}

    def describe(self):
        return Capabilities(hardware=[Hardware(model="detached", nodes=1)], software=[Software(name="sh")])

    def allocations(self):
        return Allocations(projects={"p": Allocation(allocatedcpu=100, usedcpu=7)})

    def open(self):
        self.state_dir.mkdir(parents=True, exist_ok=True)

    def start(self, task):
        directory = self.state_dir / task.process_id
        self._remove(directory)
        directory.mkdir(mode=0o700)
        self._die("before")
        env = {**environment(task, str(self.fs_dir), os.environ), _MARK: str(directory)}
        env["DETACHED_COMMAND"] = shell_line(task, str(self.fs_dir))
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        child = subprocess.Popen(["sh", "-c", _SCRIPT], env=env, start_new_session=True, **quiet)
        self._die("after")
        return self._hold(DetachedJob(self, directory, 0, child))

    def leftovers(self):
        return {path.name for path in self.state_dir.iterdir()} - self._held.keys()

    def resume(self, task, position):
        directory = self.state_dir / task.process_id
        if not directory.exists():
            return None
        if not _has_begun(directory):
            self._remove(directory)
            return None
        return self._hold(DetachedJob(self, directory, int(position or 0), None))

    def discard(self, process_id):
        self._remove(self.state_dir / process_id)
        self.discarded.append(process_id)

    def close(self):
        pass

    def forget(self, job):
        self._held.pop(job.directory.name, None)

    def _hold(self, job):
        self._held[job.directory.name] = job
        return job

    def _die(self, moment):
        if self._die_at == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def _remove(self, directory):
        if directory.exists() and _has_begun(directory):
            end_session(_pid(directory))
        shutil.rmtree(directory, ignore_errors=True)


class DetachedJob:
    def __init__(self, engine, directory, offset, child):
        self.directory = directory
        self._engine = engine
        self._offset = offset
        self._child = child
        self._cancelled = False
        self._kill_at = float("inf")
        self._outcome = None

    @property
    def position(self):
        return str(self._offset)

    @property
    def attributes(self):
        file = self.directory / "pid"
        if not file.exists():
            return {}
        return {"NODES": "n1", "SLURM-JOBID": file.read_text().strip(), "HOME": "/home/of/the/executor"}

    def read(self, timeout_s):
        log = self.directory / "log"
        data = b""
        if log.exists():
            with log.open("rb") as source:
                source.seek(self._offset)
                data = source.read(64 * 1024)
        if not data and self._outcome is None:
            time.sleep(timeout_s)
        self._offset += len(data)
        return data

    def poll(self):
        if self._outcome is None:
            self._outcome = self._ended()
            if time.monotonic() >= self._kill_at:
                end_session(_pid(self.directory))
        return self._outcome

    def cancel(self, *, grace_s):
        self._cancelled = True
        self._kill_at = time.monotonic() + grace_s
        _signal(_pid(self.directory), signal.SIGTERM)

    def leave(self):
        self._engine.forget(self)

    def close(self):
        self._engine.forget(self)
        if _has_begun(self.directory):
            end_session(_pid(self.directory))
        shutil.rmtree(self.directory, ignore_errors=True)

    def _ended(self):
        if self._child is not None:
            self._child.poll()  # so that it is no zombie
        exit_code = self.directory / "exit"
        if not (self.directory / "pid").exists() or is_alive(_pid(self.directory)):
            return None
        if self._cancelled:
            return Outcome("Cancelled.")
        if not exit_code.exists():
            return Outcome("Killed from outside.")
        status = int(exit_code.read_text())
        return Outcome(f"Exit status {status}" if status else "")


def _has_begun(directory):
    """Whether the job's shell has said who it is; it is waited for if it is there."""
    for _ in range(500):
        if (directory / "pid").exists():
            return True
        if not any(_directory_of(process) == str(directory) for process in psutil.process_iter()):
            return (directory / "pid").exists()
        time.sleep(0.01)
    raise TimeoutError(directory)


def _directory_of(process):
    with suppress(psutil.Error):
        return process.environ().get(_MARK)
    return None


def _pid(directory):
    return int((directory / "pid").read_text())


def session_is_alive(session):
    return any(is_alive(pid) for pid in psutil.pids() if _session(pid) == session)


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_session(session):
    while session_is_alive(session):
        _signal(session, signal.SIGKILL)
        time.sleep(0.01)


def _signal(session, number):
    for pid in psutil.pids():
        if _session(pid) == session:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _session(pid):
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def main(order):
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(name)s %(message)s")
    fs_dir = Path(order["fs"])
    engine = DetachedEngine(fs_dir, die_at=order.get("die_at", ""))
    options = {name: order[name] for name in ("poll_s", "drain_s") if name in order}
    connection, owner_key = connection_from_environment(), owner_key_from_environment()
    Worker(connection, owner_key, engine, name=order["name"], fs_dir=fs_dir, **options).run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
