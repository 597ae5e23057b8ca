"""Takes processes from a colony and has an engine run them, as an executor of that colony.

The worker polls while the engine has room, one thread for each process does the rest (`run`). An executor that the
server does not hear of for ten minutes is dropped, and only polls are heard: a full one, and one that finishes what it
has, polls for a process that needs no processor at all, which no valid one does.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import open_store
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.errors import AccessDenied, ConfigurationError, InvalidReply, PollinatorError, ServerUnreachable
from pollinator_magic.executors import poll
from pollinator_magic.executors.budget import Budget
from pollinator_magic.executors.counts import Counts
from pollinator_magic.executors.lookout import LEFT_S, Lookout
from pollinator_magic.executors.registration import Registration
from pollinator_magic.executors.run import Run
from pollinator_magic.executors.signals import told_to_stop
from pollinator_magic.executors.specs import STATE_DIRECTORY
from pollinator_magic.executors.watch import Watch
from pollinator_magic.executors.workspace import Store

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.colonies.keys import PrivateKey
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.engine import Engine
    from pollinator_magic.settings import Connection

_log = logging.getLogger(__name__)
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_DRAIN_S = 30.0
_JOIN_S = 0.2
_LOOK_AGAIN_S = 10.0
_STOPPED = "The executor was stopped while the job was running."


class Worker:
    """An executor named `name`. The connection's key is the executor's own.

    With the colony owner's key the worker registers itself, and again if the server has dropped it; without, somebody
    must have registered the connection's key. `fs_dir` is where files are laid out, the same as the engine's.
    `poll_s` is how long one request waits for work (default: 5 s, 1 s on the embedded colony). `drain_s` is how long
    running jobs may take when the worker is told to stop (default: 30 s if the engine keeps them, else as they like).
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
        location: str = "",
        poll_s: int | None = None,
        drain_s: float | None = None,
        counts: Counts | None = None,
    ) -> None:
        self.name = name
        self._connection = connection
        self.counts = counts or Counts()
        """What it has done so far."""
        self._engine = engine
        self._fs_dir = fs_dir.absolute()
        default_s = _DRAIN_S if engine.durable else math.inf
        self._drain_s = default_s if drain_s is None else drain_s
        self._budget = Budget(engine.capacity, take_anything_when_idle=connection.embedded)
        self._client = Colonies(connection.server, connection.colony, connection.key)
        self._polling = Colonies(connection.server, connection.colony, connection.key)
        self._watch = Watch(self._client)
        self._registration = Registration(
            self._client, connection, owner_key, engine, name=name, executor_type=executor_type, location=location
        )
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._stopping = threading.Event()
        self._hurried = threading.Event()
        self._work = poll.Poll(
            self._polling,
            self._budget,
            self.counts,
            self._stopping,
            poll_s=poll_s or (1 if connection.embedded else 5),
            whole=connection.embedded,  # that colony stores a process in one go
        )
        self._look_at = math.inf
        self._thread = threading.Thread(target=self._poll, name=f"executor-{name}", daemon=True)
        self._closing = ExitStack()
        self._store: Store
        self._lookout: Lookout

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
            self._lookout = Lookout(self._client, self._watch, self._engine, self._store)
            undo.callback(self._engine.close)
            self._engine.open()
            self._lookout.tidy()
            if self._registration.register() or self._engine.durable:
                self._look_at = 0.0
            self._closing = undo.pop_all()
        self._thread.start()

    def stop(self, *, drain: bool = False) -> None:
        """Take no more work, and return when nothing is running any more.

        With `drain` the running processes are waited for, for a while. What is running then goes on if its engine keeps
        it, for the next worker; else it is stopped and closed as failed. The registration stays.
        """
        self._stopping.set()
        self._budget.wake()
        self._polling.close()  # ends retries, not the request that is under way
        if self._thread.ident is None:
            return
        if not drain:
            self._end_runs()
        self._thread.join()  # it may be given a process in the last moment, which must not be lost
        if drain:
            self._drain()
        self._end_runs()
        for run in self._current():
            run.join()
        self._closing.close()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then finish what is running; a second signal ends that at once."""
        with told_to_stop() as arrived:
            self.start()
            while not arrived():
                pass
            _log.info("Told to stop: finishing %d processes.", self.running)
            draining = threading.Thread(target=self.stop, kwargs={"drain": True}, name="drain")
            draining.start()
            while draining.is_alive():
                if arrived():
                    _log.info("Told again: ending them.")
                    self._hurried.set()
                    self._end_runs()

    def _drain(self) -> None:
        """Wait for the runs, and be heard while that takes."""
        until = time.monotonic() + self._drain_s
        heartbeat_at = time.monotonic() + poll.HEARTBEAT_S
        while (runs := self._current()) and time.monotonic() < until:
            runs[0].join(_JOIN_S)
            if time.monotonic() >= heartbeat_at:
                heartbeat_at += poll.HEARTBEAT_S
                with suppress(PollinatorError):
                    self._accept(self._work.be_heard())

    def _end_runs(self) -> None:
        for run in self._current():
            self._end_run(run)

    def _end_run(self, run: Run) -> None:
        if self._engine.durable:
            run.leave()
        else:
            run.stop(_STOPPED)

    def _claim_directory(self, undo: ExitStack) -> None:
        state = self._fs_dir / STATE_DIRECTORY
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(state / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ConfigurationError(f"Another executor is running with the directory {str(self._fs_dir)!r}.") from None
        undo.callback(lock.release)

    # Polling

    def _poll(self) -> None:
        delay_s = 0.0
        while not self._stopping.wait(delay_s):
            try:
                if time.monotonic() >= self._look_at:
                    self._look_at = time.monotonic() + _LOOK_AGAIN_S
                    self._look()
                self._accept(self._work.ask(self._look_at))
                self._registration.keep_up_to_date()
                delay_s = 0.0
            except (ServerUnreachable, InvalidReply) as error:
                # A process may have been assigned in a reply that did not arrive, or not whole.
                delay_s = self._trouble(error, delay_s)
                if isinstance(error, InvalidReply) or error.sent:
                    self._look_at = min(self._look_at, time.monotonic() + self._work.poll_s)
            except AccessDenied as error:
                delay_s = self._trouble(error, delay_s)
                self._register_again()
            except PollinatorError as error:
                delay_s = self._trouble(error, delay_s)
            except Exception:  # noqa: BLE001  an engine's mistake shall not end the executor
                _log.exception("The executor itself failed.")
                delay_s = _LONGEST_DELAY_S

    def _accept(self, process: Process | None) -> None:
        """Run what was assigned."""
        if process is not None:
            self.counts.add(taken=1)
            self._begin(process, began=self._work.given_at)

    def _begin(self, process: Process, *, began: float | None) -> None:
        """Run it; `began` is None for one that is taken up again."""
        with self._lock:
            former = self._runs.get(process.processid)
        if former:  # the server has taken it from us and given it to us again
            if self._engine.durable and process.retries == former.process.retries:
                former.leave()  # as if it had not been started: its job is the one that is wanted
            else:
                former.abandon()
            former.join()
            if former.closed:
                return
        run = Run(
            self._client,
            self._store,
            self._engine,
            process,
            watch=self._watch,
            counts=self.counts,
            began=began,
            ended=self._ended,
        )
        self._budget.take(process)
        with self._lock:
            self._runs[process.processid] = run
        self.counts.add(running=1)
        run.start()
        if self._hurried.is_set():  # given out in the last moment, so that who ended the others did not see it
            self._end_run(run)

    def _ended(self, run: Run) -> None:
        if run.left and not self._stopping.is_set():
            self._lookout.leave(run.process.processid)
            self._look_at = min(self._look_at, time.monotonic() + LEFT_S)
        self.counts.add(running=-1, **({run.how: 1} if run.how else {}))
        with self._lock:
            del self._runs[run.process.processid]
        self._budget.give_back(run.process)

    def _look(self) -> None:
        """Take up what the server believes to run here and does not, and look after jobs that nobody has taken up."""
        with self._lock:
            running = set(self._runs)  # taken before the server is asked: one may end meanwhile, and is not lost
        for process in self._lookout.lost(running):
            _log.info("Taking up process %r.", process.processid)
            running.add(process.processid)
            self._begin(process, began=None)
        if self._engine.durable:
            for run in self._current():
                run.claimed.wait()  # nobody removes files that it needs
            for process in self._lookout.sweep(running):
                self._begin(process, began=None)
        self._look_at = time.monotonic() + self._lookout.again_in_s()

    def _register_again(self) -> None:
        try:
            if self._registration.renew():
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
