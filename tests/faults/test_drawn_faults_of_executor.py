"""Whatever happens to the connections of the executor, at any point of a job: nothing is lost, nothing runs twice."""

from __future__ import annotations

import pytest

from tests.faults.life import live_through, lives


@pytest.mark.parametrize("seeds", lives("executor_colony", 28), ids=lambda seeds: str(seeds[0]))
def test_a_job_survives_faults_on_the_way_to_the_colony(grounds, clean, new_life, seeds):
    live_through(grounds, clean, new_life(), "executor_colony", seeds)


@pytest.mark.parametrize("seeds", lives("executor_s3", 28), ids=lambda seeds: str(seeds[0]))
def test_a_job_survives_faults_on_the_way_to_the_object_store(grounds, clean, new_life, seeds):
    live_through(grounds, clean, new_life(), "executor_s3", seeds)
