"""A request that somebody has read on its way cannot be used again."""

from __future__ import annotations

import time

import pytest
import websocket
from signed import post, signed

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.envelope import seal
from pollinator_magic.colonies.models import Conditions, FunctionSpec, Process, ProcessState
from tests.colony_server import running_colony

NANOSECONDS = 10**9


def submission(colony) -> dict[str, object]:
    return {"spec": {"funcname": "f", "maxexectime": -1, "conditions": {"colonyname": colony.colony}}}


def waiting(client) -> int:
    return len(client.processes(ProcessState.WAITING))


def test_a_request_of_ours_is_carried_out_once(colony, client):
    body = seal(colony.user_key, "submitfuncspecmsg", submission(colony))
    before = waiting(client)

    first = post(colony.server, body)
    again = [post(colony.server, body) for _ in range(3)]

    assert first[0] == 200
    assert again == [(403, {"status": 403, "message": "Access denied, repeated request"})] * 3
    assert waiting(client) == before + 1


def test_reading_is_not_repeated_either(colony):
    body = seal(colony.user_key, "getprocessesmsg", {"colonyname": colony.colony, "count": 10, "state": 0})

    assert [post(colony.server, body)[0] for _ in range(2)] == [200, 403]


def test_a_request_is_not_carried_out_after_the_server_has_started_again():
    with running_colony() as colony, Colonies(colony.server, colony.colony, colony.user_key) as client:
        body = seal(colony.user_key, "submitfuncspecmsg", submission(colony))
        assert post(colony.server, body)[0] == 200

        colony.restart()

        assert post(colony.server, body) == (403, {"status": 403, "message": "Access denied, stale request"})
        assert waiting(client) == 1


@pytest.mark.parametrize("seconds", [-3600, -61, 61, 3600, pytest.param(-time.time(), id="1970"), 10**9])
def test_a_request_of_another_time_is_refused(colony, client, seconds):
    before = waiting(client)
    issued = time.time_ns() + int(seconds * NANOSECONDS)

    status, reply = post(
        colony.server,
        signed(colony.user_key, "submitfuncspecmsg", **submission(colony), nonce="a" * 32, issued=issued),
    )

    assert (status, reply["message"]) == (403, "Access denied, stale request")
    assert waiting(client) == before


@pytest.mark.parametrize("nonce", ["", "x" * 65])
def test_a_time_without_a_usable_nonce_is_refused(colony, nonce):
    body = signed(colony.user_key, "getcolonymsg", colonyname=colony.colony, nonce=nonce, issued=time.time_ns())

    assert post(colony.server, body)[0] == 403


def test_clients_that_send_neither_time_nor_nonce_are_served_as_ever(colony, client):
    body = signed(colony.user_key, "submitfuncspecmsg", **submission(colony))
    before = waiting(client)

    assert [post(colony.server, body)[0] for _ in range(2)] == [200, 200]
    assert waiting(client) == before + 2


def test_a_subscription_is_not_repeated(colony, client):
    process = client.submit(FunctionSpec(funcname="f", maxexectime=-1, conditions=Conditions(colonyname=colony.colony)))
    asked = {"colonyname": colony.colony, "processid": process.processid, "state": 0, "timeout": 10}
    body = seal(colony.user_key, "subscribeprocessmsg", asked).decode()
    frames = []

    for _ in range(2):
        listening = websocket.create_connection(f"ws://127.0.0.1:{colony.server.port}/pubsub", timeout=10)
        listening.send(body)
        frames.append(listening.recv())
        listening.shutdown()

    assert '"error":false' in frames[0]
    assert '"error":true' in frames[1]


def test_what_is_remembered_of_requests_is_forgotten_again(colony):
    from pollinator_magic.local.freshness import Freshness
    from pollinator_magic.local.routing import Message

    freshness = Freshness()
    freshness._started -= 1000  # it has run for a while
    for number in range(100):
        freshness.check(Message(nonce=f"{number}", issued=time.time_ns()))
    for nonce in freshness._seen:
        freshness._seen[nonce] -= 121  # two minutes pass

    freshness.check(Message(nonce="last", issued=time.time_ns()))

    assert list(freshness._seen) == ["last"]


def test_a_client_signs_anew_when_it_sends_again():
    with running_colony() as colony, Colonies(colony.server, colony.colony, colony.user_key) as client:
        assert isinstance(client.submit(FunctionSpec(conditions=Conditions(colonyname=colony.colony))), Process)
        colony.restart()  # the client's connection is cut, and only found to be at its next request

        assert waiting(client) == 1
