"""One display that is updated in place while something goes on, and that is static when it is over.

While it lives it is a widget with buttons, and beside it in the same display static HTML and text for whoever has no
widgets. In a terminal, where nothing can be updated, it is text.
"""

from __future__ import annotations

import secrets
import threading
import time
from abc import abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.getipython import get_ipython

from pollinator_magic.errors import PollinatorError
from pollinator_magic.notebook.attendant import attendant
from pollinator_magic.notebook.controls import clicks_arrive_while_a_cell_runs
from pollinator_magic.notebook.markup import escaped, progress_bar
from pollinator_magic.screen import TerminalScreen, describe_transfer, rough_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.cfs.progress import Progress, TransferProgress
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Session
    from pollinator_magic.notebook.controls import Controls

SHOW_EVERY_S = 0.25
"""What changes all the time is shown at most so often."""
WIDGET_AFTER_S = 1.0
"""What is over by then never becomes a widget: a page that is slow would still be making its views when the record
takes their place, and fail at it."""


@dataclass(frozen=True)
class LiveFace:
    """What every card says."""

    since: str = ""
    """For how long it is as it is, e.g. "12 s"."""
    moving: TransferProgress | None = None
    waiting: str = ""
    """Why it still waits."""
    hint: str = ""
    """How to go on, as long as it is open."""
    notes: tuple[str, ...] = ()

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether nothing more will happen."""

    @abstractmethod
    def html(self) -> str:
        """Return it as HTML that is safe."""

    @abstractmethod
    def plain(self) -> str:
        """Return it as text."""

    def _progress_html(self) -> str:
        """Return how far files are, as HTML; nothing if none move."""
        if self.moving is None:
            return ""
        bar = progress_bar(self.moving.bytes_done, self.moving.bytes_total)
        return f"{bar} {escaped(describe_transfer(self.moving))}"


F = TypeVar("F", bound=LiveFace)


class LiveCard(Generic[F]):
    """One card. It may be used from any thread, and never prints."""

    _not_cancelled = "It could not be cancelled"

    def __init__(self, face: F) -> None:
        shell: Any = get_ipython()
        # Later changes go where the card is, whatever captures the outputs of the cell that is running then.
        self._publisher = None if shell is None else shell.display_pub
        captured = isinstance(self._publisher, CapturingDisplayPublisher)
        self.live = getattr(shell, "kernel", None) is not None and not captured
        """Whether it can change after it was shown: not in a terminal, and not in what `%%capture` keeps."""
        self.left = False
        """Whether the user has asked to go on without following."""
        self._face = face
        self._display_id = secrets.token_hex(16)
        self._guard = threading.RLock()
        self._controls: Controls | None = None
        self._make: Callable[[], Controls] | None = None
        """Makes the controls, if there shall be any soon."""
        self._enlivened_s = 0.0
        self._stale = False
        self._since_s = time.monotonic()
        self._moved_at_s = 0.0
        self._shown: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._followed = False
        self._final = False
        """Whether this card says nothing more, so that what is shown is its record."""

    def note(self, text: str) -> None:
        """Add a line."""
        with self._guard:
            self._face = replace(self._face, notes=(*self._face.notes, text))
            self._show()

    def moving(self, progress: TransferProgress | None) -> None:
        """Show how far files are, or no files any more."""
        now_s = time.monotonic()
        with self._guard:
            if progress is None and self._face.moving is None:
                return
            self._face = replace(self._face, moving=progress)
            if progress is None or now_s - self._moved_at_s >= SHOW_EVERY_S:
                self._moved_at_s = now_s
                self._show()

    @contextmanager
    def transfer(self) -> Iterator[Progress]:
        """Show files moving, while the context lasts."""
        if not self.live:
            with TerminalScreen().transfer() as progress:
                yield progress
            return
        try:
            yield self.moving
        finally:
            self.moving(None)

    def release(self, hint: str) -> None:
        """Nobody follows it any more; `hint` says how to take it up."""
        with self._guard:
            self._face = replace(self._face, hint=hint)
            self._offer(followed=False)
            self._show()

    def give_up(self, why: str = "", *, final: bool = False) -> None:
        """Leave the card as it is: nothing more will be heard here. It is `final` if another card goes on instead."""
        with self._guard:
            self._face = replace(self._face, since="", waiting="", hint=why)
            self._final = final
            self._retire()
            self._show()

    # --- for the attendant -------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let the time pass."""
        with self._guard:
            if self._make is not None and time.monotonic() - self._enlivened_s >= WIDGET_AFTER_S:
                self._controls, self._make = self._make(), None
                self._offer(followed=self._followed)
                self._show()
            since = self._since()
            if (self._stale or since != self._face.since) and self._controls is not None:
                self._face = replace(self._face, since=since)
                self._stale = False
                self._paint(self._controls)

    @abstractmethod
    def waits(self) -> tuple[Session, Process, float] | None:
        """If it waits: for which process of which session, and for how many seconds."""

    def waiting(self, why: str) -> None:
        """Show why it waits."""
        with self._guard:
            if self.waits() is not None:
                self._face = replace(self._face, waiting=why)
                self._stale = True

    # --- buttons -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def _cancel_it(self) -> None:
        """Cancel what goes on; raise PollinatorError if it cannot be cancelled."""

    def _enliven(self, make: Callable[[], Controls]) -> None:
        """Become a widget soon, unless it is over by then; a cell follows it."""
        self._make, self._enlivened_s, self._followed = make, time.monotonic(), True
        attendant.attend(self)

    def _offer(self, *, followed: bool) -> None:
        self._followed = followed
        if self._controls is not None:
            heard = not followed or clicks_arrive_while_a_cell_runs()
            self._controls.buttons(leave=heard and followed, heard=heard)

    def _leave(self) -> None:
        with self._guard:
            self.left = True
            self._offer(followed=False)

    def _cancel(self) -> None:
        """Cancel, but not here: a click must not keep the kernel from anything."""
        if self._controls is not None:
            self._controls.cancelling(now=True)
            threading.Thread(target=self._cancel_and_say, name="pollinator-cancel", daemon=True).start()

    def _cancel_and_say(self) -> None:
        try:
            self._cancel_it()
        except PollinatorError as error:
            self.note(f"{self._not_cancelled}: {error}")
            if self._controls is not None:
                self._controls.cancelling(now=False)

    # --- showing -----------------------------------------------------------------------------------------------------

    def _since(self) -> str:
        return rough_duration(time.monotonic() - self._since_s) if self.live and not self._face.closed else ""

    def _paint(self, controls: Controls) -> None:
        """Show the face in the widget."""
        controls.text(self._face.html())

    def _retire(self) -> None:
        """Become static: there is nothing left to click."""
        attendant.dismiss(self)
        controls, self._controls, self._make = self._controls, None, None
        if controls is not None:
            controls.retire(self._face.html())

    def _show(self) -> None:
        """Show the face everywhere."""
        self._stale = False
        if self._controls is not None:
            self._paint(self._controls)
        widget = self._controls.bundle if self._controls is not None else {}
        bundle = {**widget, "text/html": self._face.html(), "text/plain": self._face.plain()}
        metadata = self._metadata() if self.live else {}
        if (bundle, metadata) != self._shown and bundle["text/plain"]:
            self._publish(bundle, metadata, again=self._shown is not None)
            self._shown = bundle, metadata

    def _metadata(self) -> dict[str, Any]:
        """Return by what a page that has our extension knows the card, and whether there is anything to set right."""
        mark = self._mark()
        return {"pollinator": {**mark, **({"final": True} if self._final else {})}} if mark else {}

    @abstractmethod
    def _mark(self) -> dict[str, Any]:
        """Return which job or jobs the card shows; nothing before there are any."""

    def _publish(self, bundle: dict[str, Any], metadata: dict[str, Any], *, again: bool) -> None:
        if self._publisher is None:
            print(bundle["text/plain"], flush=True)  # noqa: T201  plain Python: there is no other output
            return
        self._publisher.publish(bundle, metadata=metadata, transient={"display_id": self._display_id}, update=again)
