"""The log of a job: in pages, and as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from pollinator_magic.labserver.attachments import Attachment
from pollinator_magic.labserver.handlers import Handler, checked_id
from pollinator_magic.labserver.lookup import process_of
from pollinator_magic.labserver.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.labserver.desk import Desk

_USUAL_SIZE = 64 * 1024


class LogHandler(Handler):
    """A page of the log."""

    @web.authenticated
    @authorized
    async def get(self, job: str) -> None:
        """Reply with what comes after a cursor."""
        size = self.get_query_argument("size", str(_USUAL_SIZE))
        if not size.isascii() or not size.isdecimal() or len(size) > 12:
            raise Refused(400, f"{size[:80]!a} is no number of characters.", "Give a whole number as size.")
        cursor = self.get_query_argument("cursor", "", strip=False)
        self.reply(await self.ask(_page, self.desk, checked_id(job), cursor, int(size)))


class LogFileHandler(Attachment):
    """The whole log, as far as it is there, as plain text."""

    @web.authenticated
    @authorized
    async def get(self, job: str) -> None:
        """Reply with a file, of which only a piece is here at a time."""
        pieces = await self.ask(_pieces, self.desk, checked_id(job))
        self.set_header("Cache-Control", "no-store")
        self.attach(f"{job[:12]}.log.txt", "text/plain; charset=utf-8")
        await self.send(lambda: next(pieces, None))


def _page(desk: Desk, job: str, cursor: str, size: int) -> dict[str, Any]:
    from pollinator_magic.labserver.logpages import Place, read_page

    place = Place.read(cursor, job)
    client = desk.place().quick
    page = read_page(client, process_of(client, job), place, size)
    return {"text": page.text, "cursor": page.place.cursor(job), "more": page.more, "complete": page.complete}


def _pieces(desk: Desk, job: str) -> Iterator[bytes]:
    """Return the log in pieces; what is wrong with the job is raised at once."""
    from pollinator_magic.labserver.logpages import whole_log
    from pollinator_magic.labserver.logtext import colourless

    place = desk.place()
    process_of(place.quick, job)
    return (colourless(text).encode() for text in whole_log(place.client, job))
