"""The card of a graph: the one display of all its steps, from before the first runs until the last has ended."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError
from pollinator_magic.notebook.background import Tail as TailOfLog
from pollinator_magic.notebook.graphface import GraphFace, Tail
from pollinator_magic.notebook.manycard import ManyCard, ManyControls
from pollinator_magic.notebook.record import tail_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pollinator_magic.jobs.graph import Graph
    from pollinator_magic.jobs.listeners import Said


class GraphControls(ManyControls[GraphFace]):
    """The live part of a graph's card: what changes is apart, so that folds stay as the user has left them."""

    def __init__(self, steps: Sequence[str], *, on_cancel: Callable[[], None], on_leave: Callable[[], None]) -> None:
        import ipywidgets as widgets

        super().__init__("Cancel graph", on_cancel=on_cancel, on_leave=on_leave)
        self._cancel.tooltip = "Cancel the graph: all steps that have not ended"
        self._leave.tooltip = "Let the graph go on, and go on with the next cell"
        style = self._text.style
        self._picture = widgets.HTML(layout=self._wide, style=style)
        self._table = widgets.HTML(layout=self._wide, style=style)
        self._logs = {name: widgets.HTML(layout=self._wide, style=style) for name in steps}
        self._inside = widgets.VBox([self._table, *self._logs.values()], layout=self._wide)
        self._put_in_fold("the steps and their logs", self._inside, self._picture)

    def show(self, face: GraphFace) -> None:
        """Show the graph."""
        self.text(face.head_html())
        self._picture.value = face.picture_html()
        self._table.value = face.steps_html()
        for name, log in self._logs.items():
            log.value = face.log_html(name)

    def close(self) -> None:
        """Close all widgets."""
        super().close()
        for widget in (self._inside, self._table, *self._logs.values()):
            widget.close()


class GraphCard(ManyCard[GraphFace]):
    """The card of one graph."""

    def __init__(self) -> None:
        super().__init__(GraphFace())
        self._graph: Graph | None = None
        self._tails: dict[str, TailOfLog] = {}
        self._read: dict[str, Tail] = {}

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
            self._face = replace(self._face, results=results[0], results_text=results[1])
            self._conclude()

    def _cancel_it(self) -> None:
        if self._graph is not None:
            self._graph.cancel()
            self.change()

    def _seen(self) -> GraphFace:
        if self._graph is None:
            return self._face
        heard = {name: self._tails[job.id] for name, job in self._graph.items() if job.id in self._tails}
        return replace(
            self._face,
            short_id=self._graph.short_id,
            rows=tuple(self._graph.rows()),
            tails={**self._read, **{name: Tail(tuple(one.lines()), one.count) for name, one in heard.items()}},
        )

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
