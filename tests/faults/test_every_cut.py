"""A tiny project, and a cut connection at every single request of its life: before it is sent, and before its reply."""

from __future__ import annotations

import pytest

from tests.faults.life import WAYS, endure
from tests.faults.proxy import AtRequest, Effect, Moment


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.UNANSWERED], ids=lambda moment: moment.name.lower())
@pytest.mark.parametrize("way", WAYS)
def test_a_connection_may_be_cut_at_every_request(grounds, clean, new_life, way, moment):
    cold, _ = clean[way]
    places = [(kind, cold.kinds[:place].count(kind) + 1) for place, kind in enumerate(cold.kinds)]

    with grounds.session() as session:
        shown = [
            endure(grounds, way, AtRequest(Effect.RESET, number, kind, moment), new_life(files=2, session=session))
            for kind, number in places
        ]

    assert sum(shown) > 0.7 * len(places)  # how often is asked for news depends on the time that things take
