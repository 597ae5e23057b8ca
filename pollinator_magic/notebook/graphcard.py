"""The card of a graph: the one display of all its steps, from before the first runs until the last has ended."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pollinator_magic.errors import PollinatorError
from pollinator_magic.jobs.steps import StepState
from pollinator_magic.notebook.background import Tail as TailOfLog
from pollinator_magic.notebook.controls import Controls, view_of
from pollinator_magic.notebook.graphface import GraphFace, Tail
from pollinator_magic.notebook.groupface import took
from pollinator_magic.notebook.livecard import LiveCard
from pollinator_magic.notebook.record import tail_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.graph import Graph
    from pollinator_magic.jobs.listeners import Said

_PUBLISH_EVERY_S = 1.0
"""The static part of a live card is for reopened notebooks, and need not be newer."""


class GraphControls(Controls):
    """The live part of a graph's card: what changes is apart, so that folds stay as the user has left them."""

    def __init__(self, steps: Sequence[str], *, on_cancel: Callable[[], None], on_leave: Callable[[], None]) -> None:
        import ipywidgets as widgets

        super().__init__("", on_cancel=on_cancel, on_leave=on_leave)
        self._cancel.add_class("pollinator-group")
        self._cancel.tooltip = "Cancel the graph: all steps that have not ended"
        self._leave.tooltip = "Let the graph go on, and go on with the next cell"
        self.cancelling(now=False)
        style = self._text.style
        self._picture = widgets.HTML(layout=self._wide, style=style)
        self._table = widgets.HTML(layout=self._wide, style=style)
        self._logs = {name: widgets.HTML(layout=self._wide, style=style) for name in steps}
        self._inside = widgets.VBox([self._table, *self._logs.values()], layout=self._wide)
        self._fold = widgets.Accordion(
            [self._inside], titles=("the steps and their logs",), selected_index=None, layout=self._wide
        )
        self._whole = widgets.VBox([self._box, self._picture, self._fold], layout=self._wide)

    @property
    def bundle(self) -> dict[str, Any]:
        """The widget as a display holds it."""
        return view_of(self._whole)

    def show(self, face: GraphFace) -> None:
        """Show the graph; what has not changed is not touched."""
        self.text(face.head_html())
        self._picture.value = face.picture_html()
        self._table.value = face.steps_html()
        for name, log in self._logs.items():
            log.value = face.log_html(name)

    def cancelling(self, *, now: bool) -> None:
        """Show that the graph is being cancelled, or that it can be."""
        super().cancelling(now=now)
        if not now:
            self._cancel.description = "Cancel graph"

    def _parts(self) -> list[Any]:
        return [*super()._parts(), self._picture, self._fold]

    def close(self) -> None:
        """Close all widgets."""
        super().close()
        for widget in (self._inside, self._table, *self._logs.values(), self._whole):
            widget.close()


class GraphCard(LiveCard[GraphFace]):
    """The card of one graph."""

    def __init__(self) -> None:
        super().__init__(GraphFace())
        self._graph: Graph | None = None
        self._tails: dict[str, TailOfLog] = {}
        self._read: dict[str, Tail] = {}
        self._published_s = 0.0

    def begin(self, graph: Graph) -> None:
        """Show this graph from now on."""
        self._graph = graph
        read = self._read_logs()
        with self._guard:
            self._read = read
            self._since_s = time.monotonic()
            self._look()
            if self.live and not self._face.closed:
                self._enliven(lambda: GraphControls(list(graph), on_cancel=self._cancel, on_leave=self._leave))
            self._show()

    def change(self) -> None:
        """Show soon that a step is in another state."""
        with self._guard:
            self._stale = True

    def said(self, said: Said) -> None:
        """Show soon what a step has written."""
        with self._guard:
            self._tails.setdefault(said.job.id, TailOfLog()).add(said.event)
            self._stale = True

    def finish(self, results: tuple[str, str] = ("", "")) -> None:
        """Show what has become of all steps, and become static; `results` is what came back, as HTML and as text."""
        read = self._read_logs()
        with self._guard:
            self._read |= read
            self._look()
            since = took(self._face.rows)
            self._face = replace(
                self._face, since=since, waiting="", hint="", results=results[0], results_text=results[1]
            )
            self._final = True
            self._retire()
            self._show()

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
        """If no step has begun yet: the first that could."""
        rows = self._face.rows
        if self._graph is None or not rows or any(row.step is not StepState.WAITING for row in rows):
            return None
        return self._graph.session, self._graph[rows[0].name].process, time.monotonic() - self._since_s

    def _mark(self) -> dict[str, Any]:
        jobs = [row.job.id for row in self._face.rows if row.job is not None]
        return {"jobs": jobs, "count": len(jobs)} if jobs else {}

    def _cancel_it(self) -> str:
        try:
            if self._graph is not None:
                self._graph.cancel()
        except PollinatorError as error:
            return f"It could not be cancelled: {error}"
        self.change()
        return ""

    def _look(self) -> None:
        """Take down how far the steps are."""
        if self._graph is not None:
            heard = {name: self._tails[job.id] for name, job in self._graph.items() if job.id in self._tails}
            self._face = replace(
                self._face,
                short_id=self._graph.short_id,
                rows=tuple(self._graph.rows()),
                tails={**self._read, **{name: Tail(tuple(one.lines()), one.count) for name, one in heard.items()}},
                links={job.id: job.dashboard_url for job in self._graph.values()},
            )
            if self.waits() is None:
                self._face = replace(self._face, waiting="")

    def _read_logs(self) -> dict[str, Tail]:
        """Ask for the ends of the logs of steps that had ended before anybody listened."""
        steps = list(self._graph.items()) if self._graph is not None else []
        read: dict[str, Tail] = {}
        for name, job in steps:
            heard = job.id in self._tails or name in self._read
            if not heard and job.process.status.closed and job.process.started_at is not None:
                try:
                    read[name] = tail_of(job)
                except PollinatorError:  # that it cannot be had is no reason to say nothing of the graph
                    break
        return read

    def _since(self) -> str:
        since = super()._since()
        return f"for {since}" if since else self._face.since

    def _paint(self, controls: Controls) -> None:
        if isinstance(controls, GraphControls):
            controls.show(self._face)

    def _publish(self, bundle: dict[str, str], metadata: dict[str, Any], *, again: bool) -> None:
        self._published_s = time.monotonic()
        super()._publish(bundle, metadata, again=again)
