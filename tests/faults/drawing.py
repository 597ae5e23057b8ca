"""Draws where and how a connection fails: at one of the requests, or after so many bytes, that a clean run has."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.faults import s3_faults
from tests.faults.proxy import AfterBytes, AtRequest, Effect, Moment, Way

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tests.faults.proxy import Traffic

_BYTES_EVERY = 4
"""One fault of so many is counted in bytes."""
_TIMES = (1, 1, 2, 5)
"""How many requests in a row fail: one that is repeated gets through, or does not."""
_STORE_EVERY = 2
_IN_THE_STORE = (
    s3_faults.BROKEN,
    s3_faults.SLOW_DOWN,
    s3_faults.DENIED,
    s3_faults.MISSING,
    s3_faults.Truncated(),
    s3_faults.Damaged(),
    s3_faults.Shortened(),
)


def draw(point: int, clean: Traffic, *, store: bool = False, without: Collection[str] = ()) -> AtRequest | AfterBytes:
    """Return the fault of this point, for a way on which `clean` is what goes without one."""
    chance = random.Random(point)
    if chance.randrange(_BYTES_EVERY) == 0:
        way = chance.choice([Way.UP, Way.DOWN])
        effect = chance.choice([Effect.RESET, Effect.END, Effect.STALL, Effect.REFUSE])
        return AfterBytes(effect, chance.randrange(1, clean.bytes[way]), way)
    kind, number = _which(chance, [kind for kind in clean.kinds if kind not in without])
    times = chance.choice(_TIMES)
    if store and chance.randrange(_STORE_EVERY) == 0:
        # what is in a reply matters only where something is read
        suitable = _IN_THE_STORE if kind == "GET" else _IN_THE_STORE[:3]
        return AtRequest(chance.choice(suitable), number, kind, times=times)
    moment = chance.choice(list(Moment))
    effect = chance.choice(list(Effect))
    return AtRequest(effect, number, kind, moment=moment, times=1 if effect is Effect.STALL else times)


def _which(chance: random.Random, kinds: Sequence[str]) -> tuple[str, int]:
    """Choose a request; return its kind and the how manyth of its kind it is."""
    place = chance.randrange(len(kinds))
    return kinds[place], kinds[: place + 1].count(kinds[place])
