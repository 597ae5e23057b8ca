"""Looks at the colonies that the notebook can use: the configured one, and the embedded one if it runs.

It starts nothing, and its clients are its own: the ones that carry jobs are patient, and these must not be.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from pollinator_magic.errors import PollinatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs.executors import ExecutorView
    from pollinator_magic.settings import Connection

_log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 3.0
_PROCESSES = 20  # of each state
_EMBEDDED_TYPE = "embedded colony"
_REMOTE, _EMBEDDED = "remote", "embedded"
_VARIABLES = (
    *("COLONIES_SERVER_HOST", "COLONIES_SERVER_PORT", "COLONIES_SERVER_HTTP_PORT", "COLONIES_SERVER_TLS"),
    *("COLONIES_TLS", "COLONIES_COLONY_NAME", "COLONIES_PRVKEY", "POLLINATOR_HOME"),
)


class Topic(Enum):
    """What can be looked at."""

    EXECUTORS = "executors"
    PROCESSES = "processes"


@dataclass(frozen=True)
class Known:
    """What is known of one topic at one moment."""

    executors: tuple[ExecutorView, ...] = ()
    """Those that can be named in a line, `local` always among them."""
    processes: tuple[Process, ...] = ()
    """The newest first."""
    colony: str = ""
    """The name of the configured colony; nothing where none is configured."""
    problem: str = ""
    """Why the configured colony could not be asked; what is known of it is then from before."""
    complete: bool = True
    """False while the configured colony is still being asked."""


class Eyes:
    """To be used by one thread; only `place` and `close` may be called from others."""

    def __init__(self) -> None:
        self._clients: dict[str, tuple[Connection, Colonies]] = {}
        self._seen: dict[tuple[Topic, str], list[Any]] = {}
        self._place: int | None = None

    @staticmethod
    def place() -> int:
        """Return what the answers depend on. It is cheap, and the key cannot be read from it."""
        return hash(tuple(os.environ.get(name) for name in _VARIABLES))

    def see(self, topic: Topic) -> Iterator[Known]:
        """Look at one topic, first at what is near; never raises. What cannot be seen now stays as it was."""
        if self._place != self.place():
            self._place = self.place()
            self._seen.clear()
        if self._look(topic, _EMBEDDED, _embedded):
            self._seen.pop((topic, _EMBEDDED), None)
        if not os.environ.get("COLONIES_SERVER_HOST"):
            yield self._known(topic)
            return
        colony = os.environ.get("COLONIES_COLONY_NAME", "")
        yield replace(self._known(topic), colony=colony, complete=False)
        problem = self._look(topic, _REMOTE, _remote)
        yield replace(self._known(topic), colony=colony, problem=problem)

    def close(self) -> None:
        """Close the connections, and end the waiting for another attempt."""
        for _, client in list(self._clients.values()):
            client.close()

    def _look(self, topic: Topic, where: str, connect: Callable[[], Connection | None]) -> str:
        """Look at one colony, remember what was seen, and return what went wrong, or nothing."""
        try:
            connection = connect()
            if connection is None:
                self._seen[topic, where] = []
            elif topic is Topic.EXECUTORS:
                self._seen[topic, where] = _executors(self._client(where, connection), connection)
            else:
                self._seen[topic, where] = _processes(self._client(where, connection))
        except PollinatorError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  a thread that nobody looks at must not end by surprise
            _log.debug("looking at the %s colony: %r", where, error)
            return "The colony could not be asked."
        return ""

    def _known(self, topic: Topic) -> Known:
        there, here = (self._seen.get((topic, where), []) for where in (_REMOTE, _EMBEDDED))
        if topic is Topic.EXECUTORS:
            return Known(executors=(*there, *(here or [_asleep()])))
        newest = sorted([*there, *here], key=lambda process: process.submissiontime, reverse=True)
        return Known(processes=tuple(newest))

    def _client(self, where: str, connection: Connection) -> Colonies:
        from pollinator_magic.colonies.client import Colonies

        known = self._clients.get(where)
        if known is not None:
            if known[0] == connection:
                return known[1]
            known[1].close()
        client = Colonies(
            connection.server,
            connection.colony,
            connection.key,
            connect_timeout_s=CONNECT_TIMEOUT_S,
            read_timeout_s=READ_TIMEOUT_S,
        )
        self._clients[where] = (connection, client)
        return client


def _remote() -> Connection:
    from pollinator_magic.settings import connection_from_environment

    return connection_from_environment()


def _embedded() -> Connection | None:
    from pollinator_magic.local.colony import LocalColony

    colony = LocalColony()
    return colony.connection(start=False) if colony.running else None


def _executors(client: Colonies, connection: Connection) -> list[ExecutorView]:
    from pollinator_magic.jobs.executors import survey
    from pollinator_magic.sessions import LOCAL

    views = [view for view in survey(client) if view.usable]
    if connection.embedded:
        return [replace(view, embedded=True, type=_EMBEDDED_TYPE) for view in views if view.name == LOCAL]
    return [view for view in views if view.name != LOCAL]  # the word always means the embedded one


def _processes(client: Colonies) -> list[Process]:
    from pollinator_magic.colonies.models import ProcessState

    states = [state for state in ProcessState if state is not ProcessState.UNKNOWN]
    return [process for state in states for process in client.processes(state, count=_PROCESSES)]


def _asleep() -> ExecutorView:
    """Return the executor that the embedded colony will have when it runs."""
    from pollinator_magic.jobs.executors import Condition, ExecutorView
    from pollinator_magic.sessions import LOCAL

    return ExecutorView(LOCAL, type=_EMBEDDED_TYPE, condition=Condition.ASLEEP, embedded=True)
