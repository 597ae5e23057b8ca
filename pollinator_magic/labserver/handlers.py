"""What all handlers share: who may ask, where calls of the library run, and how a refusal is told.

A handler is a few lines: it reads its arguments, asks the library in the desk's threads, and writes what comes back.

    class ExecutorsHandler(Handler):
        @web.authenticated
        @authorized
        async def get(self) -> None:
            self.reply({"executors": await self.ask(executors_of, self.desk)})
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError

from pollinator_magic.labserver.desk import desk_of
from pollinator_magic.labserver.refusals import Refused, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pollinator_magic.labserver.desk import Desk

P = ParamSpec("P")
T = TypeVar("T")

RESOURCE = "pollinator-magic"
"""What an authorizer of the Jupyter server may allow or not."""
_ID = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[0-9a-f]{12}|[0-9a-f]{64}")
_log = logging.getLogger(__name__)


class Handler(APIHandler):
    """Base of the handlers of this package."""

    auth_resource = RESOURCE

    @property
    def desk(self) -> Desk:
        """Which colony the pages of this server look at."""
        return desk_of(self.settings)

    async def ask(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what may wait for a network in one of the desk's threads; return what it returns."""
        return await self.desk.threads.ask(function, *args, **kwargs)

    def reply(self, content: object) -> None:
        """Write the reply as JSON; nobody keeps a copy of it."""
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(content, ensure_ascii=False, separators=(",", ":")))

    def asked(self) -> dict[str, Any]:
        """Return the JSON object in the request's body; raise Refused for anything else."""
        try:
            content = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise Refused(400, "The request's body must be a JSON object.")
        return content

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Refuse the pages of other sites as such: Jupyter's own 404 would read as if there were no server half."""
        if not super().check_origin(origin_to_satisfy_tornado) or self._is_embedded_elsewhere:
            raise Refused(403, "A page of another site may not ask this.")
        return True

    @property
    def _is_embedded_elsewhere(self) -> bool:
        """Whether a browser asks for a page of another site that tells no origin, as for a script or a picture."""
        trusted = self.skip_check_origin() or self.allow_origin or self.allow_origin_pat
        return self.request.headers.get("Sec-Fetch-Site") == "cross-site" and not trusted

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what is wrong and what to do; always both keys, by which a page knows that the server half answers."""
        error = kwargs.get("exc_info", (None, None))[1]
        refusal = refusal_of(error, status_code)
        self.set_status(refusal.status)
        self.reply({"message": refusal.message, "remedy": refusal.remedy})

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log at length only what was not foreseen."""
        from pollinator_magic.errors import PollinatorError

        if isinstance(value, PollinatorError | HTTPError):
            _log.info("%s %s: %s", self.request.method, self.request.path, value)
        else:
            super().log_exception(typ, value, tb)


def checked_names(names: object, most: int) -> list[str]:
    """Return what names at most so many jobs, whole ids or their first 12 characters; raise Refused for all else."""
    if not isinstance(names, list) or not 0 < len(names) <= most:
        raise Refused(400, f"1 to {most:,} jobs have to be named.", "Give a list of their ids.")
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Refused(404, f"{str(name)[:80]!a} names no job.", "Give whole ids, or their first 12 characters.")
    return names


def checked_id(text: str) -> str:
    """Return a process id; raise Refused for what can be none."""
    if not _ID.fullmatch(text):
        raise Refused(404, f"{text[:80]!a} is not the id of a job.", "An id is 64 hexadecimal characters.")
    return text
