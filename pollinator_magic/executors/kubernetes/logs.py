"""Reads the logs of a job's pods while they are written, each in a thread of its own, into one bounded buffer.

A request that follows a log ends when the container does, when the connection breaks, and whenever some server between
thinks that it has lasted for long enough. So one is whole only if it was opened after the container was known to have
ended, and came to its end.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from pollinator_magic.executors.kubernetes.api import Refused, Unreachable
from pollinator_magic.executors.kubernetes.logtext import LogText, Place
from pollinator_magic.executors.kubernetes.manifest import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.executors.kubernetes.api import Api, Stream

_log = logging.getLogger(__name__)
_BUFFER_BYTES = 1 << 20
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_PATIENCE_AT_END_S = 20.0


class JobLog:
    """The logs of all pods of a job, merged by whole lines.

    `position` is a text up to which `take` has returned; one from before can be given. `wake` is called whenever a log
    has come to an end, or seems to have.
    """

    def __init__(self, api: Api, position: str, *, several: bool, wake: Callable[[], None]) -> None:
        self._api = api
        self._several = several
        self._wake = wake
        self._places = _read_position(position)
        self._changed = threading.Condition()
        self._texts: deque[tuple[str, Place, bytes]] = deque()
        self._bytes = 0
        self._readers: dict[str, _Reader] = {}
        self._closed = False

    @property
    def position(self) -> str:
        """Up to where `take` has returned."""
        return json.dumps({pod: [place.time_ns, place.length] for pod, place in self._places.items()})

    @property
    def lost(self) -> list[str]:
        """What could not be read, in words."""
        return [reader.lost for reader in self._readers.values() if reader.lost]

    @property
    def followed(self) -> set[str]:
        """The pods whose logs are read, or have been."""
        return set(self._readers)

    def follow(self, pod: str) -> None:
        """Read the log of a pod from now on, if it is not read already."""
        if pod not in self._readers and not self._closed:
            self._readers[pod] = reader = _Reader(self._api, pod, self._places.get(pod, Place()), self)
            reader.start()

    def ended(self, pod: str) -> None:
        """Note that the container of a pod writes no more."""
        if pod in self._readers:
            self._readers[pod].note_end()

    @property
    def whole(self) -> bool:
        """Whether everything that was followed has been read to its end."""
        return not any(reader.is_alive() for reader in self._readers.values())

    def take(self, timeout_s: float) -> bytes:
        """Return what has come, at the latest after a while."""
        taken = []
        with self._changed:
            self._changed.wait_for(lambda: bool(self._texts), timeout_s)
            while self._texts:
                pod, place, text = self._texts.popleft()
                self._places[pod] = place
                taken.append(text)
            self._bytes = 0
            self._changed.notify_all()
        return b"".join(taken)

    def put(self, pod: str, place: Place, text: bytes) -> bool:
        """Add text of a pod, when there is room; return whether anybody wants more."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < _BUFFER_BYTES or self._closed)
            if self._closed:
                return False
            self._texts.append((pod, place, text))
            self._bytes += len(text)
            self._changed.notify_all()
        return True

    def finish_line(self, text: bytes) -> bytes:
        """Return the last text of a pod as it is shown: of several pods every line ends."""
        return text + b"\n" if self._several and text else text

    def done(self) -> None:
        """Note that a reader has come to an end, or waits to know whether it has."""
        with self._changed:
            self._changed.notify_all()
        self._wake()

    def close(self) -> None:
        """Read no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for reader in self._readers.values():
            reader.stop()


class _Reader(threading.Thread):
    """Reads the log of one pod, over as many requests as it takes."""

    def __init__(self, api: Api, pod: str, place: Place, log: JobLog) -> None:
        super().__init__(name=f"log-{pod[-24:]}", daemon=True)
        self._api = api
        self._pod = pod
        self._place = place
        self._job_log = log
        self._news = threading.Condition()
        self._ended_at: float | None = None
        self._stopped = False
        self._stream: Stream | None = None
        self._came_to_end = False
        self.lost = ""

    def note_end(self) -> None:
        with self._news:
            if self._ended_at is None:
                self._ended_at = time.monotonic()
                self._news.notify_all()

    def stop(self) -> None:
        with self._news:
            self._stopped = True
            self._news.notify_all()
            if self._stream:
                self._stream.stop()

    def run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        try:
            while not self._stopped:
                before = self._place
                final = self._ended_at is not None
                try:
                    if self._read(final=final) and final:
                        return
                except Unreachable as error:
                    if self._too_late():
                        self.lost = f"The end of the log of {self._pod} could not be read: {error}"
                        return
                except Refused as refusal:
                    if refusal.status != 400 or final:  # 400: the container is about to start
                        gone_after_its_end = refusal.status == 404 and self._came_to_end
                        self.lost = "" if gone_after_its_end else _lost(self._pod, refusal)
                        return
                pause_s = _FIRST_PAUSE_S if self._place != before else min(2 * pause_s, _LONGEST_PAUSE_S)
                self._pause(pause_s, final=final)
        finally:
            self._job_log.done()

    def _read(self, *, final: bool) -> bool:
        """Read until the answer ends; return whether anybody wants more."""
        query = {"container": CONTAINER, "timestamps": "true"}
        if not final:
            query["follow"] = "true"
        if self._place.since:
            query["sinceTime"] = self._place.since
        stream = self._api.stream(self._api.core("pods", self._pod, "log"), **query)
        self._came_to_end = False  # only now: if the pod is gone, it is the last answer that counts
        with self._news:
            self._stream = stream
            if self._stopped:
                stream.stop()
        try:
            return self._carry(stream, LogText(self._place), final=final)
        finally:
            with self._news:
                self._stream = None

    def _carry(self, stream: Stream, text: LogText, *, final: bool) -> bool:
        for chunk in stream.chunks():
            if not self._give(text.feed(chunk), text.place):
                return False
        self._came_to_end = True
        rest = self._job_log.finish_line(text.finish()) if final else b""
        return self._give(rest, text.place)

    def _give(self, new: bytes, place: Place) -> bool:
        if new:
            if not self._job_log.put(self._pod, place, new):
                return False
            self._place = place
        return not self._stopped

    def _pause(self, pause_s: float, *, final: bool) -> None:
        """Wait before the next request: until the container is known to have ended, or for a while."""
        if self._came_to_end and not final:
            self._job_log.done()
        with self._news:
            self._news.wait_for(lambda: self._stopped or (self._ended_at is not None and not final), pause_s)

    def _too_late(self) -> bool:
        """Whether the container has ended so long ago that its log will not come any more."""
        return self._ended_at is not None and time.monotonic() > self._ended_at + _PATIENCE_AT_END_S


def _lost(pod: str, refusal: Refused) -> str:
    if refusal.status == 404:
        return f"The end of the log of {pod} is gone with the pod."
    return f"The log of {pod} cannot be read: {refusal}"


def _read_position(text: str) -> dict[str, Place]:
    """Read what `position` has written; anything else is the beginning."""
    try:
        found = json.loads(text) if text else {}
        return {str(pod): Place(int(time_ns), int(length)) for pod, (time_ns, length) in found.items()}
    except (ValueError, TypeError, AttributeError):
        _log.warning("The place up to which a log was read cannot be read; it is read from its beginning.")
        return {}
