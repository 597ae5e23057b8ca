"""What is no proper request gets one proper answer, and harms nobody."""

from __future__ import annotations

import base64
import json

import pytest
import requests
from asking import World, ask, decoded, envelope, post

_QUESTION = {"msgtype": "getcolonymsg", "colonyname": "vec"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{not json", 400),
        ("", 400),
        ("[]", 400),
        ("null", 400),
        ("{}", 403),
        (b"\xff\xfe", 400),
        ('{"payloadtype": "getcolonymsg", "payload": 5}', 400),
        ("[" * 100_000, 400),
    ],
)
def test_a_body_that_is_no_envelope_is_refused_with_one(world: World, body: str | bytes, status: int):
    response = post(world.server, body)

    assert response.status_code == status
    assert decoded(response)["status"] == status
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "payload",
    [
        "not base64",
        base64.b64encode(b"not json").decode(),
        base64.b64encode(b"null").decode(),
        base64.b64encode(b"5").decode(),
        base64.b64encode(json.dumps({**_QUESTION, "x": "ÿÿ?"}).encode()).decode().replace("=", ""),
        base64.b64encode(b"\xff\xfb\xff").decode().replace("/", "_").replace("+", "-"),
    ],
)
def test_a_payload_that_is_no_message_is_refused(world: World, payload: str):
    request = {"payloadtype": "getcolonymsg", "payload": payload, "signature": world.user_key.sign(payload)}

    response = post(world.server, json.dumps(request))

    assert response.status_code == 400
    assert decoded(response)["message"] == "Failed to get colony, invalid JSON"


def test_a_signature_of_something_else_is_that_of_a_stranger(world: World):
    request = {**envelope(world.user_key, _QUESTION), "signature": world.user_key.sign("something else")}

    response = post(world.server, json.dumps(request))

    assert response.status_code == 403
    assert decoded(response)["message"] == "Access denied, not a member of Colony with name <vec>"


@pytest.mark.parametrize("size", [-(10**30), 10**30, 2**64 - 1])
def test_numbers_that_no_database_holds_are_refused(world: World, size: int):
    file = {"colonyname": "vec", "label": "/l", "name": "n", "size": size}

    status, _ = ask(world.server, world.keys["alice"], {"msgtype": "addfilemsg", "file": file})

    assert status == 400


@pytest.mark.parametrize("limit", [10**9, 10**15, 2**62])
def test_limits_beyond_a_lifetime_are_none(world: World, limit: int):
    process = world.client("alice").submit(world.spec(maxwaittime=limit, maxexectime=limit))

    assert process.waitdeadline.startswith("0001") or limit == 10**9
    assert world.client("ex1").assign(-1).processid == process.processid


def test_nulls_leave_fields_as_they_are(world: World):
    spec = {"funcname": "f", "args": None, "kwargs": None, "env": None, "label": None, "fs": None}
    spec["conditions"] = {"colonyname": "vec", "executornames": None, "executortype": "t", "gpu": None}

    status, process = ask(world.server, world.keys["alice"], {"msgtype": "submitfuncspecmsg", "spec": spec})

    assert status == 200
    assert (process["spec"]["kwargs"], process["spec"]["env"], process["spec"]["label"]) == ({}, {}, "")


def test_keys_of_the_users_own_objects_keep_their_case(world: World):
    spec = {"FuncName": "f", "kwargs": {"Cmd": None, "B": 1}, "env": {"PATH": "/x"}}
    spec["Conditions"] = {"ColonyName": "vec", "ExecutorType": "t"}

    message = {"MsgType": "submitfuncspecmsg", "Spec": spec}
    status, process = ask(world.server, world.keys["alice"], message, "submitfuncspecmsg")

    assert status == 200
    assert process["spec"]["funcname"] == "f"
    assert process["spec"]["kwargs"] == {"Cmd": None, "B": 1}
    assert process["spec"]["env"] == {"PATH": "/x"}


def test_requests_under_a_foreign_host_name_are_refused(world: World):
    for name, status in (("evil.example", 403), ("localhost", 200), (f"127.0.0.1:{world.server.port}", 200)):
        response = requests.get(f"{world.server.url}/health", headers={"Host": name}, timeout=10)
        assert response.status_code == status


def test_health_answers_with_nothing(world: World):
    response = requests.get(f"{world.server.url}/health", timeout=10)

    assert (response.status_code, response.content) == (200, b"")


def test_the_api_cannot_be_read_with_get(world: World):
    assert requests.get(f"{world.server.url}/api", timeout=10).status_code == 404


def test_a_body_that_is_too_large_is_refused(world: World):
    connection = requests.Session()
    with pytest.raises(requests.RequestException):
        connection.post(
            f"{world.server.url}/api", data=b"x", headers={"Content-Length": str(65 * 2**20)}, timeout=5
        ).raise_for_status()


def test_the_server_says_who_it_is_without_a_signature(world: World):
    status, version = ask(world.server, None, {"msgtype": "versionmsg"})
    info = ask(world.server, None, {"msgtype": "getserverinfomsg"})[1]

    assert (status, version["buildversion"]) == (200, "test")
    assert info["backends"] == [{"type": "http", "port": world.server.port, "host": "127.0.0.1"}]
    cluster = ask(world.server, world.server_key, {"msgtype": "getclustermsg"})[1]
    assert cluster["leader"]["apiport"] == world.server.port


@pytest.mark.parametrize("message", [{"msgtype": "getcolonystatsmsg"}, {"msgtype": "getprocesshistmsg"}])
def test_strangers_are_told_that_they_are_strangers(world: World, message: dict[str, str]):
    from pollinator_magic.colonies.keys import PrivateKey

    status, reply = ask(world.server, PrivateKey.generate(), {**message, "colonyname": "vec"})

    assert (status, reply["message"]) == (403, "Access denied, not a member of Colony with name <vec>")
