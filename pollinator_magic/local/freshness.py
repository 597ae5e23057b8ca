"""No signed request is carried out twice.

The protocol has neither time nor number in its requests, so whoever reads one can send it again for ever. Those of this
package carry both inside what is signed (`colonies.envelope.seal`), and the embedded colony refuses what it has seen,
what is too old to remember, and what was signed before it started. Other clients send neither, and are served as a
Colonies server serves them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from pollinator_magic.local.routing import Refused

if TYPE_CHECKING:
    from pollinator_magic.local.routing import Message

_REMEMBERED_S = 60.0
_LONGEST_NONCE = 64


class Freshness:
    """Remembers which requests came lately.

    Ages are measured with the clock that client and server share, as they are on one machine; how long something is
    remembered, and how long the server has run, by one that nobody can set.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._seen: OrderedDict[str, float] = OrderedDict()  # by nonce: when it came; a dict finds its oldest slowly

    def check(self, message: Message) -> None:
        """Refuse a request that was seen before, or whose time says that it may have been."""
        if not message.nonce and not message.issued:
            return
        now = time.monotonic()
        age_s = (time.time_ns() - message.issued) / 1e9
        if not -_REMEMBERED_S <= age_s <= min(_REMEMBERED_S, now - self._started):
            raise Refused(403, "Access denied, stale request")
        if not 0 < len(message.nonce) <= _LONGEST_NONCE or message.nonce in self._seen:
            raise Refused(403, "Access denied, repeated request")
        self._forget(now - 2 * _REMEMBERED_S)  # as late again, for those that claim to come from the future
        self._seen[message.nonce] = now

    def _forget(self, before: float) -> None:
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] >= before:
                return
            del self._seen[oldest]
