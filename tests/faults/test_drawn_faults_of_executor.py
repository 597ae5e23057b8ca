"""Whatever happens to the connections of the executor, at any point of a job: nothing is lost, nothing runs twice."""

from __future__ import annotations

import pytest

from tests.faults.drawing import draw
from tests.faults.life import endure
from tests.faults.points import points

_RUNS = 4
"""So many runs of one project, the first one from nothing, each with a fault of its own."""


def lives(way: str, count: int) -> list[list[int]]:
    drawn = points(f"network-{way}", count)
    return [drawn[at : at + _RUNS] for at in range(0, len(drawn), _RUNS)]


@pytest.mark.parametrize("seeds", lives("executor_colony", 28), ids=lambda seeds: str(seeds[0]))
def test_a_job_survives_faults_on_the_way_to_the_colony(grounds, clean, new_life, seeds):
    live_through(grounds, clean, new_life(), "executor_colony", seeds)


@pytest.mark.parametrize("seeds", lives("executor_s3", 28), ids=lambda seeds: str(seeds[0]))
def test_a_job_survives_faults_on_the_way_to_the_object_store(grounds, clean, new_life, seeds):
    live_through(grounds, clean, new_life(), "executor_s3", seeds)


def live_through(grounds, clean, life, way, seeds):
    cold, warm = clean[way]
    traffic = cold
    for seed in seeds:
        endure(grounds, way, draw(seed, traffic, store=way.endswith("s3")), life)
        life.change()
        traffic = warm
