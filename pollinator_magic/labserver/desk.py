"""Which colony the pages of a Jupyter server look at: one desk a server, whatever pages it has.

The sessions are those of `pollinator_magic.sessions`. The embedded colony is never started by looking.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pollinator_magic.labserver.notebooks import Notebooks
from pollinator_magic.labserver.refusals import Refused, problem_and_remedy
from pollinator_magic.labserver.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.errors import PollinatorError
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.labserver.watcher import Watcher

Where = Literal["local", "remote"]
_AT_ONCE = 8
_CONNECT_TIMEOUT_S = 3.0
_READ_TIMEOUT_S = 10.0
_SETTING = "pollinator_magic_desk"
_NOT_RUNNING = "The embedded colony is not running."
_HOW_IT_STARTS = "It starts with the first `%%pollinate local` cell."


@dataclass(frozen=True)
class Place:
    """A colony that can be looked at."""

    where: Where
    session: Session
    quick: Colonies
    """A client that does not wait as long as that of the session, which carries jobs."""

    @property
    def client(self) -> Colonies:
        """The client of the session."""
        return self.session.client

    @property
    def identity(self) -> str:
        """Who one is there."""
        return self.session.connection.key.identity


class Desk:
    """One colony at a time, for all pages. Everything but `threads` may wait for a network."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.root = Path(settings.get("server_root_dir") or ".")
        """The directory that the Jupyter server shows."""
        self.threads = Threads(_AT_ONCE, "pollinator-lab")
        self.notebooks = Notebooks(self.root, settings, self.threads)
        self._chosen: Where | None = None
        self._guard = threading.Lock()
        self._place: Place | None = None
        self._watcher: Watcher | None = None
        self._known: dict[str, Any] = {}
        """The connection that was reached last."""

    @property
    def where(self) -> Where:
        """Which colony: what was chosen, else the one that the environment names, else the embedded one."""
        from pollinator_magic.settings import is_configured

        return self._chosen or ("remote" if is_configured() else "local")

    def session(self) -> Session:
        """Return the colony's session; raise ConfigurationError or LocalColonyError where there is none."""
        from pollinator_magic.sessions import connect

        return connect(self.where, start=False)

    def choose(self, where: object, *, start: bool = False) -> None:
        """Look at another colony from now on; `start` starts the embedded one. Raises what keeps one from it."""
        from pollinator_magic.sessions import connect

        if where not in {"local", "remote"}:
            raise Refused(400, f"There is no colony {str(where)[:80]!a}.", "Choose local or remote.")
        if where == "remote" or start:
            connect(where)
        self._chosen = where

    def embedded_runs(self) -> bool:
        """Whether the embedded colony runs. Nobody is asked: it is seen on this machine."""
        from pollinator_magic.local.colony import LocalColony

        return LocalColony().running

    def place(self) -> Place:
        """Return the colony as it can be looked at: the same place as long as it is the same connection."""
        where, session = self.where, self.session()
        with self._guard:
            place = self._place
            if place is None or place.where != where or place.session is not session:
                if place is not None:
                    place.quick.close()
                place = self._place = Place(where, session, _impatient(session))
            return place

    def watcher(self) -> Watcher:
        """Return what knows the colony's jobs; made when it is first asked for."""
        from pollinator_magic.labserver.watcher import Watcher

        with self._guard:
            if self._watcher is None:
                self._watcher = Watcher(self)
            return self._watcher

    def connection(self) -> dict[str, Any]:
        """Return what a page may know of the connection: never a key. One request."""
        from pollinator_magic.errors import PollinatorError

        try:
            return self.reached(self.place())
        except PollinatorError as error:
            return self.lost(error)

    def reached(self, place: Place) -> dict[str, Any]:
        """Return the connection to a colony that answers, or raise why it does not."""
        from pollinator_magic.colonies.envelope import printable
        from pollinator_magic.errors import NotFound

        try:
            user = printable(place.quick.me().name)
        except NotFound:  # an executor's key
            user = ""
        connection = place.session.connection
        self._known = {
            "where": place.where,
            "colony": printable(connection.colony),
            "server": str(connection.server),
            "user": user,
            "identity": place.identity,
        }
        return {**self._known, "choices": _choices(), "reachable": True, "problem": "", "remedy": ""}

    def lost(self, error: PollinatorError) -> dict[str, Any]:
        """Return the connection to a colony that does not answer: as it was known, and why it does not."""
        where = self.where
        unknown = {"where": where, "colony": "", "server": "", "user": "", "identity": ""}
        known = self._known if self._known.get("where") == where else unknown
        problem, remedy = problem_and_remedy(str(error))
        if where == "local" and not self.embedded_runs():
            problem, remedy = _NOT_RUNNING, _HOW_IT_STARTS
        return {**known, "choices": _choices(), "reachable": False, "problem": problem, "remedy": remedy}


def desk_of(settings: dict[str, Any]) -> Desk:
    """Return the desk of the Jupyter server with these settings; made, in its loop, when it is first asked for."""
    desk = settings.get(_SETTING)
    if desk is None:
        desk = settings[_SETTING] = Desk(settings)
    return cast("Desk", desk)


def _impatient(session: Session) -> Colonies:
    from pollinator_magic.colonies.client import Colonies

    connection = session.connection
    client = Colonies(
        connection.server,
        connection.colony,
        connection.key,
        connect_timeout_s=_CONNECT_TIMEOUT_S,
        read_timeout_s=_READ_TIMEOUT_S,
    )
    client.rpc.remedy = session.client.rpc.remedy
    return client


def _choices() -> list[dict[str, str]]:
    from pollinator_magic.colonies.envelope import printable
    from pollinator_magic.errors import ConfigurationError
    from pollinator_magic.settings import connection_from_environment

    try:
        connection = connection_from_environment()
    except ConfigurationError as error:
        remote = {"where": "remote", "title": "Configured colony", "problem": str(error)}
    else:
        title = f"{printable(connection.colony)} at {connection.server}"
        remote = {"where": "remote", "title": title, "problem": ""}
    return [{"where": "local", "title": "Embedded colony on the server's machine", "problem": ""}, remote]
