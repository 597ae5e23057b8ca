"""How many faults a run injects, and where: the same ones every time, more of them in a soak.

Every randomised test draws its points here, so that a failure names the seed that shows it again:

    POLLINATOR_FAULT_SEED=1234 pytest tests/faults
    POLLINATOR_SOAK=20 pytest tests/faults      # twenty times as many, other ones with another seed
"""

from __future__ import annotations

import os
import random

SOAK = int(os.environ.get("POLLINATOR_SOAK", "1"))
"""By what factor a run is longer than CI's."""
SEED = int(os.environ.get("POLLINATOR_FAULT_SEED", "20261122"))


def points(name: str, count: int) -> list[int]:
    """Return `count` seeds for the randomised test `name` (times the factor of a soak); each is one fault point."""
    return [random.Random(f"{SEED}/{name}/{number}").getrandbits(32) for number in range(count * SOAK)]
