"""Where a run is shown: what every front end can do, and the terminal's way of doing it.

The notebook has its own (`notebook.display`). What is shown never decides what is done.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pollinator_magic.cfs.progress import Direction
from pollinator_magic.colonies.envelope import printable as one_line
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs.events import ConnectionBack, ConnectionLost, Displayed, LogText, Raised, StateChanged
from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.results import human_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from tqdm import tqdm
    from typing_extensions import Never

    from pollinator_magic.cfs.progress import Progress, TransferProgress
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Event, Job, Results
    from pollinator_magic.jobs.graph import Graph
    from pollinator_magic.manyjobs import JobsView
    from pollinator_magic.tunnels.news import TunnelNews

T = TypeVar("T")

Events = Callable[[threading.Event], Iterator[T]]
"""What can be followed: called with an event, it yields what happens until that is over, or soon after it was set."""

_VERBS = {Direction.UP: "uploading", Direction.DOWN: "downloading", Direction.AWAY: "removing"}


def write_log(text: str) -> None:
    """Write log text to standard output, which in a notebook is the output of the cell."""
    sys.stdout.write(printable(text))
    sys.stdout.flush()


class Ending(Enum):
    """Why something is not followed any more."""

    CLOSED = auto()
    """It is over."""
    LEFT = auto()
    """The user goes on without following."""
    INTERRUPTED = auto()
    INTERRUPTED_AGAIN = auto()
    """The user has interrupted twice: it shall end."""


class JobView(Protocol):
    """How one job is shown."""

    def handle(self, event: Event) -> None:
        """Show what happened."""
        ...

    def results(self, results: Results) -> None:
        """Show what came back."""
        ...

    def note(self, text: str) -> None:
        """Add one line about the job."""
        ...

    def tunnel(self, news: TunnelNews | None) -> None:
        """Show how it is with the tunnel to the job, None if there is none any more; called in any thread."""
        ...

    def leave(self, patterns: tuple[str, ...]) -> None:
        """Say how to take the job up again, which nobody follows from now on; show what can be shown of it.

        `patterns` are those of the results that shall be fetched.
        """
        ...


class Screen(Protocol):
    """What a front end can show."""

    def say(self, text: str) -> None:
        """Show one quiet line about what is going on."""
        ...

    def show(self, text: str) -> None:
        """Show what was asked for."""
        ...

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""
        ...

    def transfer(self) -> AbstractContextManager[Progress]:
        """Show files moving, while the context lasts."""
        ...

    def job(self, job: Job, *, quiet: bool = False) -> JobView:
        """Begin to show a job; `quiet` leaves out its log and results."""
        ...

    def graph(self, graph: Graph, *, quiet: bool = False) -> JobsView:
        """Begin to show a graph; `quiet` leaves out its logs and results."""
        ...

    async def follow(self, events: Events[Any], view: Any, *, twice: bool = True) -> Ending:
        """Let `view.handle` show what happens until it is over or the user has enough of it; say which.

        Where nothing else can run meanwhile it never suspends, see `running.complete`. With `twice` a second interrupt
        is waited for a moment, where that makes sense.
        """
        ...


def describe_state(process: Process) -> str:
    """Say the state of a process and for how long, e.g. "success after 1.2 s"."""
    state = str(process.status)
    took = _seconds(process.started_at, process.ended_at)
    return f"{state} after {took}" if process.status.closed and took else state


def describe_transfer(now: TransferProgress) -> str:
    """Say how far files are, e.g. "uploading 3 of 10 files, 1.2 MiB of 4.0 MiB"."""
    files = f"{now.files_done} of {now.files_total} file{'' if now.files_total == 1 else 's'}"
    return f"{_VERBS[now.direction]} {files}, {human_size(now.bytes_done)} of {human_size(now.bytes_total)}"


def _seconds(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return ""
    return human_duration((end - start).total_seconds())


def human_duration(seconds: float) -> str:
    """Write a duration for people."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def rough_duration(seconds: float) -> str:
    """Write how long something has lasted so far, the longer the rougher: a text that seldom changes costs little."""
    if seconds < 60:
        return f"{max(int(seconds), 0)} s"
    if seconds < 600:
        minutes, rest = divmod(int(seconds) // 10 * 10, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    minutes = int(seconds) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 2880 else f"{minutes // 1440} days"


def describe_moment(moment: datetime | None) -> str:
    """Write a moment for people here, e.g. "today 14:03" or "2026-11-22 14:03"."""
    if moment is None:
        return "an unknown time"
    here = moment.astimezone()
    day = "today" if here.date() == datetime.now().astimezone().date() else f"{here:%Y-%m-%d}"
    return f"{day} {here:%H:%M}"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as aligned text, without control characters; a header of empty words is left out."""
    lines_of_cells = [[one_line(cell) for cell in row] for row in ([header, *rows] if any(header) else rows)]
    widths = [max(len(row[column]) for row in lines_of_cells) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in lines_of_cells]
    return "\n".join(line.rstrip() for line in lines)


class TerminalScreen:
    """The command line: what was asked for goes to standard output, everything about it to standard error."""

    def say(self, text: str) -> None:
        """Write one line to standard error; subcommands that it names are called as the command line calls them."""
        print(printable(text).replace("%pollinator ", "pollinate "), file=sys.stderr, flush=True)

    def show(self, text: str) -> None:
        """Write to standard output."""
        print(printable(text), flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write an aligned table to standard output."""
        print(text_table(header, rows), flush=True)

    @contextmanager
    def transfer(self) -> Iterator[Progress]:
        """Show one bar for each direction, on standard error, if there is anything to move and somebody to see it."""
        from tqdm import tqdm

        bars: dict[Direction, tqdm[Never]] = {}

        def progress(now: TransferProgress) -> None:
            if now.direction not in bars:
                bars[now.direction] = tqdm(
                    desc=_VERBS[now.direction],
                    unit="B",
                    unit_scale=True,
                    unit_divisor=1024,
                    file=sys.stderr,
                    disable=None,
                )
            bar = bars[now.direction]
            bar.total = now.bytes_total
            bar.set_postfix_str(f"{now.files_done}/{now.files_total} files", refresh=False)
            bar.update(now.bytes_done - bar.n)

        try:
            yield progress
        finally:
            for bar in bars.values():
                bar.close()

    def job(self, job: Job, *, quiet: bool = False) -> TerminalJobView:
        """Begin to show a job."""
        return TerminalJobView(self, job, quiet=quiet)

    def graph(self, graph: Graph, *, quiet: bool = False) -> JobsView:
        """Begin to show a graph."""
        from pollinator_magic.graphview import TerminalGraphView

        return TerminalGraphView(self, graph, quiet=quiet)

    async def follow(self, events: Events[Any], view: Any, *, twice: bool = True) -> Ending:  # noqa: ARG002  see Screen
        """Show what happens; the first interrupt ends it, because a shell shall come back at once."""
        try:
            for event in events(threading.Event()):
                view.handle(event)
        except KeyboardInterrupt:
            return Ending.INTERRUPTED
        return Ending.CLOSED


class TerminalJobView:
    """A job on the command line: its log is the output."""

    def __init__(self, screen: TerminalScreen, job: Job, *, quiet: bool) -> None:
        self._screen, self._job, self._quiet = screen, job, quiet
        link = f" {job.dashboard_url}" if job.dashboard_url else ""
        screen.say(f"process {job.short_id} submitted to {', '.join(job.executor_names) or 'any executor'}{link}")

    def handle(self, event: Event) -> None:
        """Write log text as it is, and a line for everything else."""
        if isinstance(event, LogText):
            if not self._quiet:
                write_log(event.text)
        elif isinstance(event, Displayed | Raised):
            if not self._quiet:
                write_log(f"{event.text if isinstance(event, Displayed) else event.traceback}\n")
        elif isinstance(event, StateChanged):
            if event.state is not ProcessState.WAITING:
                self.note(f"process {self._job.short_id}: {describe_state(event.process)}")
        else:
            self.note(describe_connection(event))

    def results(self, results: Results) -> None:
        """List what came back."""
        if results and not self._quiet:
            where = self._job.project.result if self._job.project else results.root
            self._screen.say(f"{results.count} in {where}:")
            self._screen.table(
                ["name", "size"], [[result.name, human_size(result.size)] for result in results.values()]
            )

    def note(self, text: str) -> None:
        """Write one line to standard error."""
        self._screen.say(text)

    def tunnel(self, news: TunnelNews | None) -> None:
        """Write one line about the tunnel."""
        if news is not None:
            self.note(describe_tunnel(news))

    def leave(self, patterns: tuple[str, ...]) -> None:  # noqa: ARG002  nothing is fetched when the command has ended
        """Say how to take the job up again."""
        self.note(describe_detached(self._job))


def describe_connection(event: ConnectionLost | ConnectionBack) -> str:
    """Say that the server went away or came back."""
    if isinstance(event, ConnectionLost):
        again = "It is not asked again" if math.isinf(event.retry_in_s) else "Asking again"
        return f"{event.reason} {again}; the job goes on."
    return "The server answers again."


def describe_tunnel(news: TunnelNews) -> str:
    """Say how it is with the tunnel to a job."""
    return f"There is no tunnel, and the job goes on. {news.text}" if news.given_up else f"tunnel: {news.line}"


def describe_detached(job: Job) -> str:
    """Say how to take up a job that nobody follows."""
    return f"Detached. Take it up with `%pollinator attach {job.short_id}`."
