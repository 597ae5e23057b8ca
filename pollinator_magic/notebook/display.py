"""A job in a cell: its card, the log below it as ordinary output, the results below that.

Everything is published as `text/html` with `text/plain` beside it, readable without styles and without scripts, so that
the notebook still shows it when saved, reopened, converted, or looked at on a code-hosting site.
"""

from __future__ import annotations

import html
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.display import display

from pollinator_magic.jobs.events import ConnectionBack, ConnectionLost, Displayed, LogText, StateChanged
from pollinator_magic.jobs.log import printable
from pollinator_magic.notebook.background import look_after, take_over
from pollinator_magic.notebook.card import JobCard
from pollinator_magic.notebook.following import WINDOW_S, Following, follow_awaiting, follow_blocking
from pollinator_magic.notebook.gallery import show_results
from pollinator_magic.notebook.logview import LogView
from pollinator_magic.notebook.markup import NO_TEX
from pollinator_magic.screen import (
    Ending,
    TerminalScreen,
    describe_connection,
    describe_detached,
    describe_tunnel,
    text_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.jobs import Event, Job, Results
    from pollinator_magic.jobs.graph import Graph
    from pollinator_magic.notebook.following import Reader, View
    from pollinator_magic.notebook.graphs import NotebookGraphView
    from pollinator_magic.screen import Events
    from pollinator_magic.tunnels.news import TunnelNews

_LEFT = 'style="text-align:left"'  # JupyterLab aligns to the right, which is for numbers


class NotebookScreen:
    """The output area of the cell that is running.

    `awaited`: the cell is a coroutine, and following may suspend it. `lines` and `size` (bytes) are how much of a log
    becomes ordinary output.
    """

    def __init__(self, *, awaited: bool = False, lines: int = 2000, size: int = 256 << 10) -> None:
        self._awaited = awaited
        self._lines, self._size = lines, size
        self._card = JobCard()

    def say(self, text: str) -> None:
        """Print one line."""
        print(printable(text), flush=True)  # noqa: T201  ordinary cell output is what is meant

    def show(self, text: str) -> None:
        """Print."""
        print(printable(text), flush=True)  # noqa: T201  ordinary cell output is what is meant

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""
        display({"text/html": html_table(header, rows), "text/plain": text_table(header, rows)}, raw=True)

    @contextmanager
    def transfer(self) -> Iterator[Progress]:
        """Show files moving in the card, and the job again when they have moved."""
        if not self._card.live:
            with TerminalScreen().transfer() as progress:
                yield progress
            return
        try:
            yield self._card.moving
        finally:
            self._card.moving(None)

    def job(self, job: Job, *, quiet: bool = False) -> NotebookJobView:
        """Begin to show a job, in the card that showed its files moving."""
        take_over(job)
        file = job.project.log / f"{job.id}.log" if job.project is not None else None
        return NotebookJobView(
            job, self._card, None if quiet else LogView(lines=self._lines, size=self._size, file=file)
        )

    def graph(self, graph: Graph, *, quiet: bool = False) -> NotebookGraphView:
        """Begin to show a graph, in a card of its own."""
        from pollinator_magic.notebook.graphs import NotebookGraphView

        return NotebookGraphView(graph, quiet=quiet)

    async def follow(self, events: Events[Any], view: View[Any], *, twice: bool = True) -> Ending:
        """Let the view show what happens until it is over or the user has enough of it; say which."""
        following = Following(events, view, window_s=WINDOW_S if twice else 0.0)
        view.begin(following.reader)
        try:
            ending = await follow_awaiting(following) if self._awaited else follow_blocking(following)
        except BaseException:
            view.end(None)
            raise
        view.end(ending)
        return ending


class NotebookJobView:
    """A job's card, log and results."""

    def __init__(self, job: Job, card: JobCard, log: LogView | None) -> None:
        self._job, self._card, self._log = job, card, log
        self._reader: Reader[Any] | None = None
        self._news: TunnelNews | None = None
        card.begin(job)

    @property
    def left(self) -> bool:
        """Whether the user has asked to go on without following."""
        return self._card.left

    def begin(self, reader: Reader[Any]) -> None:
        """Remember what reads the log from now on."""
        self._reader = reader

    def handle(self, event: Event) -> None:
        """Show log text and rich outputs below the card; everything else changes the card."""
        if isinstance(event, StateChanged):
            self._card.change(event.process)
        elif isinstance(event, ConnectionLost | ConnectionBack):
            self._card.note(describe_connection(event))
        elif self._log is not None:
            if isinstance(event, Displayed):
                self._log.display(event)
            else:
                self._log.write(event.text if isinstance(event, LogText) else f"{event.traceback.rstrip()}\n")

    def tick(self) -> None:
        """Show what of the log is due, and of the tunnel: where a card cannot change, it is printed by the cell."""
        self._show_tunnel()
        if self._log is not None:
            self._log.tick()

    def interrupted(self, window_s: float) -> None:
        """Say that following ends, and that a second interrupt cancels."""
        print(f"Interrupted. Interrupt once more within {window_s:g} s to cancel the job.", flush=True)  # noqa: T201

    def end(self, ending: Ending | None) -> None:
        """Show the rest of the log: nothing more of it comes below the card. None is for an error."""
        if self._log is not None:
            self._log.finish()
        if ending is None:
            self._card.give_up()

    def results(self, results: Results) -> None:
        """Show what came back."""
        if self._log is not None:
            self._log.fill(results)
            show_results(results)

    def note(self, text: str) -> None:
        """Add a line to the card."""
        self._card.note(text)

    def tunnel(self, news: TunnelNews | None) -> None:
        """Show how it is with the tunnel, at the next tick; in the cell's own thread, that there is none any more."""
        self._news = news
        if news is None:
            self._card.tunnel(None)

    def _show_tunnel(self) -> None:
        news = self._news
        if news is not None and news.given_up:
            self._news = None
            self._card.tunnel(None)
            self._card.note(describe_tunnel(news))
        elif news is not None:
            self._card.tunnel(news)

    def leave(self, patterns: tuple[str, ...]) -> None:
        """Let the card go on by itself, as soon as nobody else reads the log."""
        hint = describe_detached(self._job)
        if not self._card.live:
            print(hint, flush=True)  # noqa: T201  ordinary cell output is what is meant
            return
        self._card.release(hint)
        begin = partial(look_after, self._job, self._card, patterns, quiet=self._log is None)
        if self._reader is None:
            begin()
        else:
            self._reader.when_ended(begin)


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as plain HTML, everything escaped."""
    head = "".join(f"<th {_LEFT}>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td {_LEFT}>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table {NO_TEX}>{f'<thead><tr>{head}</tr></thead>' if any(header) else ''}<tbody>{body}</tbody></table>"
