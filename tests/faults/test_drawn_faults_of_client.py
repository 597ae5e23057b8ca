"""Whatever happens to the connections of the user, at any point of a job: nothing is lost, nothing runs twice."""

from __future__ import annotations

import pytest

from tests.faults.drawing import draw
from tests.faults.life import clean_traffic, endure, live_through, lives
from tests.faults.points import points


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
