"""Fixtures of the runner's tests."""

from __future__ import annotations

import itertools

import pytest
from cell_jobs import CellJob


@pytest.fixture
def cell_job(tmp_path):
    """Make jobs of cells, each in a directory of its own."""
    numbers = itertools.count()
    return lambda cell="": CellJob(tmp_path / f"job{next(numbers)}", cell)
