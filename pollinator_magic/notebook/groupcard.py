"""The card of a group: the one display of all its jobs, from before the first file moves until the last job ends."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import PollinatorError
from pollinator_magic.notebook.controls import Controls, view_of
from pollinator_magic.notebook.groupface import GroupFace, took
from pollinator_magic.notebook.livecard import LiveCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.group import Group

_WHOLE = 100
"""The jobs of larger groups are named to the page by the beginnings of their ids, so that an update stays small."""
_PUBLISH_EVERY_S = 1.0
"""The static part of a live card is for reopened notebooks, and need not be newer."""


class GroupControls(Controls):
    """The live part of a group's card: the jobs are in a fold that stays as the user has left it."""

    def __init__(self, *, on_cancel: Callable[[], None], on_leave: Callable[[], None]) -> None:
        import ipywidgets as widgets

        super().__init__("", on_cancel=on_cancel, on_leave=on_leave)
        self._cancel.add_class("pollinator-group")
        self._cancel.tooltip = "Cancel all jobs of this group that have not ended"
        self._leave.tooltip = "Let the jobs go on, and go on with the next cell"
        self.cancelling(now=False)
        self._rows = widgets.HTML(layout=self._wide, style=self._text.style)
        self._fold = widgets.Accordion([self._rows], titles=("the jobs",), selected_index=None, layout=self._wide)
        self._whole = widgets.VBox([self._box, self._fold], layout=self._wide)

    @property
    def bundle(self) -> dict[str, Any]:
        """The widget as a display holds it."""
        return view_of(self._whole)

    def rows(self, text: str) -> None:
        """Show this HTML in the fold."""
        self._rows.value = text

    def cancelling(self, *, now: bool) -> None:
        """Show that the jobs are being cancelled, or that they can be."""
        super().cancelling(now=now)
        if not now:
            self._cancel.description = "Cancel all"

    def _parts(self) -> list[Any]:
        return [*super()._parts(), self._fold]

    def close(self) -> None:
        """Close all widgets."""
        super().close()
        for widget in (self._rows, self._whole):
            widget.close()


class GroupCard(LiveCard[GroupFace]):
    """The card of one group."""

    def __init__(self) -> None:
        super().__init__(GroupFace())
        self._group: Group | None = None
        self._published_s = 0.0

    def grow(self, group: Group) -> None:
        """Show this group; more of its jobs may have been submitted since the last time."""
        with self._guard:
            begins, self._group = self._group is None, group
            self._look(sending=bool(group.missing))
            if not begins:
                self._stale = True
                return
            self._face = replace(self._face, moving=None)
            self._since_s = time.monotonic()
            if self.live and not self._face.closed:
                self._enliven(lambda: GroupControls(on_cancel=self._cancel, on_leave=self._leave))
                self._show()

    def begin(self) -> None:
        """Show that all jobs have been submitted that can be."""
        with self._guard:
            self._look(sending=False)
            self._show()

    def change(self) -> None:
        """Show soon that a job is in another state."""
        with self._guard:
            self._stale = True

    def finish(self, *, listed: bool) -> None:
        """Show what has become of all jobs, and become static; `listed` as in `GroupFace`."""
        with self._guard:
            self._look(sending=False)
            self._face = replace(self._face, since=took(self._face.rows), waiting="", hint="", listed=listed)
            self._final = True
            self._retire()
            self._show()

    def tick(self) -> None:
        """Let the time pass, and show what has changed."""
        with self._guard:
            changed = self._stale
            if changed:
                self._look(sending=self._face.sending)
            super().tick()
            if changed and self._controls is not None:
                self._stale = time.monotonic() - self._published_s < _PUBLISH_EVERY_S
                if not self._stale:
                    self._show()

    def waits(self) -> tuple[Session, Process, float] | None:
        """If no job has begun yet: the first one that waits."""
        if self._group is None or any(row.status is not ProcessState.WAITING for row in self._face.rows):
            return None
        return self._group.session, self._group[0].process, time.monotonic() - self._since_s

    def _mark(self) -> dict[str, Any]:
        jobs = [row.job for row in self._face.rows if row.job is not None]
        names = [job.id if len(jobs) <= _WHOLE else job.short_id for job in jobs]
        return {"jobs": names, "count": len(names)} if names else {}

    def _cancel_it(self) -> str:
        try:
            if self._group is not None:
                self._group.cancel()
        except PollinatorError as error:
            return f"Not all jobs could be cancelled: {error}"
        return ""

    def _look(self, *, sending: bool) -> None:
        """Take down how far the jobs are."""
        if self._group is not None:
            rows = tuple(self._group.rows())
            where = ", ".join(self._group.executor_names) or "any executor"
            links = {row.job.id: row.job.dashboard_url for row in rows if row.job is not None}
            self._face = replace(self._face, where=where, rows=rows, sending=sending, links=links)
            if self.waits() is None:
                self._face = replace(self._face, waiting="")

    def _since(self) -> str:
        since = super()._since()
        return f"for {since}" if since else self._face.since

    def _paint(self, controls: Controls) -> None:
        controls.text(self._face.head_html())
        if isinstance(controls, GroupControls):
            controls.rows(self._face.rows_html())

    def _publish(self, bundle: dict[str, str], metadata: dict[str, Any], *, again: bool) -> None:
        self._published_s = time.monotonic()
        super()._publish(bundle, metadata, again=again)
