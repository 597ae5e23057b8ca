"""The card of a job: the one display of a job that is updated in place, from before it is sent until it is over."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.notebook.controls import JobControls
from pollinator_magic.notebook.face import Face
from pollinator_magic.notebook.livecard import LiveCard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Job, Session
    from pollinator_magic.notebook.controls import Controls
    from pollinator_magic.tunnels.news import TunnelNews


class JobCard(LiveCard[Face]):
    """The card of one job."""

    def __init__(self) -> None:
        super().__init__(Face())
        self._job: Job | None = None

    def begin(self, job: Job) -> None:
        """Show this job from now on, which is followed by the cell that is running."""
        with self._guard:
            self._job = job
            self._face = replace(self._face, short_id=job.short_id, url=job.dashboard_url)
            if self.live and not job.process.status.closed:
                self._enliven(lambda: JobControls(job.id, on_cancel=self._cancel, on_leave=self._leave))
            self.change(job.process)

    def change(self, process: Process) -> None:
        """Show the state of the process."""
        with self._guard:
            before = self._face.process
            if before is None or (before.status, before.retries) != (process.status, process.retries):
                # The clock of the server may be wrong: it is only believed for what was before.
                self._since_s = time.monotonic() - (_age_s(process) if before is None else 0.0)
            self._face = replace(self._face, process=process, waiting="")
            self._face = replace(self._face, since=self._since())
            if process.status.closed:
                self._final = self._followed or before is None  # else the results are still to come
                self._retire()
            self._show()

    def tail(self, lines: Sequence[str], *, count: int, displays: int) -> None:
        """Show the last lines of a log of so many lines and rich outputs, soon."""
        with self._guard:
            self._face = replace(self._face, tail=tuple(lines), lines=count, displays=displays)
            self._stale = True

    def tunnel(self, news: TunnelNews | None) -> None:
        """Show how it is with the tunnel to the job; None if there is none any more."""
        with self._guard:
            if news != self._face.tunnel:
                self._face = replace(self._face, tunnel=news)
                self._show()

    def results(self, html_text: str, plain: str) -> None:
        """Show what came back, as HTML that is safe and as text."""
        with self._guard:
            self._face = replace(self._face, results=html_text, results_text=plain)
            self._show()

    def conclude(self) -> None:
        """Everything has been said."""
        with self._guard:
            self._final = True
            self._show()

    def waits(self) -> tuple[Session, Process, float] | None:
        """If its job waits: for which process of which session, and for how many seconds."""
        job, process = self._job, self._face.process
        if job is None or process is None or process.status is not ProcessState.WAITING:
            return None
        return job.session, process, time.monotonic() - self._since_s

    def _mark(self) -> dict[str, Any]:
        return {} if self._job is None else {"job": self._job.id}

    def _cancel_it(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _paint(self, controls: Controls) -> None:
        if isinstance(controls, JobControls):
            controls.show(self._face)


def _age_s(process: Process) -> float:
    """For how long the process has been in its state, by the clock of the server."""
    began = process.started_at if process.status is ProcessState.RUNNING else process.submitted_at
    return max((datetime.now(timezone.utc) - began).total_seconds(), 0.0) if began else 0.0
