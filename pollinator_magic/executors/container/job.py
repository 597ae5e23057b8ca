"""One job in containers of this host, from the preparation of its image to the last line of its log.

How far it has come is written down before each stage, and the containers of a stage are made before any of them is
started: so whoever takes the job up after the executor was killed knows what has run.
"""

from __future__ import annotations

import secrets
import socket
import time
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.container.commandline import INIT, WITHOUT_ADDRESSES, Names, left_out, word_of
from pollinator_magic.executors.container.following import Following, Member
from pollinator_magic.executors.container.joblog import JobLog
from pollinator_magic.executors.container.record import Record, end_text
from pollinator_magic.executors.container.roster import GONE, is_lost
from pollinator_magic.executors.container.stages import StageFailed, Stages
from pollinator_magic.executors.engine import Outcome
from pollinator_magic.executors.living import LivingJob
from pollinator_magic.executors.thishost import free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from pollinator_magic.executors.container.commandline import Rank
    from pollinator_magic.executors.container.engine import ContainerEngine
    from pollinator_magic.executors.engine import Task

_LONGEST_READ_S = 0.05
_ANY_PORT = 29500


class _NeverBegan(Exception):
    """What an earlier life has noted did not come to be: nothing has run."""


class ContainerJob(LivingJob):
    """A `Running` in containers. With a `record` an earlier life has begun it, and read its log up to `position`."""

    def __init__(self, engine: ContainerEngine, task: Task, record: Record | None = None, position: str = "") -> None:
        super().__init__(task)
        self._engine = engine
        self._files = engine.files(task.process_id)
        self._record = record
        self._attempt = ""
        self._log: JobLog | None = None
        self._attributes: dict[str, str] = {}
        self._cancelled = False
        self._grace_s = self._patient_until = 0.0
        self._following: Following | None = None
        self._stages = Stages(engine, task, self._say, lambda: self._cancelled)
        if record:
            self._open_log(record.attempt, _offsets(position, record.attempt))

    @property
    def position(self) -> str:
        """The attempt, and how many bytes of each of its logs have been read."""
        return f"{self._attempt} {msgspec.json.encode(self._log.offsets).decode()}" if self._log else ""

    @property
    def attributes(self) -> Mapping[str, str]:
        """The name of this host, once the job has started."""
        return dict(self._attributes)

    def _written(self, timeout_s: float) -> bytes:
        data = b""
        if self._log:
            data = self._log.read() if self._outcome is None else self._log.rest()
        if not data and self._outcome is None and timeout_s > 0:
            time.sleep(min(timeout_s, _LONGEST_READ_S))
        return data

    def cancel(self, *, grace_s: float) -> None:
        """Send SIGTERM to all of it, and SIGKILL to what is left after `grace_s`."""
        if self._cancelled:
            return
        self._cancelled, self._grace_s = True, grace_s
        self._patient_until = time.monotonic() + grace_s
        if self._following:
            self._following.cancel(grace_s)

    def leave(self) -> None:
        """Let it go on without this process."""
        self._life.close()
        if self._log:
            self._log.close()
        self._engine.jobs.forget(self)

    def close(self) -> None:
        """Remove its containers, which ends what is still running, and all that was made for it."""
        self.leave()
        self._engine.remove_soon(self.process_id)

    def _live(self) -> Generator[None, None, Outcome]:
        """Begin to end; returns the outcome."""
        try:
            try:
                error = yield from self._run(self._record)
            except _NeverBegan:
                error = yield from self._run(None)
        except PollinatorError as failure:
            error = str(failure)
        except OSError as problem:
            error = f"The job could not be started: {problem}"
        return Outcome("Cancelled." if self._cancelled else error)

    def _run(self, record: Record | None) -> Generator[None, None, str]:
        if record is None:
            record = yield from self._begin()
        if record.stage == "init":
            record = yield from self._launch(record, [self._files.rank(INIT)])
            error = yield from self._follow(record, [self._files.rank(INIT)])
            if error:
                return error
            record = yield from self._keep_init(record)
        per_node = self._task.processes_per_node
        ranks = [self._files.rank(number, node=number // per_node) for number in range(self._task.ranks)]
        record = yield from self._launch(record, ranks)
        if self._meets and not self._files.has_met:
            yield from self._meet(record, ranks)
        return (yield from self._follow(record, ranks))

    def _begin(self) -> Generator[None, None, Record]:
        """Prepare what all containers need, and write down that they will be made."""
        task, engine = self._task, self._engine
        if self._files.directory.exists():
            engine.remove(task.process_id)  # of an earlier attempt
        dropped = left_out(task.env)
        if dropped:
            self._say(
                f"Left out of the environment, because no process can have them: {', '.join(map(repr, dropped))}."
            )
        image = yield from self._stages.image()
        devices = yield from self._stages.devices()
        attempt = secrets.token_hex(4)
        port = free_port() if engine.settings.network == "host" and task.ranks > 1 else _ANY_PORT
        self._files.write(task, master_port=port, meeting=self._meets, home=engine.own_home)
        apart = bool(task.init_command) and task.ranks > 1
        own_network = task.ranks > 1 and not engine.settings.network
        record = Record(
            attempt=attempt,
            stage="init" if apart else "ranks",
            ranks=task.ranks,
            image=image,
            network=self._names(attempt).network if own_network else "",
            devices=devices,
        )
        self._files.note(record)
        self._open_log(attempt, {})
        if own_network:
            yield from self._stages.network(record.network)
        return record

    def _launch(self, record: Record, ranks: Sequence[Rank]) -> Generator[None, None, Record]:
        """Make the containers of a stage and start them, as far as an earlier life has not; return the new record."""
        names = self._names(record.attempt)
        containers = [names.container(rank.number) for rank in ranks]
        if record is not self._record:
            yield from self._stages.create(names, self._files, ranks, record)
        elif not record.started:
            containers = yield from self._not_started(containers, ranks)
        else:
            containers = []
        if containers:
            yield from self._stages.start(containers)
        record = msgspec.structs.replace(record, started=True)
        self._files.note(record)
        self._attributes = {"NODES": socket.gethostname()}
        return record

    def _not_started(self, containers: Sequence[str], ranks: Sequence[Rank]) -> Generator[None, None, list[str]]:
        """Return which of the containers that an earlier life was about to start it has only made."""
        begun = {container for container, rank in zip(containers, ranks, strict=True) if end_text(rank.end)}
        self._engine.roster.watch(*containers)
        try:
            while not all(statuses := [self._engine.roster.status(one) for one in containers]):
                if self._cancelled and time.monotonic() >= self._patient_until:
                    raise StageFailed("Cancelled.")
                yield
        finally:
            self._engine.roster.forget(*containers)
        if not begun and GONE in statuses and all(status == GONE or is_lost(status) for status in statuses):
            raise _NeverBegan
        made = {container for container, status in zip(containers, statuses, strict=True) if is_lost(status)}
        return sorted(made - begun)

    def _keep_init(self, record: Record) -> Generator[None, None, Record]:
        """Have the ranks begin where the init-cmd has ended."""
        names = self._names(record.attempt)
        record = msgspec.structs.replace(record, own_image=names.image)
        self._files.note(record)
        yield from self._stages.keep(names.container(INIT), names.image)
        record = msgspec.structs.replace(record, stage="ranks", image=names.image, started=False)
        self._files.note(record)
        return record

    def _meet(self, record: Record, ranks: Sequence[Rank]) -> Generator[None, None, None]:
        """Tell the ranks where they all are."""
        names = self._names(record.attempt)
        found = yield from self._stages.addresses([names.container(rank.number) for rank in ranks])
        first = found.get(names.container(0))
        if first is None:
            raise StageFailed(
                "The ranks have no addresses in their network. Whoever runs this executor has to look at it."
            )
        hosts = {
            found[name]: names.host(rank.node) for rank in ranks if (name := names.container(rank.number)) in found
        }
        self._files.say_where(hosts, master=first)

    def _follow(self, record: Record, ranks: Sequence[Rank]) -> Generator[None, None, str]:
        names = self._names(record.attempt)
        members = [Member(names.container(rank.number), rank) for rank in ranks]
        engine = self._engine
        self._following = Following(engine.runtime, engine.roster, self._task, members, grace_s=engine.settings.grace_s)
        if self._cancelled:
            self._following.cancel(self._grace_s)
        try:
            return (yield from self._following.steps())
        finally:
            self._following = None

    @property
    def _meets(self) -> bool:
        return self._task.ranks > 1 and self._engine.settings.network not in WITHOUT_ADDRESSES

    def _names(self, attempt: str) -> Names:
        return Names(self._engine.name, self._task.process_id, attempt)

    def _open_log(self, attempt: str, offsets: Mapping[str, int]) -> None:
        if self._log:
            self._log.close()
        task = self._task
        numbers = [*([INIT] if task.init_command and task.ranks > 1 else []), *range(task.ranks)]
        self._attempt = attempt
        self._log = JobLog({word_of(number): self._files.rank(number).log for number in numbers}, offsets)


def _offsets(position: str, attempt: str) -> dict[str, int]:
    """Return how far each log of this attempt has been read."""
    of, _, text = position.partition(" ")
    try:
        return msgspec.json.decode(text, type=dict[str, int]) if of == attempt else {}
    except msgspec.MsgspecError:
        return {}
