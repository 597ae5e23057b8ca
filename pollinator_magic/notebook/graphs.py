"""Steps and graphs in a cell: a line for what is collected, one card for all steps of what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.display import display

from pollinator_magic.errors import Interrupted
from pollinator_magic.graphview import bring, describe_graph_left
from pollinator_magic.jobs.graph import count_of_steps
from pollinator_magic.notebook.background import LISTED
from pollinator_magic.notebook.collected import collected
from pollinator_magic.notebook.gallery import results_bundle, show_results, static_results
from pollinator_magic.notebook.graphcard import GraphCard
from pollinator_magic.notebook.graphface import drawn_steps
from pollinator_magic.notebook.manyview import ManyView, Unattended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.commands import Context
    from pollinator_magic.jobs.graph import Graph, StepRow
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project, Runner


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


class NotebookGraphView(ManyView["Graph", GraphCard]):
    """A graph in the cell that follows it."""

    def __init__(self, graph: Graph, *, quiet: bool) -> None:
        super().__init__(graph, GraphCard(), "the graph", quiet=quiet)
        self._card.begin(graph)

    def finish(self) -> None:
        """Bring what the steps left, and show it: the results below the card."""
        self._many.collect()
        try:
            results = bring(self._many, self._card.moving, self._card.note)
        finally:
            self._card.moving(None)
            self._card.finish()
        if results is not None and not self._quiet:
            show_results(results)

    def _alone(self) -> UnattendedGraph:
        return UnattendedGraph(self._many, self._card, quiet=self._quiet)


class UnattendedGraph(Unattended["Graph", GraphCard]):
    """One graph that goes on without a cell; `quiet` leaves out its results."""

    _name, _gave = "graph", "What the steps left"

    def __init__(self, graph: Graph, card: GraphCard, *, quiet: bool) -> None:
        super().__init__(graph, card, describe_graph_left(graph))
        self._quiet = quiet
        self._shown = "", ""

    def _closed(self) -> bool:
        return self._many.closed

    def _bring(self) -> None:
        self._many.collect()
        results = self._many.fetch_results(self._card.moving)
        if results and not self._quiet:
            self._shown = static_results(results, limit=LISTED), results_bundle(results)["text/plain"]

    def _conclude(self) -> None:
        self._card.finish(self._shown)


def show_graph(graph: Graph) -> None:
    """Show a graph that is the value of a cell: a card, which goes on as long as the graph does."""
    card = GraphCard()
    if not card.live:
        print(repr(graph), flush=True)  # noqa: T201  ordinary cell output is what is meant
        return
    card.begin(graph)
    UnattendedGraph(graph, card, quiet=True).start()
