"""The jobs of the colony: a list in pages, one of them, and to cancel one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from pollinator_magic.labserver.handlers import Handler, checked_id, checked_names
from pollinator_magic.labserver.lookup import process_of
from pollinator_magic.labserver.refusals import Refused

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.labserver.desk import Desk, Place

MOST = 500
"""Jobs in one page of the list."""
_USUAL = 100
_LONGEST = 200  # characters of a filter


class JobsHandler(Handler):
    """`GET jobs?mine=1&state=running&text=…&cursor=…&count=100`, and `POST jobs` for those that one can name."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return a page of the jobs that satisfy the filter, newest submission first."""
        self.reply(
            await self.ask(
                _page,
                self.desk,
                mine=self.get_query_argument("mine", "") == "1",
                state=self.get_query_argument("state", ""),
                text=self.get_query_argument("text", "")[:_LONGEST],
                cursor=self.get_query_argument("cursor", None),
                count=self.get_query_argument("count", str(_USUAL)),
            )
        )

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Return those jobs of `{"jobs": [names]}` that there are, in no order, and how large their graphs are."""
        self.reply(await self.ask(_named, self.desk, checked_names(self.asked().get("jobs"), MOST)))


class JobHandler(Handler):
    """One job, with all that is known of it."""

    @web.authenticated
    @authorized
    async def get(self, job_id: str) -> None:
        """Return the job as it is now."""
        self.reply(await self.ask(_details, self.desk, checked_id(job_id)))


class CancelHandler(Handler):
    """The end of a job before its time."""

    @web.authenticated
    @authorized
    async def post(self, job_id: str) -> None:
        """Cancel the job unless it has ended; return it as it is then.

        A step of a graph is cancelled with all others, and only for `{"graph": true}`: whoever asks has to know it.
        """
        with_graph = self.asked().get("graph") is True
        self.reply(await self.ask(_cancel, self.desk, checked_id(job_id), with_graph=with_graph))


def _page(desk: Desk, *, mine: bool, state: str, text: str, cursor: str | None, count: str) -> dict[str, Any]:
    import msgspec

    from pollinator_magic.labserver.index import STATES, Filter

    if state not in {"", *STATES}:
        raise Refused(400, f"There is no state {state[:40]!a}.", f"States are {', '.join(STATES)}.")
    if not (count.isascii() and count.isdigit() and 0 < int(count[:9]) <= MOST):
        raise Refused(400, f"A page cannot have {count[:40]!a} jobs.", f"Ask for 1 to {MOST}.")
    wanted = Filter(mine=mine, state=state, text=text)
    overview = desk.watcher().overview()
    try:
        page = overview.index.page(wanted, int(count), cursor)
    except ValueError:
        raise Refused(400, "No page of the list begins there.", "Read the list from its beginning.") from None
    return {
        "jobs": msgspec.to_builtins(page.jobs),
        "next": page.next,
        "total": page.total,
        "counts": overview.counts,
        "now": overview.now,
    }


def _named(desk: Desk, names: list[str]) -> dict[str, Any]:
    import msgspec

    from pollinator_magic.errors import NotFound
    from pollinator_magic.labserver.index import SHORT

    place, watcher = desk.place(), desk.watcher()
    index = watcher.overview().index
    found = index.named(names)
    for name in names:
        if name not in found and len(name) > SHORT:  # it may be too old to be listed
            with contextlib.suppress(NotFound):
                found[name] = watcher.noticed(place.quick.process(name))
    jobs = list(found.values())
    graphs = index.graphs({job.graph for job in jobs if job.graph})
    return {"jobs": msgspec.to_builtins(jobs), "graphs": msgspec.to_builtins(graphs), "now": watcher.now}


def _details(desk: Desk, job_id: str) -> dict[str, Any]:
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.labserver.summaries import details

    place, watcher = desk.place(), desk.watcher()
    process = process_of(place.client, job_id)
    return details(
        watcher.noticed(process),
        process,
        why=_why(place, process),
        dashboard=Job(place.session, process).dashboard_url,
        now=watcher.now,
    )


def _cancel(desk: Desk, job_id: str, *, with_graph: bool) -> dict[str, Any]:
    import msgspec

    from pollinator_magic.jobs.job import Job

    place, watcher = desk.place(), desk.watcher()
    job = Job(place.session, process_of(place.client, job_id))
    job.cancel(with_graph=with_graph)
    told: dict[str, Any] = msgspec.to_builtins(watcher.noticed(job.process))
    watcher.hurry()
    return told


def _why(place: Place, process: Process) -> str:
    """Return why a process waits; nothing if it does not, or if that cannot be told."""
    from pollinator_magic.colonies.models import ProcessState
    from pollinator_magic.errors import ServerError
    from pollinator_magic.notebook.waiting import why_waiting

    if process.status is not ProcessState.WAITING:
        return ""
    try:
        return why_waiting(process, place.client.executors(), place.client.processes(ProcessState.WAITING))
    except ServerError:
        return ""
