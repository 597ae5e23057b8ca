"""The log of a pod, read piece by piece over many requests: nothing is lost, and nothing is given twice.

Every line comes with the time at which it was written. A request can ask for lines since a whole second only, so that
what was read before has to be left out here. Lines may have the same time, and be longer than what one has in memory;
so a place is a time, and how many bytes have been read since the first line of that time began.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
_LONGEST_STAMP = 40
_LONGEST_HELD = 64 << 10
_SECOND_NS = 1_000_000_000
_EARLIER_S = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Place:
    """Up to where a log has been read."""

    time_ns: int = 0
    """When the line was written that is read now, or was last; 0 before the first."""
    length: int = 0
    """How many bytes of text have been read since the first line of that time began."""

    @property
    def since(self) -> str:
        """The second to ask for, as Kubernetes writes it; empty for the beginning.

        It is a little before: the node's clock may have been set back.
        """
        if not self.time_ns:
            return ""
        whole = datetime.fromtimestamp(self.time_ns // _SECOND_NS - _EARLIER_S, tz=timezone.utc)
        return whole.strftime("%Y-%m-%dT%H:%M:%SZ")


class LogText:
    """What one request gives, from `place` on. Bytes go in as they come, whole lines come out.

    A line that does not end is given in pieces, so that memory stays bounded.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        """Up to where the text that was given reaches."""
        self._held = b""
        self._inside = False
        self._searching = bool(place.time_ns)
        self._skip = 0

    def feed(self, data: bytes) -> bytes:
        """Take what has come; return the text that is new."""
        given = []
        self._held += data
        begin = 0
        while (end := self._held.find(b"\n", begin)) >= 0:
            given.append(self._take(self._held[begin : end + 1]))
            self._inside = False
            begin = end + 1
        self._held = self._held[begin:]
        if len(self._held) > _LONGEST_HELD:
            given.append(self._take(self._held))
            self._held, self._inside = b"", True
        return b"".join(given)

    def finish(self) -> bytes:
        """Return the last line, which has no end; only where the log is known to be whole."""
        rest, self._held = self._held, b""
        return self._take(rest) if rest else b""

    def _take(self, line: bytes) -> bytes:
        """Return what is new in a line, or in a piece of one."""
        if not self._inside:
            time_ns, text = _split(line)
            if time_ns is None:  # a remark of the node's own, which another request may not give
                return b"" if self._searching else text
            self._begin(time_ns)
            line = text
        if self._searching:
            return b""
        skipped = min(self._skip, len(line))
        self._skip -= skipped
        new = line[skipped:]
        self.place = Place(self.place.time_ns, self.place.length + len(new))
        return new

    def _begin(self, time_ns: int) -> None:
        """Begin a line; note whether what was read before ends here, and whether a time begins."""
        if self._searching and time_ns >= self.place.time_ns:
            self._searching = False
            self._skip = self.place.length
        if time_ns > self.place.time_ns:
            self.place, self._skip = Place(time_ns), 0


def _split(line: bytes) -> tuple[int | None, bytes]:
    match = _STAMP.match(line[:_LONGEST_STAMP])
    if match is None:
        return None, line
    text, fraction, offset = (part.decode() for part in (match[1], match[2] or b"", match[3]))
    try:
        moment = datetime.fromisoformat(text + ("+00:00" if offset == "Z" else offset))
    except ValueError:
        return None, line
    passed = moment - _EPOCH
    seconds = passed.days * 86_400 + passed.seconds
    return seconds * _SECOND_NS + int(fraction.ljust(9, "0") or "0"), line[match.end() :]
