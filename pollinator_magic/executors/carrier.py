"""Carries what a job prints, and what is known of where it runs, to the server, and notes how far that has come."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import AttributeType
from pollinator_magic.executors.logbatch import LineAssembler
from pollinator_magic.executors.logplace import Trail

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.executors.counts import Counts
    from pollinator_magic.executors.engine import Running
    from pollinator_magic.executors.journal import Journal
    from pollinator_magic.executors.reporter import Reporter

_log = logging.getLogger(__name__)
_READ_S = 0.1
_NOTE_S = 1.0


class Carrier:
    """Carries for one job; what the reporter says next is the job's log. With `noting`, places go to the journal."""

    def __init__(
        self, job: Running, process: Process, reporter: Reporter, journal: Journal, counts: Counts, *, noting: bool
    ) -> None:
        self._job = job
        self._id = process.processid
        self._reporter = reporter
        self._journal = journal
        self._counts = counts
        self._noting = noting
        self._lines = LineAssembler()
        self._trail = Trail()
        self._begin = reporter.said
        self._noted: tuple[int, str] | None = None
        self._note_at = 0.0
        env = (one for one in process.attributes if one.attributetype == AttributeType.ENV)
        self._told = {one.key: one.value for one in env}

    def carry(self) -> bool:
        """Carry what is there, or wait a moment for some; return whether there may be more."""
        self._tell()
        carried = True
        if self._reporter.has_room:
            data = self._job.read(_READ_S)
            self._feed(data)
            self._reporter.say(self._lines.take(time.monotonic()))
            carried = bool(data)
        else:
            time.sleep(_READ_S)
        if time.monotonic() >= self._note_at:
            self.note()
        return carried

    def finish(self) -> None:
        """Carry what was held back, after the end."""
        self._tell()
        self._reporter.say(self._lines.finish())

    def note(self) -> None:
        """Note up to where the server has the log."""
        if not self._noting:
            return
        self._trail.acknowledged(self._reporter.acknowledged)
        if self._trail.safe is not None and self._trail.safe != self._noted:
            self._noted = self._trail.safe
            at, position = self._noted
            self._journal.reach(self._id, self._reporter.place(position, at))
        self._note_at = time.monotonic() + _NOTE_S

    def _feed(self, data: bytes) -> None:
        self._counts.add(log_bytes=len(data))
        self._lines.feed(data, time.monotonic())
        if self._noting and not self._lines.torn:
            self._trail.read(self._begin + self._lines.fed, self._job.position)

    def _tell(self) -> None:
        """Have said what has become known of where the job runs; first noted, so that a next attempt can tell."""
        new = {key: value for key, value in self._job.attributes.items() if key not in self._told}
        if new:
            self._told |= new
            job = next((value for key, value in new.items() if "JOB" in key), "")
            where = {"job": job, "node": new.get("NODES", "")}
            _log.info("Where process %r runs is known.", self._id, extra=where)
            past = self._journal.past(self._id)
            self._journal.attach(self._id, {**(past.attributes if past else {}), **new})
            for key, value in new.items():
                self._reporter.attach(key, value)
