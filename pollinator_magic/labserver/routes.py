"""Which handler answers which address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.utils import url_path_join

from pollinator_magic.labserver.connections import ConnectionHandler, ExecutorsHandler
from pollinator_magic.labserver.events import EventsHandler
from pollinator_magic.labserver.jobs import CancelHandler, JobHandler, JobsHandler
from pollinator_magic.labserver.logs import LogFileHandler, LogHandler
from pollinator_magic.labserver.records import GroupRecordHandler, RecordHandler
from pollinator_magic.labserver.results import ResultHandler, ResultsHandler

if TYPE_CHECKING:
    from tornado.web import RequestHandler

NAME = "pollinator-magic"
_JOB = r"jobs/([^/]+)"
_HANDLERS: list[tuple[str, type[RequestHandler]]] = [
    ("connection", ConnectionHandler),
    ("executors", ExecutorsHandler),
    ("events", EventsHandler),
    ("jobs", JobsHandler),
    (_JOB, JobHandler),
    (f"{_JOB}/cancel", CancelHandler),
    (f"{_JOB}/log", LogHandler),
    (rf"{_JOB}/log\.txt", LogFileHandler),
    (f"{_JOB}/results", ResultsHandler),
    (f"{_JOB}/results/(.+)", ResultHandler),
    (f"{_JOB}/record", RecordHandler),
    ("record", GroupRecordHandler),
]


def routes(base_url: str) -> list[tuple[str, type[RequestHandler]]]:
    """Return the routes of all handlers below `base_url`."""
    return [(url_path_join(base_url, NAME, path), handler) for path, handler in _HANDLERS]
