"""The static record of a job, with which a page mends a card that nobody updates any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from pollinator_magic.labserver.handlers import Handler, checked_id
from pollinator_magic.labserver.lookup import process_of
from pollinator_magic.labserver.refusals import Refused

if TYPE_CHECKING:
    from pollinator_magic.labserver.desk import Desk

MOST = 100
"""Jobs of one record: each is asked for."""


class RecordHandler(Handler):
    """What the job's card says, as HTML without scripts and as text."""

    @web.authenticated
    @authorized
    async def get(self, job: str) -> None:
        """Reply with the record as it is now."""
        self.reply(await self.ask(_record, self.desk, checked_id(job)))


class GroupRecordHandler(Handler):
    """What the card of a sweep says of these jobs, in the same form."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Reply with the record of `{"jobs": [ids]}`, in this order, as it is now."""
        jobs = self.asked().get("jobs")
        if not isinstance(jobs, list) or not 0 < len(jobs) <= MOST:
            raise Refused(400, f"A record is of 1 to {MOST} jobs.", 'Ask for {"jobs": […]}.')
        self.reply(await self.ask(_group_record, self.desk, [checked_id(str(job)) for job in jobs]))


def _group_record(desk: Desk, jobs: list[str]) -> dict[str, Any]:
    from pollinator_magic.jobs.job import Job
    from pollinator_magic.labserver.summaries import told_parameters
    from pollinator_magic.notebook.record import group_record_of

    place = desk.place()
    processes = [process_of(place.quick, job) for job in jobs]
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
