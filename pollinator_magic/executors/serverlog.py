"""The log of one process on the server, as its executor appends to it: everything once, and in order.

A message whose connection broke is looked for before it is sent again. So is, at the beginning, what another worker
has sent of a job that goes on: what there is since an entry that is known is counted, so that lines may be equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import MAX_LOGS
from pollinator_magic.errors import InvalidReply, ServerUnreachable
from pollinator_magic.executors.logplace import LogPlace, Overlap

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import LogEntry, Process

_SAME_TIME_NS = 1000  # replies carry nanoseconds, the database microseconds
_MOST_UNPROVEN = 200


class ServerLog:
    """The log of `process`. With `placed`, places in it are known (`place`), which costs a request in two hundred."""

    def __init__(self, client: Colonies, process: Process, *, placed: bool) -> None:
        self._client = client
        self._id = process.processid
        self._placed = placed
        began = process.started_at
        self._began_ns = max(0, int(began.timestamp() * 1e9) - _SAME_TIME_NS) if began else 0
        self._known_ns, self._known_at = self._began_ns, 0
        self.at = 0
        """How many characters are done with: the server has them."""
        self.before: Callable[[], None] | None = None
        """What has to be asked, again and again until it succeeds, before anything is sent."""
        self._overlap = Overlap()
        self._rest: str | None = None
        self._unclear = False
        self._last, self._repeats = "", 0
        self._unproven = 0

    def go_on_from(self, place: LogPlace) -> None:
        """Have what comes begin at a place where another worker has stopped, some of which it may have sent."""
        self.at = place.at
        if place.known_ns:
            self._known_ns, self._known_at = place.known_ns, place.known_at
        self.before = self._look_back

    def go_on_after_all(self) -> None:
        """Have what comes follow upon everything that is there."""
        self.before = self._look_at_end

    def place(self, position: str, at: int) -> LogPlace:
        """Return where the engine's `position` is, after `at` characters."""
        return LogPlace(position, at, self._known_ns, self._known_at)

    def append(self, message: str) -> None:
        """Append what the server does not have of the message. After an error it has to be given again."""
        if self._rest is None:
            self._rest = self._overlap.new(message)
        if self._rest and not (self._unclear and self._arrived(message, self._rest)):
            self._send(self._rest)
        self._unclear = False
        if self._rest:
            self._repeats = self._repeats + 1 if self._rest == self._last else 1
            self._last = self._rest
            self._unproven += _MOST_UNPROVEN if self._overlap.differed else 1
            self._overlap.differed = False
        self._done(message)

    def give_up(self, message: str) -> None:
        """Go on without the message that could not be appended."""
        self._unproven += _MOST_UNPROVEN
        self._done(message)

    @property
    def unproven(self) -> bool:
        """Whether so much was sent since the entry that is known that another one should be (`prove`)."""
        return self._placed and self._unproven >= _MOST_UNPROVEN and bool(self._last)

    def prove(self) -> None:
        """Get to know the last entry, if it is ours."""
        entries = self._client.logs(self._id, latest=True, count=1)
        self._unproven = 0
        if entries and entries[-1].message == self._last:
            self._known_ns, self._known_at = entries[-1].timestamp, self.at

    def _done(self, message: str) -> None:
        self._rest = None
        self.at += len(message)

    def _send(self, text: str) -> None:
        try:
            self._client.add_log(self._id, text)
        except (ServerUnreachable, InvalidReply) as error:
            self._unclear = self._unclear or isinstance(error, InvalidReply) or error.sent
            raise

    def _arrived(self, message: str, text: str) -> bool:
        """Whether the last text has reached the log although its connection broke.

        Where nothing is counted the log has to end with it once more often than is known: it may have been sent before.
        """
        if self._placed:
            return self._known_at + sum(len(entry.message) for entry in self._since_known()) >= self.at + len(message)
        known = self._repeats if text == self._last else 0
        entries = self._client.logs(self._id, latest=True, count=min(known + 1, MAX_LOGS))
        own = [entry.message for entry in entries if entry.timestamp >= self._began_ns]
        return own == [text] * (known + 1)

    def _look_back(self) -> None:
        entries = self._since_known()
        text = "".join(entry.message for entry in entries)
        end = self._known_at + len(text)
        self._overlap = Overlap(end - self.at, text)
        if entries:
            self._known_ns, self._known_at = entries[-1].timestamp, end
        self.before = None

    def _look_at_end(self) -> None:
        for entry in self._client.logs(self._id, latest=True, count=1):
            self._known_ns, self._known_at = entry.timestamp, self.at
        self.before = None

    def _since_known(self) -> list[LogEntry]:
        found: list[LogEntry] = []
        since_ns = self._known_ns
        while page := self._client.logs(self._id, since_ns=since_ns):
            found += page
            since_ns = page[-1].timestamp
            if len(page) < MAX_LOGS:
                break
        return found
