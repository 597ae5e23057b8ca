"""The results of a job: what there is, and each of them as a file."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from pollinator_magic.labserver.attachments import Attachment
from pollinator_magic.labserver.handlers import Handler, checked_id
from pollinator_magic.labserver.lookup import process_of
from pollinator_magic.labserver.ranges import Span, asked_span, is_current
from pollinator_magic.labserver.refusals import Refused
from pollinator_magic.labserver.resultcache import Wanted, results_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pollinator_magic.cfs.state import Stored
    from pollinator_magic.errors import UnsafeName
    from pollinator_magic.labserver.desk import Desk

MOST = 20_000
"""Results that are listed."""
_PIECE = 256 * 1024
_SHOWN = 200  # characters of a name that is none


class ResultsHandler(Handler):
    """The list of results."""

    @web.authenticated
    @authorized
    async def get(self, job: str) -> None:
        """Reply with the names, sizes and checksums, and with what is not listed."""
        self.reply(await self.ask(_list, self.desk, checked_id(job)))


class ResultHandler(Attachment):
    """One result."""

    @web.authenticated
    @authorized
    async def get(self, job: str, name: str) -> None:
        """Reply with the file or a part of it; without it to those who have it already."""
        wanted = await self.ask(_wanted, self.desk, checked_id(job), name)
        etag, size = f'"{wanted.checksum}"', wanted.stored.size
        if is_current(self.request.headers, etag):
            self._describe(etag)
            self.set_status(304)
            self.finish(set_content_type="application/octet-stream")
            return
        span = asked_span(self.request.headers, size, etag)
        if span is not None and span.start == span.end:
            self.set_status(416)
            self.set_header("Content-Range", f"bytes */{size}")
            self.reply({"message": f"{name!a} has only {size:,} bytes.", "remedy": "Ask for a part that it has."})
            return
        with await results_of(self.settings).open(wanted) as file:
            self._describe(etag)
            self.attach(name, "application/octet-stream")
            if span is not None:
                self.set_status(206)
                self.set_header("Content-Range", f"bytes {span.start}-{span.end - 1}/{size}")
            start, end = span or Span(0, size)
            self.set_header("Content-Length", str(end - start))
            await self.ask(file.seek, start)
            left = end - start

            def take() -> bytes | None:
                nonlocal left
                if not left:
                    return None
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise EOFError(f"{name!a} has become shorter")
                left -= len(piece)
                return piece

            await self.send(take)

    def _describe(self, etag: str) -> None:
        self.set_header("ETag", etag)
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Cache-Control", "private, no-cache")


def _list(desk: Desk, job: str) -> dict[str, Any]:
    from pollinator_magic.jobs.job import Job

    place = desk.place()
    known, files = Job(place.session, process_of(place.quick, job)), place.session.filesystem
    refused: list[UnsafeName] = []
    found = files.contents(known.result_label, refused) if known.result_label is not None else {}
    told = listed(known.short_id, found, [error.path for error in refused])
    return {**told, "complete": known.process.status.closed}


def listed(job: str, found: Mapping[str, Stored], unsafe: Sequence[str]) -> dict[str, Any]:
    """Return what is told of the results of a job, and in sentences what is left out; `unsafe` are names of no file."""
    from pollinator_magic.jobs.results import HIDDEN
    from pollinator_magic.notebook.gallery.listing import natural

    names = sorted((name for name in found if not name.startswith(f"{HIDDEN}/")), key=natural)
    notes = []
    if len(names) > MOST:
        every = f"`%pollinator pull {job}` brings all of them."
        notes.append(f"Only the first {MOST:,} of {len(names):,} results are listed. {every}")
    if unsafe:
        others = f" and {len(unsafe) - 1:,} more" if len(unsafe) > 1 else ""
        notes.append(f"Not listed: {unsafe[0][:_SHOWN]!a}{others}. No file here can have such a name.")
    return {
        "files": [{"name": name, "size": found[name].size, "sha256": found[name].checksum} for name in names[:MOST]],
        "notes": notes,
    }


def _wanted(desk: Desk, job: str, name: str) -> Wanted:
    from pollinator_magic.cfs.names import check_path
    from pollinator_magic.errors import NotFound, UnsafeName
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.jobs.results import HIDDEN

    try:
        check_path(name)
    except UnsafeName:
        raise Refused(400, f"{name[:200]!a} cannot be the name of a result.", "Ask for one that is listed.") from None
    place = desk.place()
    known, files = Job(place.session, process_of(place.quick, job)), place.session.filesystem
    if known.result_label is not None and not name.startswith(f"{HIDDEN}/"):
        with contextlib.suppress(NotFound):
            stored = files.find(known.result_label, name)
            return Wanted(job, name, stored, files)
    remedy = "Look at the list of its results." if known.process.status.closed else "It has not ended yet."
    raise Refused(404, f"Job {known.short_id} has left no result {name[:200]!a}.", remedy)
