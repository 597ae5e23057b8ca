"""How many examples a property is tried with: a few and always the same in CI, many new ones in a soak."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

from tests.faults.points import SOAK

_HEALTHY = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


def effort(examples: int, **options: Any) -> settings:
    """Return settings for so many examples, times the factor of a soak.

    Fixtures of single tests may be used, where what one example leaves in them does not matter to the next.
    """
    return settings(
        max_examples=examples * SOAK,
        deadline=None,  # this machine has more to do
        derandomize=SOAK == 1,
        suppress_health_check=_HEALTHY,
        **options,
    )
