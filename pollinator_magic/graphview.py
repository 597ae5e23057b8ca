"""A graph in a terminal, and what every front end does and says with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import PollinatorError
from pollinator_magic.jobs.events import Displayed, LogText
from pollinator_magic.jobs.graph import count_of_steps
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.listeners import Said
from pollinator_magic.jobs.results import human_size
from pollinator_magic.screen import describe_connection, describe_state, write_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.jobs.graph import Graph
    from pollinator_magic.jobs.listeners import Change
    from pollinator_magic.jobs.results import StepResults
    from pollinator_magic.screen import TerminalScreen

_LONGEST_LINE = 64 << 10


def bring(graph: Graph, progress: Progress | None, note: Callable[[str], object]) -> StepResults | None:
    """Bring the results of all steps home; that they could not be fetched never hides why a step has failed."""
    try:
        results = graph.fetch_results(progress)
        if results is not None:
            graph.show_results(results)
    except PollinatorError as error:
        if graph.succeeded:
            raise
        note(f"The results could not be fetched: {error}")
        return None
    return results


def describe_graph_left(graph: Graph) -> str:
    """Say how to take up a graph that nobody follows."""
    return (
        f"Graph {graph.short_id} goes on. Follow it again with `%pollinator attach {graph.short_id}`, "
        f"stop it with `%pollinator cancel {graph.short_id}`."
    )


class TerminalGraphView:
    """A graph on the command line: the logs of its steps are the output, each line behind the name of its step."""

    def __init__(self, screen: TerminalScreen, graph: Graph, *, quiet: bool) -> None:
        self._screen, self._graph, self._quiet = screen, graph, quiet
        self._names = {job.id: name for name, job in graph.items()}
        self._width = max(map(len, graph), default=0)
        self._open: dict[str, str] = {}
        where = ", ".join(graph.executor_names) or "any executor"
        screen.say(f"graph {graph.short_id} on {where}, {graph.summary}")
        for job in graph.values():
            if job.process.status.closed and job.process.started_at is not None and (log := str(job.log).rstrip()):
                self._write(job, f"{log}\n")

    def handle(self, event: Change) -> None:
        """Write what a step says line by line, and a line for everything else."""
        if isinstance(event, Said):
            said = event.event
            if not isinstance(said, LogText):
                text = said.text if isinstance(said, Displayed) else said.traceback
                self._write(event.job, f"{text.rstrip()}\n")
            else:
                self._write(event.job, said.text)
        elif isinstance(event, Job):
            self._end_line(event)
            if event.process.status is not ProcessState.WAITING:
                self._screen.say(f"step {self._names[event.id]}: {self._state(event)}")
        else:
            self._screen.say(describe_connection(event))

    def finish(self) -> None:
        """Bring the results of all steps, and list them."""
        self._graph.collect()
        with self._screen.transfer() as progress:
            results = bring(self._graph, progress, self._screen.say)
        if results and not self._quiet and self._graph.project is not None:
            self._screen.say(f"{results.count} of {count_of_steps(len(self._graph))} in {self._graph.project.result}:")
            rows = [[result.name, human_size(result.size)] for result in results.values()]
            self._screen.table(["name", "size"], rows)

    def leave(self) -> None:
        """Say how to take the graph up again."""
        self._screen.say(describe_graph_left(self._graph))

    def _write(self, job: Job, text: str) -> None:
        *lines, rest = (self._open.pop(job.id, "") + text).split("\n")
        self._open[job.id] = rest[-_LONGEST_LINE:]
        if not self._quiet:
            name = self._names[job.id].ljust(self._width)
            write_log("".join(f"{name} | {_as_left(line)}\n" for line in lines))

    def _state(self, job: Job) -> str:
        state = str(self._graph.known_states[self._names[job.id]])
        return describe_state(job.process) if state == str(job.process.status) else state

    def _end_line(self, job: Job) -> None:
        if self._open.get(job.id):
            self._write(job, "\n")


def _as_left(line: str) -> str:
    """Return a line as a terminal leaves it: of what was rewritten in its place, the last."""
    return line.rstrip("\r").rpartition("\r")[2]
