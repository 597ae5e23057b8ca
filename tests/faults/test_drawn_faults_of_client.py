"""Whatever happens to the connections of the user, at any point of a job: nothing is lost, nothing runs twice."""

from __future__ import annotations

import pytest

from tests.faults.drawing import draw
from tests.faults.life import clean_traffic, endure
from tests.faults.points import points

_RUNS = 4
"""So many runs of one project, the first one from nothing, each with a fault of its own."""


def lives(way: str, count: int) -> list[list[int]]:
    drawn = points(f"network-{way}", count)
    return [drawn[at : at + _RUNS] for at in range(0, len(drawn), _RUNS)]


@pytest.mark.parametrize("seeds", lives("client_colony", 28), ids=lambda seeds: str(seeds[0]))
def test_a_job_survives_faults_on_the_way_to_the_colony(grounds, clean, new_life, seeds):
    live_through(grounds, clean, new_life(), "client_colony", seeds)


@pytest.mark.parametrize("seeds", lives("client_s3", 28), ids=lambda seeds: str(seeds[0]))
def test_a_job_survives_faults_on_the_way_to_the_object_store(grounds, clean, new_life, seeds):
    live_through(grounds, clean, new_life(), "client_s3", seeds)


@pytest.mark.parametrize("way", ["client_colony", "client_s3"])
def test_a_first_push_of_many_files_survives_faults(grounds, new_life, tmp_path, way):
    cold, _ = clean_traffic(grounds, tmp_path / "clean", files=30)[way]

    for seed in points(f"network-many-{way}", 4):
        endure(grounds, way, draw(seed, cold, store=way.endswith("s3")), new_life(files=30))


def live_through(grounds, clean, life, way, seeds):
    cold, warm = clean[way]
    traffic = cold
    for seed in seeds:
        endure(grounds, way, draw(seed, traffic, store=way.endswith("s3")), life)
        life.change()
        traffic = warm
