"""Pages of a log, read straight from the colony: nothing is kept here between two of them.

A page ends anywhere, also within an entry. Its cursor names the last place where the text began anew, at an entry, and
how many characters have been given out since: from that place the same log makes the same text again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pollinator_magic.errors import UsageError
from pollinator_magic.jobs.follow import may_have_log
from pollinator_magic.jobs.log import LogCursor
from pollinator_magic.labserver.logtext import LogText, whole_characters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process

LARGEST = 1 << 20
"""Characters of a page at most."""
_REQUESTS = 40
"""For one page: of entries that hold next to nothing there may be millions."""
_CURSOR = re.compile(r"1-([0-9a-f]{16})-([0-9]{1,19})-([0-9]{1,9})-([0-9]{1,12})")


class Place(NamedTuple):
    """How far a log has been given out."""

    timestamp_ns: int = 0
    seen: int = 0
    """With the timestamp, a `LogCursor`."""
    given: int = 0
    """Characters that were given out of what comes after it."""

    @classmethod
    def read(cls, cursor: str, process_id: str) -> Place:
        """Return the place that a cursor of this process names, the beginning for none; raise UsageError for others."""
        if not cursor:
            return cls()
        known = _CURSOR.fullmatch(cursor)
        if known is None or not process_id.startswith(known[1]):
            raise UsageError(
                f"{cursor[:80]!a} is no place in the log of process {process_id[:12]}. "
                "Give the cursor of one of its pages, or none to begin at the beginning."
            )
        return cls(*map(int, known.groups()[1:]))

    def cursor(self, process_id: str) -> str:
        """Return what a page gives back to go on from here."""
        return f"1-{process_id[:16]}-{self.timestamp_ns}-{self.seen}-{self.given}"


@dataclass(frozen=True)
class LogPage:
    """A part of a log."""

    text: str
    place: Place
    """Behind it."""
    more: bool
    """Whether there is more already."""
    complete: bool
    """Whether the job has ended and this was all."""


def read_page(client: Colonies, process: Process, place: Place, size: int) -> LogPage:
    """Return at most `size` characters of the log from `place` on; `process` must be as it is now."""
    if not may_have_log(process):
        return LogPage("", place, more=False, complete=process.status.closed)
    page = _Page(place, min(max(size, 1), LARGEST))
    cursor, text, more = LogCursor(place.timestamp_ns, place.seen), LogText(), True
    for _ in range(_REQUESTS):
        entries, more = cursor.next_page(client, process.processid)
        for entry in entries:
            cursor.pass_over(entry)
            page.add(text.feed(entry.message))
            if page.full:
                return page.end(more=True)
            if text.idle:
                page.settle(cursor)
        if not more:
            break
    if more:
        return page.end(more=True)
    if process.status.closed:
        page.add(text.finish())
    return page.end(more=page.full, complete=process.status.closed and not page.full)


class _Page:
    """A page that is being filled."""

    def __init__(self, place: Place, size: int) -> None:
        self.full = False
        """Whether something did not find room."""
        self._place = place
        self._passed = 0
        """Characters since the place, whether they were given out before or not."""
        self._room = size
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        new = text[max(self._place.given - self._passed, 0) :]
        fitting = whole_characters(new, self._room)
        if not fitting and not any(self._pieces):  # a colour that is longer than a page
            fitting = new[: self._room]
        self.full = len(fitting) < len(new)
        self._passed += len(text) - (len(new) - len(fitting))
        self._pieces.append(fitting)
        self._room -= len(fitting)

    def settle(self, cursor: LogCursor) -> None:
        """Note that what comes next begins anew."""
        self._place, self._passed = Place(cursor.timestamp_ns, cursor.seen), 0

    def end(self, *, more: bool, complete: bool = False) -> LogPage:
        place = self._place._replace(given=max(self._passed, self._place.given))
        return LogPage("".join(self._pieces), place, more, complete)


def whole_log(client: Colonies, process_id: str) -> Iterator[str]:
    """Yield the text of the log to what is there now, a page of the colony at a time."""
    cursor, text, more = LogCursor(), LogText(), True
    while more:
        entries, more = cursor.next_page(client, process_id)
        pieces = []
        for entry in entries:
            cursor.pass_over(entry)
            pieces.append(text.feed(entry.message))
        yield "".join(pieces)
    yield text.finish()
