"""Executors that were built against version 1.8 of the official library, as all official ones are at present."""

from __future__ import annotations

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from tests.colony_server import running_colony


def test_an_older_executor_is_answered_in_the_form_that_it_reads_and_everybody_else_in_the_newer_one():
    hardware = {"model": "m", "nodes": 2, "cpu": "2000m", "gpu": {"name": "", "count": 0}}
    record = {
        "executorid": PrivateKey.generate().identity,
        "executorname": "veteran",
        "executortype": "container-executor",
        "capabilities": {"hardware": hardware, "software": {"name": "s", "type": "t", "version": "1"}},
        "location": {"long": 1.5, "lat": 2.5, "desc": "here"},
    }
    with running_colony() as colony:
        owner = Colonies(colony.server, colony.colony, colony.owner_key)
        user = Colonies(colony.server, colony.colony, colony.user_key)

        answer = owner.rpc.call("addexecutormsg", {"executor": {**record, "colonyname": colony.colony}}, dict)

        assert answer["capabilities"]["hardware"]["nodes"] == 2
        assert answer["capabilities"]["software"]["name"] == "s"
        (listed,) = user.rpc.call("getexecutorsmsg", {"colonyname": colony.colony}, list[dict])
        assert [entry["model"] for entry in listed["capabilities"]["hardware"]] == ["m"]
        assert [entry["name"] for entry in listed["capabilities"]["software"]] == ["s"]
