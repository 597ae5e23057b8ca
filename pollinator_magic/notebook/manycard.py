"""The card of many jobs: what the cards of a sweep and of a graph have in common."""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.listeners import Said
from pollinator_magic.notebook.controls import Controls, view_of
from pollinator_magic.notebook.livecard import LiveCard
from pollinator_magic.notebook.manyface import ManyFace, took
from pollinator_magic.screen import describe_connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.listeners import Change

M = TypeVar("M", bound=ManyFace[Any])

_WHOLE = 100
"""If there are more jobs, they are named to the page by the beginnings of their ids, so that an update stays small."""
_PUBLISH_EVERY_S = 1.0
"""The static part of a live card is for reopened notebooks, and need not be newer."""


class ManyControls(Controls, Generic[M]):
    """The live part of a card of many jobs, which are in a fold that stays as the user has left it.

    `cancel` is what the button says that cancels all of them.
    """

    def __init__(self, cancel: str, *, on_cancel: Callable[[], None], on_leave: Callable[[], None]) -> None:
        super().__init__("", on_cancel=on_cancel, on_leave=on_leave)
        self._cancel.add_class("pollinator-group")
        self._says = cancel
        self.cancelling(now=False)

    def _put_in_fold(self, title: str, inside: Any, *above: Any) -> None:
        """Make the fold; what is `above` is between the first line and it."""
        import ipywidgets as widgets

        fold = widgets.Accordion([inside], titles=(title,), selected_index=None, layout=self._wide)
        self._below = [*above, fold]
        self._whole = widgets.VBox([self._box, *self._below], layout=self._wide)

    @property
    def bundle(self) -> dict[str, Any]:
        """The widget as a display holds it."""
        return view_of(self._whole)

    @abstractmethod
    def show(self, face: M) -> None:
        """Show the jobs; what has not changed is not touched."""

    def cancelling(self, *, now: bool) -> None:
        """Show that all are being cancelled, or that they can be."""
        super().cancelling(now=now)
        if not now:
            self._cancel.description = self._says

    def _parts(self) -> list[Any]:
        return [*super()._parts(), *self._below]

    def close(self) -> None:
        """Close all widgets."""
        super().close()
        self._whole.close()


class ManyCard(LiveCard[M]):
    """One card for all jobs."""

    def __init__(self, face: M) -> None:
        super().__init__(face)
        self._published_s = 0.0

    def hear(self, change: Change) -> None:
        """Show what happened, soon."""
        if isinstance(change, Said):
            self.said(change)
        elif isinstance(change, Job):
            self.change()
        else:
            self.note(describe_connection(change))

    def change(self) -> None:
        """Show soon that a job is in another state."""
        with self._guard:
            self._stale = True

    def said(self, said: Said) -> None:
        """Show soon what a job has written, if the card shows that."""

    def tick(self) -> None:
        """Let the time pass, and show what has changed."""
        with self._guard:
            changed = self._stale
            if changed:
                self._look()
            super().tick()
            if changed and self._controls is not None:
                self._stale = time.monotonic() - self._published_s < _PUBLISH_EVERY_S
                if not self._stale:
                    self._show()

    def waits(self) -> tuple[Session, Process, float] | None:
        """If no job has begun yet: the first that could."""
        rows = self._face.rows
        first = rows[0].job if rows else None
        if first is None or any(row.status is not ProcessState.WAITING for row in rows):
            return None
        return first.session, first.process, time.monotonic() - self._since_s

    def _mark(self) -> dict[str, Any]:
        jobs = [row.job for row in self._face.rows if row.job is not None]
        names = [job.id if len(jobs) <= _WHOLE else job.short_id for job in jobs]
        return {"jobs": names, "count": len(names)} if names else {}

    def _conclude(self) -> None:
        """Show what has become of all jobs, and become static."""
        self._look()
        self._face = replace(self._face, since=took(self._face.rows), waiting="", hint="")
        self._final = True
        self._retire()
        self._show()

    def _look(self) -> None:
        """Take down how far the jobs are."""
        face = self._seen()
        links = {row.job.id: row.job.dashboard_url for row in face.rows if row.job is not None}
        self._face = replace(face, links=links)
        if self.waits() is None:
            self._face = replace(self._face, waiting="")

    @abstractmethod
    def _seen(self) -> M:
        """Return the face with what is known of the jobs now."""

    def _since(self) -> str:
        since = super()._since()
        return f"for {since}" if since else self._face.since

    def _paint(self, controls: Controls) -> None:
        if isinstance(controls, ManyControls):
            controls.show(self._face)

    def _publish(self, bundle: dict[str, str], metadata: dict[str, Any], *, again: bool) -> None:
        self._published_s = time.monotonic()
        super()._publish(bundle, metadata, again=again)
