"""Takes processes from a colony and has an engine run them, as an executor of that colony.

The worker polls while the engine has room, one thread for each process does the rest (`run`). An executor that the
server does not hear of for ten minutes is dropped, and only polls are heard: a full one polls for a process that needs
no processor at all, which no valid one does.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import open_store
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import AccessDenied, ConfigurationError, InvalidReply, PollinatorError, ServerUnreachable
from pollinator_magic.executors.budget import Budget
from pollinator_magic.executors.environment import wait_for_environment
from pollinator_magic.executors.registration import register
from pollinator_magic.executors.run import Run
from pollinator_magic.executors.specs import STATE_DIRECTORY
from pollinator_magic.executors.workspace import Store

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.engine import Engine
    from pollinator_magic.settings import Connection

_log = logging.getLogger(__name__)
_HEARTBEAT_S = 60.0
_BUSY_POLL_S = 1
_SHORTEST_POLL_S = 0.2
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_SIGNAL_S = 0.2
_EVER_S = 10 * 365 * 86400
_STOPPED = "The executor was stopped while the job was running."


class Worker:
    """An executor named `name`. The connection's key is the executor's own.

    With the colony owner's key the worker registers itself, and again if the server has dropped it; without, somebody
    must have registered the connection's key. `fs_dir` is where files are laid out, the same as the engine's.
    `poll_s` is how long one request waits for work (default: 5 s, 1 s on the embedded colony).
    """

    def __init__(
        self,
        connection: Connection,
        owner_key: PrivateKey | None,
        engine: Engine,
        *,
        name: str,
        fs_dir: Path,
        executor_type: str = "container-executor",
        poll_s: int | None = None,
    ) -> None:
        self.name = name
        self._connection = connection
        self._owner_key = owner_key
        self._engine = engine
        self._type = executor_type
        self._fs_dir = fs_dir.absolute()
        self._poll_s = poll_s or (1 if connection.embedded else 5)
        self._budget = Budget(engine.capacity, take_anything_when_idle=connection.embedded)
        self._client = Colonies(connection.server, connection.colony, connection.key)
        self._polling = Colonies(connection.server, connection.colony, connection.key)
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._stopping = threading.Event()
        self._look_for_lost = owner_key is None
        self._thread = threading.Thread(target=self._poll, name=f"executor-{name}", daemon=True)
        self._closing = ExitStack()
        self._store: Store

    @property
    def running(self) -> int:
        """How many processes are being run."""
        with self._lock:
            return len(self._runs)

    def start(self) -> None:
        """Register and begin to work; returns when the executor can be given processes.

        Raises ConfigurationError if another worker uses `fs_dir`, ServerError if it cannot register.
        """
        with ExitStack() as undo:
            undo.callback(self._client.close)
            undo.callback(self._polling.close)
            self._claim_directory(undo)
            files = None
            if self._connection.storage is not None:
                files = Filesystem(self._client, open_store(self._connection.storage))
                undo.callback(files.close)
            self._store = Store(self._fs_dir, files)
            self._store.journal.prune()
            undo.callback(self._engine.close)
            self._engine.open()
            self._register()
            self._closing = undo.pop_all()
        self._thread.start()

    def stop(self, *, drain: bool = False) -> None:
        """Take no more work, and return when nothing is running any more.

        With `drain` the running processes are waited for, else they are stopped and closed as failed. The registration
        stays.
        """
        self._stopping.set()
        self._budget.wake()
        self._polling.close()  # ends retries, not the request that is under way
        if self._thread.ident is None:
            return
        if not drain:
            self._stop_runs()
        self._thread.join()  # it may be given a process in the last moment, which must not be lost
        if not drain:
            self._stop_runs()
        for run in self._current():
            run.join()
        self._closing.close()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then finish what is running; a second signal stops that too."""
        told: SimpleQueue[int] = SimpleQueue()  # the one queue that a signal handler may put into at any moment
        before = {
            number: signal.signal(number, lambda number, _: told.put(number))
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            self.start()
            while not _arrived(told):
                pass
            _log.info("Told to stop: finishing %d processes.", self.running)
            draining = threading.Thread(target=self.stop, kwargs={"drain": True}, name="drain")
            draining.start()
            while draining.is_alive():
                if _arrived(told):
                    self._stop_runs()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _claim_directory(self, undo: ExitStack) -> None:
        state = self._fs_dir / STATE_DIRECTORY
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(state / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ConfigurationError(f"Another executor is running with the directory {str(self._fs_dir)!r}.") from None
        undo.callback(lock.release)

    def _register(self) -> None:
        register(
            self._client,
            self._connection,
            self._owner_key,
            name=self.name,
            executor_type=self._type,
            capabilities=self._engine.describe(),
        )

    # Polling

    def _poll(self) -> None:
        delay_s = 0.0
        while not self._stopping.wait(delay_s):
            try:
                process = self._ask()
                if process:
                    self._begin(process)
                if self._look_for_lost:
                    self._take_up_lost()
                delay_s = 0.0
            except (ServerUnreachable, InvalidReply) as error:
                # A process may have been assigned in a reply that did not arrive, or not whole.
                self._look_for_lost = self._look_for_lost or isinstance(error, InvalidReply) or error.sent
                delay_s = self._trouble(error, delay_s)
            except AccessDenied as error:
                delay_s = self._trouble(error, delay_s)
                self._register_again()
            except PollinatorError as error:
                delay_s = self._trouble(error, delay_s)

    def _ask(self) -> Process | None:
        """Wait for work, or for room if there is none."""
        room = self._budget.room()
        if room is None:
            if self._budget.wait(_HEARTBEAT_S):
                return None
            return self._polling.assign(-1, cpu="0m", mem="0Mi")
        patience_s = self._poll_s if self._budget.idle else min(self._poll_s, _BUSY_POLL_S)
        began = time.monotonic()
        process = self._polling.assign(patience_s, cpu=room.cpu, mem=room.mem)
        if process is not None and not self._connection.embedded:  # that one stores a process in one go
            wait_for_environment(self._polling, process)
        if process is None:  # a server that does not wait shall not be asked a hundred times a second
            self._stopping.wait(max(0.0, began + _SHORTEST_POLL_S - time.monotonic()))
        return process

    def _begin(self, process: Process, *, resumed: bool = False) -> None:
        with self._lock:
            former = self._runs.get(process.processid)
        if former:  # the server has taken it from us and given it to us again
            former.abandon()
            former.join()
        run = Run(self._client, self._store, self._engine, process, resumed=resumed, ended=self._ended)
        self._budget.take(process)
        with self._lock:
            self._runs[process.processid] = run
        run.start()

    def _ended(self, run: Run) -> None:
        with self._lock:
            del self._runs[run.process.processid]
        self._budget.give_back(run.process)

    def _take_up_lost(self) -> None:
        """Run what the server believes to run here and does not."""
        with self._lock:
            running = set(self._runs)  # taken before the server is asked: one may end meanwhile, and is not lost
        mine = self._client.history(ProcessState.RUNNING, seconds=_EVER_S, executor_id=self._client.identity)
        self._look_for_lost = False
        lost = [process for process in mine if process.processid not in running]
        for process in lost:
            _log.info("Taking up process %r.", process.processid)
            self._begin(process, resumed=True)

    def _register_again(self) -> None:
        if self._owner_key is None:
            return
        try:
            self._register()
            _log.info("Registered again: the server had dropped the executor.")
        except PollinatorError as error:
            _log.warning("Cannot register again: %s", error)

    def _trouble(self, error: PollinatorError, delay_s: float) -> float:
        """Note an error once, and return how long to wait."""
        if not delay_s:
            _log.warning("Cannot ask for work: %s", error)
        return min(max(2 * delay_s, _FIRST_DELAY_S), _LONGEST_DELAY_S)

    def _current(self) -> list[Run]:
        with self._lock:
            return list(self._runs.values())

    def _stop_runs(self) -> None:
        for run in self._current():
            run.stop(_STOPPED)


def _arrived(signals: SimpleQueue[int]) -> bool:
    """Wait a moment for a signal.

    Not for ever: the system may give it to any thread, and only this one, when it wakes up, runs the handler.
    """
    try:
        signals.get(timeout=_SIGNAL_S)
    except Empty:
        return False
    return True


def stored_key(file: Path) -> PrivateKey:
    """Return the key in `file`, which is made with a new one, readable by its owner only, if it is not there."""
    if file.exists():
        return PrivateKey.from_hex(file.read_text(encoding="ascii"))
    key = PrivateKey.generate()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as sink:
        sink.write(key.reveal())
    return key
