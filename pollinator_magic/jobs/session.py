"""An open connection to a colony: its client and its meta-filesystem, made when first needed, and its poller."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ExecutorState, Process, ProcessState
from pollinator_magic.errors import (
    AccessDenied,
    ConfigurationError,
    NotFound,
    ServerError,
    ServerUnreachable,
    UnknownExecutor,
    UsageError,
)
from pollinator_magic.jobs.poller import Poller

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from pollinator_magic.cfs.filesystem import Filesystem
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Executor, ProcessGraph
    from pollinator_magic.settings import Connection

_PREFIX = re.compile(r"[0-9a-f]{4,64}")
# In the order in which processes go through them: one that moves on while the lists are asked for is in the next list.
_STATES = (
    ProcessState.WAITING,
    ProcessState.RUNNING,
    ProcessState.SUCCESS,
    ProcessState.FAILED,
    ProcessState.CANCELLED,
)


class Session:
    """One user in one colony. Safe to use from several threads; close it, or use it as a context manager."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.poller = Poller(self)
        """Watches the jobs that nobody follows in the foreground."""

    @cached_property
    def client(self) -> Colonies:
        """The client of the Colonies server."""
        from pollinator_magic.colonies.client import Colonies

        client = Colonies(self.connection.server, self.connection.colony, self.connection.key)
        if self.connection.embedded:
            client.rpc.remedy = "Start it again with `%pollinator local start`."
        return client

    @cached_property
    def filesystem(self) -> Filesystem:
        """The colony's meta-filesystem; raises ConfigurationError where no object store is configured."""
        from pollinator_magic.cfs.filesystem import Filesystem
        from pollinator_magic.cfs.objects import open_store

        if self.connection.storage is None:
            raise ConfigurationError(
                "No object store is configured, so files cannot be carried to the colony. "
                "Set AWS_S3_ENDPOINT, AWS_S3_ACCESSKEY, AWS_S3_SECRETKEY and AWS_S3_BUCKET."
            )
        return Filesystem(self.client, open_store(self.connection.storage))

    def require_executors(self, names: Iterable[str]) -> list[Executor]:
        """Return the colony's executors of these names; raise UnknownExecutor, naming the nearest, if one is missing.

        An executor that is registered but not approved counts as missing: a process for it would wait for ever.
        """
        names = tuple(names)
        present = {executor.executorname: executor for executor in self._usable_of(names)}
        for name in names:
            if name not in present:
                raise UnknownExecutor(name, self.connection.colony, sorted(present))
        return [present[name] for name in names]

    def usable_executors(self) -> list[Executor]:
        """Return the executors that may take work."""
        return _usable(self.client.executors())

    def _usable_of(self, names: Sequence[str]) -> list[Executor]:
        """Return at least those of these names, also where one badly named executor breaks the colony's list of all."""
        try:
            return self.usable_executors()
        except (ServerUnreachable, AccessDenied):
            raise
        except ServerError as error:
            if (error.status or 0) < 500:
                raise
        found = []
        for name in names:
            with suppress(NotFound):
                found.append(self.client.executor(name))
        return _usable(found)

    def find_process(self, id_or_prefix: str) -> Process:
        """Return the process of this id, or of this unambiguous beginning of one (at least four characters)."""
        found = self.find(id_or_prefix)
        if isinstance(found, Process):
            return found
        raise UsageError(
            f"{id_or_prefix!r} is a graph of {len(found.processids)} processes: name one of them. "
            f"`%pollinator graph show {found.processgraphid[:12]}` lists them."
        )

    def find(self, id_or_prefix: str) -> Process | ProcessGraph:
        """Return the process or the process graph of this id, or of this unambiguous beginning of one."""
        prefix = id_or_prefix.strip().lower()
        if not _PREFIX.fullmatch(prefix):
            raise UsageError(
                f"{id_or_prefix!r} is not a process id: give its first four or more hexadecimal characters. "
                "`%pollinator jobs` lists them."
            )
        if len(prefix) == 64:
            return self._of_whole_id(prefix)
        recent = self.recent_processes()
        found = [process for process in recent if process.processid.startswith(prefix)]
        graphs = {one.processgraphid for one in recent if one.processgraphid.startswith(prefix)}
        if len(graphs) == 1 and not found:
            return self.client.process_graph(graphs.pop())
        if not found and not graphs:
            raise NotFound(
                f"No recent process in colony {self.connection.colony!r} begins with {prefix!r}. "
                "`%pollinator jobs` lists them; older ones need the whole id."
            )
        if len(found) + len(graphs) > 1:
            ids = [*(process.processid for process in found), *graphs]
            shown = ", ".join(one[:12] for one in ids[:5])
            raise UsageError(f"{prefix!r} is the beginning of {len(ids)} process ids: {shown}. Give more characters.")
        return found[0]

    def _of_whole_id(self, whole: str) -> Process | ProcessGraph:
        try:
            return self.client.process(whole)
        except NotFound:
            try:
                return self.client.process_graph(whole)
            except NotFound:
                pass
            raise

    def recent_processes(self, states: Sequence[ProcessState] = _STATES, *, count: int = 100) -> list[Process]:
        """Return the newest processes of these states, at most `count` of each, newest submission first."""
        found = [process for state in states for process in self.client.processes(state, count=count)]
        newest = {process.processid: process for process in found}  # one that has moved on is in two lists
        return sorted(newest.values(), key=lambda process: process.submissiontime, reverse=True)

    def close(self) -> None:
        """Watch no job any more and close the connections; the session can be used again, it opens new ones."""
        self.poller.close()
        for opened in (self.__dict__.pop("filesystem", None), self.__dict__.pop("client", None)):
            if opened is not None:
                opened.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _usable(executors: Iterable[Executor]) -> list[Executor]:
    return [executor for executor in executors if executor.status is ExecutorState.APPROVED]
