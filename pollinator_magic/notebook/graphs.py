"""Steps and graphs in a cell: a line for what is collected, one card for all steps of what runs.

A cell that follows a graph waits as for a single job. The card of a graph that nobody follows goes on by itself.
"""

from __future__ import annotations

import logging
import math
import threading
from typing import TYPE_CHECKING

from IPython.display import display

from pollinator_magic.errors import Interrupted, PollinatorError
from pollinator_magic.graphview import bring, describe_graph_left
from pollinator_magic.jobs.events import ConnectionLost
from pollinator_magic.jobs.graph import count_of_steps
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.listeners import Said
from pollinator_magic.notebook.background import LISTED
from pollinator_magic.notebook.collected import collected
from pollinator_magic.notebook.gallery import results_bundle, show_results, static_results
from pollinator_magic.notebook.graphcard import GraphCard
from pollinator_magic.notebook.graphface import drawn_steps
from pollinator_magic.notebook.manyview import ManyView
from pollinator_magic.screen import describe_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pollinator_magic.commands import Context
    from pollinator_magic.jobs.graph import Graph, StepRow
    from pollinator_magic.jobs.listeners import Change
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project, Runner

_log = logging.getLogger(__name__)


def collect(context: Context, project: Project, options: RunOptions, source: str | None, runner: Runner | None) -> None:
    """Keep a cell, or the project as it is, as a step; raise UsageError for what cannot be one before it is sent."""
    name, screen = options.step or "", context.screen
    session = context.session(project.executors)
    for warning in project.warnings:
        screen.say(warning)
    replaced, card = name in collected.steps, GraphCard()
    try:
        with card.transfer() as progress:
            collected.add(
                session,
                project,
                name,
                after=options.after,
                source=source,
                runner=runner,
                patterns=options.patterns,
                progress=progress,
                announce=screen.say,
                origin=context.origin,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted while the files were being sent; step {name!r} was not collected.") from None
    after = f", after {' and '.join(map(repr, options.after))}" if options.after else ""
    did = "replaced" if replaced else "collected"
    card.note(f"Step {name!r} is {did}{after}. `%pollinator graph run` submits {_all_steps(len(collected))}.")


def _all_steps(count: int) -> str:
    return "it" if count == 1 else f"the {count_of_steps(count)}"


def draw(rows: Sequence[StepRow]) -> None:
    """Show steps as a picture."""
    display(drawn_steps(rows), raw=True)


class NotebookGraphView(ManyView):
    """A graph in the cell that follows it."""

    def __init__(self, graph: Graph, *, quiet: bool) -> None:
        self._graph, self._quiet = graph, quiet
        self._card = GraphCard()
        self._card.begin(graph)
        super().__init__(graph, self._card, "the graph")

    def handle(self, event: Change) -> None:
        """Show in the card what happened."""
        if isinstance(event, Said):
            self._card.said(event)
        elif isinstance(event, Job):
            self._card.change()
        else:
            self._card.note(describe_connection(event))

    def finish(self) -> None:
        """Bring what the steps left, and show it: the results below the card."""
        self._graph.collect()
        try:
            results = bring(self._graph, self._card.moving, self._card.note)
        finally:
            self._card.moving(None)
            self._card.finish()
        if results is not None and not self._quiet:
            show_results(results)

    def leave(self) -> None:
        """Let the card go on by itself."""
        if self._card.live:
            _look_after(self._graph, self._card, quiet=self._quiet)
        else:
            print(describe_graph_left(self._graph), flush=True)  # noqa: T201  ordinary cell output is what is meant


def show_graph(graph: Graph) -> None:
    """Show a graph that is the value of a cell: a card, which goes on as long as the graph does."""
    card = GraphCard()
    if not card.live:
        print(repr(graph), flush=True)  # noqa: T201  ordinary cell output is what is meant
        return
    card.begin(graph)
    _look_after(graph, card, quiet=True)


def _look_after(graph: Graph, card: GraphCard, *, quiet: bool) -> None:
    """Keep the card of a graph up to date that no cell follows."""
    card.release(describe_graph_left(graph))
    _Unattended(graph, card, quiet=quiet).start()


class _Unattended:
    """One graph that goes on without a cell. Nothing is printed: other cells are running meanwhile."""

    def __init__(self, graph: Graph, card: GraphCard, *, quiet: bool) -> None:
        self._graph, self._card, self._quiet = graph, card, quiet
        self._finishing = threading.Lock()
        self._end: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._end = self._graph.listen(self._hear)
        self._finish_if_closed()  # what ended before is told to nobody

    def _hear(self, change: Change) -> None:
        """Show what happened, in the poller's thread: nothing here may take long."""
        if isinstance(change, ConnectionLost) and math.isinf(change.retry_in_s):
            self._end()
            self._card.give_up(change.reason)
        elif isinstance(change, Said):
            self._card.said(change)
        elif isinstance(change, Job):
            self._card.change()
            self._finish_if_closed()
        else:
            self._card.note(describe_connection(change))

    def _finish_if_closed(self) -> None:
        if self._graph.closed and self._finishing.acquire(blocking=False):
            self._end()
            threading.Thread(target=self._finish, name="pollinator-graph", daemon=True).start()

    def _finish(self) -> None:
        """Bring what the steps left, and say what became of them."""
        shown = "", ""
        try:
            self._graph.collect()
            results = self._graph.fetch_results(self._card.moving)
            if results and not self._quiet:
                shown = static_results(results, limit=LISTED), results_bundle(results)["text/plain"]
            self._graph.raise_unless_successful()
        except PollinatorError as error:
            self._card.note(str(error))
        except Exception as error:  # noqa: BLE001  the user shall know why the card says no more
            _log.exception("a graph could not be finished")
            self._card.note(f"What the steps left could not be fetched: {type(error).__name__}: {error}")
        finally:
            self._card.moving(None)
            self._card.finish(shown)
