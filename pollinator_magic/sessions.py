"""Which colony a name means: `local` is the embedded one, everything else the one that the environment names.

Sessions are kept and shared, because opening one costs a connection and a TLS handshake.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pollinator_magic.errors import ConfigurationError, UsageError, did_you_mean
from pollinator_magic.hidden import adopt, process_environment
from pollinator_magic.jobs.session import Session
from pollinator_magic.settings import connection_from_environment, is_configured, read_env_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pollinator_magic.colonies.models import User
    from pollinator_magic.local.colony import LocalColony
    from pollinator_magic.settings import Connection

LOCAL = "local"
"""The executor of the embedded colony."""

_sessions: dict[str, Session] = {}
_colony: LocalColony | None = None
_guard = threading.Lock()


def connect(where: str | None = None, *, start: bool = True, announce: Callable[[str], None] | None = None) -> Session:
    """Return the session for `local` (the embedded colony, started if need be) or `remote` (the environment's).

    None means the environment's colony if it names one, else the embedded one. `announce` is told, in one line, when
    the embedded colony has to be started first; without `start` it is not. Raises ConfigurationError or
    LocalColonyError.
    """
    if where not in {None, LOCAL, "remote"}:
        raise UsageError(f"There is no colony {where!r}: use 'local' or 'remote'.")
    kind = where or ("remote" if is_configured() else LOCAL)
    with _guard:
        connection = _embedded(announce, start=start) if kind == LOCAL else connection_from_environment()
        session = _sessions.get(kind)
        if session is None or session.connection != connection:
            if session is not None:
                session.close()
            session = _sessions[kind] = Session(connection)
        return session


def connect_for(
    executors: Sequence[str], *, start: bool = True, announce: Callable[[str], None] | None = None
) -> Session:
    """Return the session of the colony that these executors belong to; see `connect`."""
    if LOCAL in executors and len(executors) > 1:
        raise UsageError("The executor 'local' is the embedded colony's: it cannot be mixed with those of another.")
    if executors and not is_configured() and LOCAL not in executors and (hint := did_you_mean(executors[0], [LOCAL])):
        raise ConfigurationError(f"No colony is configured that could have an executor {executors[0]!r}.{hint}")
    where = LOCAL if LOCAL in executors else "remote" if executors else None
    return connect(where, start=start, announce=announce)


def use_environment_file(path: Path) -> tuple[Session, User]:
    """Load an environment file into this process; return the session of the colony that it names, and who one is there.

    The variables are only kept if they make a complete configuration and the colony accepts the key.
    """
    variables = read_env_file(path)
    with Session(connection_from_environment({**process_environment(), **variables})) as trial:
        user = trial.client.me()
    adopt(variables)
    return connect("remote"), user


def _embedded(announce: Callable[[str], None] | None, *, start: bool) -> Connection:
    from pollinator_magic.local.colony import LocalColony

    global _colony  # noqa: PLW0603  it remembers that its daemon has answered, which saves a request a cell
    if _colony is None or _colony.home != LocalColony().home:
        _colony = LocalColony()
    if start and announce is not None and not _colony.running:
        announce("Starting the embedded colony on this machine …")
    return _colony.connection(start=start)
