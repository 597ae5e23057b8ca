"""A job in a cell: one card that is updated in place, the log as ordinary output, the results below.

Everything is published as `text/html` with `text/plain` beside it, readable without styles and without scripts, so that
the notebook still shows it when saved, reopened, converted, or looked at on a code-hosting site.
"""

from __future__ import annotations

import html
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from IPython.display import display

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs.events import LogText, StateChanged
from pollinator_magic.jobs.log import printable
from pollinator_magic.notebook.previews import show_results
from pollinator_magic.screen import describe_connection, describe_state, describe_transfer, text_table, write_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pollinator_magic.cfs.progress import Progress, TransferProgress
    from pollinator_magic.jobs import Event, Job, Results

_COLOURS = {
    ProcessState.WAITING: "#9a6700",
    ProcessState.RUNNING: "#0969da",
    ProcessState.SUCCESS: "#1a7f37",
    ProcessState.FAILED: "#cf222e",
    ProcessState.CANCELLED: "#6e7781",
}

_LEFT = 'style="text-align:left"'  # JupyterLab aligns to the right, which is for numbers


class Card:
    """An output of a cell that can be replaced in place."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown: dict[str, str] = {}

    def show(self, html_text: str, plain: str) -> None:
        """Show, or show instead of what was shown before."""
        bundle = {"text/html": html_text, "text/plain": printable(plain)}
        if bundle == self._shown:
            return  # where nothing can be replaced (a terminal), it would stand there twice
        self._shown = bundle
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


class NotebookScreen:
    """The output area of the cell that is running; a job takes over the card that showed its files moving."""

    def __init__(self) -> None:
        self._card = Card()
        self._view: NotebookJobView | None = None

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

        def progress(now: TransferProgress) -> None:
            text = describe_transfer(now)
            bar = f'<progress value="{now.bytes_done}" max="{max(now.bytes_total, 1)}"></progress> {html.escape(text)}'
            if self._view is None:
                self._card.show(f"<div>{bar}</div>", text)
            else:
                self._view.show(bar, text)

        try:
            yield progress
        finally:
            if self._view is not None:
                self._view.show()

    def job(self, job: Job, *, quiet: bool = False) -> NotebookJobView:
        """Begin to show a job."""
        self._view = NotebookJobView(job, self._card, quiet=quiet)
        return self._view


class NotebookJobView:
    """A job's card, log and results."""

    def __init__(self, job: Job, card: Card, *, quiet: bool) -> None:
        self._job, self._card, self._quiet = job, card, quiet
        self._notes: list[str] = []
        self.show()

    def handle(self, event: Event) -> None:
        """Print log text; everything else changes the card."""
        if isinstance(event, LogText):
            if not self._quiet:
                write_log(event.text)
        elif isinstance(event, StateChanged):
            self.show()
        else:
            self.note(describe_connection(event))

    def results(self, results: Results) -> None:
        """Show what came back."""
        if not self._quiet:
            show_results(results)

    def note(self, text: str) -> None:
        """Add a line to the card."""
        self._notes.append(text)
        self.show()

    def show(self, moving_html: str = "", moving: str = "") -> None:
        """Show the job as it is now, and what is moving for it, if anything is."""
        process = self._job.process
        where = ", ".join(self._job.executor_names) or "any executor"
        state = describe_state(process)
        colour = _COLOURS.get(process.status, "#6e7781")
        below = [html.escape(note) for note in self._notes] + [moving_html] * bool(moving_html)
        card = (
            f'<div><span style="color:{colour}">●</span> <b>{html.escape(where)}</b> · {html.escape(state)} · '
            f"process {self._link()}{''.join(f'<br>{line}' for line in below)}</div>"
        )
        lines = [f"{where} · {state} · process {self._job.short_id}", *self._notes, *[moving] * bool(moving)]
        self._card.show(card, "\n".join(lines))

    def _link(self) -> str:
        name = f"<code>{html.escape(self._job.short_id)}</code>"
        url = self._job.dashboard_url
        if urlsplit(url).scheme not in {"http", "https"}:
            return name
        return f'<a href="{html.escape(url, quote=True)}" target="_blank" rel="noopener">{name}</a>'


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as plain HTML, everything escaped."""
    head = "".join(f"<th {_LEFT}>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td {_LEFT}>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if any(header) else ''}<tbody>{body}</tbody></table>"
