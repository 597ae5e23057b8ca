"""One thread that keeps all live cards of a kernel up to date between the things that happen to their jobs.

It lets the time pass on them, and finds out why jobs wait: for all of them together two requests every five seconds,
and none for a job that starts soon. It ends when no card is live.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import PollinatorError
from pollinator_magic.notebook.waiting import why_waiting

if TYPE_CHECKING:
    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs import Session

_log = logging.getLogger(__name__)

TICK_S = 0.25
ASK_EVERY_S = 5.0
PATIENCE_S = 1.0
"""A job that has waited for less is asked nothing about."""


class Attended(Protocol):
    """What the thread does with a card."""

    def tick(self) -> None:
        """Let the time pass."""
        ...

    def waits(self) -> tuple[Session, Process, float] | None:
        """If its job waits: for which process of which session, and for how many seconds."""
        ...

    def waiting(self, why: str) -> None:
        """Show why it waits."""
        ...


class Attendant:
    """Takes care of cards, in a thread that is there while there are any."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._cards: list[Attended] = []
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._asking: threading.Thread | None = None
        self._ask_at_s = 0.0
        atexit.register(self.close)

    def attend(self, card: Attended) -> None:
        """Take care of a card."""
        with self._guard:
            if card not in self._cards:
                self._cards.append(card)
            if self._thread is None and not self._over.is_set():
                self._thread = threading.Thread(target=self._run, name="pollinator-cards", daemon=True)
                self._thread.start()

    def dismiss(self, card: Attended) -> None:
        """Leave a card alone."""
        with self._guard:
            if card in self._cards:
                self._cards.remove(card)

    def close(self) -> None:
        """End: no thread runs into the end of the interpreter."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(1)

    def _run(self) -> None:
        while not self._over.wait(TICK_S):
            with self._guard:
                if not self._cards:
                    self._thread = None
                    return
                cards = list(self._cards)
            for card in cards:
                try:
                    card.tick()
                except Exception:  # noqa: BLE001  a card that cannot be shown must not stop the others
                    _log.exception("a card could not be updated")
            self._ask_about(cards)

    def _ask_about(self, cards: list[Attended]) -> None:
        if self._asking is not None and self._asking.is_alive():
            return
        waiting = [(card, waits) for card in cards if (waits := card.waits()) and waits[2] >= PATIENCE_S]
        if waiting and time.monotonic() >= self._ask_at_s:
            self._ask_at_s = time.monotonic() + ASK_EVERY_S
            whose = [(card, session, process) for card, (session, process, _) in waiting]
            self._asking = threading.Thread(target=_ask, args=(whose,), name="pollinator-waiting", daemon=True)
            self._asking.start()


def _ask(cards: list[tuple[Attended, Session, Process]]) -> None:
    for session in {id(session): session for _, session, _ in cards}.values():
        try:
            executors = session.client.executors()
            waiting = session.client.processes(ProcessState.WAITING)
        except PollinatorError as error:
            _log.debug("why jobs wait cannot be found out: %s", error)
            continue
        for card, of_session, process in cards:
            if of_session is session:
                card.waiting(why_waiting(process, executors, waiting))


attendant = Attendant()
"""The one of this kernel."""
