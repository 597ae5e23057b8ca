from __future__ import annotations

import pytest
from clusters import CONTEXT, Grounds


@pytest.fixture
def replayed(tmp_path):
    """A cluster that replays recordings."""
    grounds = Grounds(tmp_path)
    yield grounds
    grounds.close()


@pytest.fixture
def grounds(tmp_path):
    """A cluster that runs programs: the user's own, if one is named."""
    grounds = Grounds(tmp_path, real=bool(CONTEXT))
    yield grounds
    grounds.close()
