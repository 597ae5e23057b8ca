"""The static record of a job, with which a page mends a card that nobody updates any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from pollinator_magic.labserver.handlers import Handler, checked_id, checked_names
from pollinator_magic.labserver.lookup import process_of

if TYPE_CHECKING:
    from pollinator_magic.labserver.desk import Desk

MOST = 1000
"""Jobs of one record: as many as a sweep has at most."""
_AT_ONCE = 8


class RecordHandler(Handler):
    """What the job's card says, as HTML without scripts and as text."""

    @web.authenticated
    @authorized
    async def get(self, job: str) -> None:
        """Reply with the record as it is now."""
        self.reply(await self.ask(_record, self.desk, checked_id(job)))


class GroupRecordHandler(Handler):
    """What the card of a sweep says of these jobs, or that of a graph of these steps, in the same form."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Reply with the record of `{"jobs": [names]}`, in this order, as it is now."""
        names = checked_names(self.asked().get("jobs"), MOST)
        self.reply(await self.ask(_group_record, self.desk, names))


def _group_record(desk: Desk, names: list[str]) -> dict[str, Any]:
    from pollinator_magic.cfs.crew import Crew
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.labserver.summaries import told_parameters
    from pollinator_magic.notebook.record import graph_record_of, group_record_of

    place, known = desk.place(), desk.watcher().overview().index.named(names)
    ids = [known[name].id if name in known else name for name in names]
    with Crew(_AT_ONCE, "pollinator-record") as crew:
        processes = crew.each(lambda job, _: process_of(place.quick, job), ids)
    if len(graphs := {process.processgraphid for process in processes}) == 1 and "" not in graphs:
        drawn = graph_record_of([Job(place.session, process) for process in processes])
        return {"closed": drawn.closed, "html": drawn.html(), "text": drawn.plain()}
    face = group_record_of([(Job(place.session, process), told_parameters(process)) for process in processes])
    return {"closed": face.closed, "html": face.html(), "text": face.plain()}


def _record(desk: Desk, job: str) -> dict[str, Any]:
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.jobs.ledger import Ledger
    from pollinator_magic.notebook.record import record_of
    from pollinator_magic.project import Project

    place, entry = desk.place(), Ledger().read().get(job)
    project = Project(entry.project) if entry is not None else None
    here = None if entry is None else entry.notebook.parent if entry.notebook is not None else entry.project
    face = record_of(Job(place.session, process_of(place.quick, job), project), here)
    return {"closed": face.closed, "html": face.html(), "text": face.plain()}
