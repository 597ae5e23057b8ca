"""Whatever is asked of the embedded colony, it answers, and what it has stored can be read by everybody afterwards."""

from __future__ import annotations

import base64
import json
import re
import socket
from typing import TYPE_CHECKING, Any

import pytest
import requests
import websocket
from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from inprocess import ALICE, COLONY, EX1, EX2, KEYS, OWNER_KEY, SERVER_KEY, in_process, settle, settled
from wire_strategies import damage, doubled, mutated, mutations, recorded_requests, written

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.local.operations import ROUTES
from tests.colony_server import running_colony

if TYPE_CHECKING:
    from pathlib import Path

    from inprocess import InProcess

    from pollinator_magic.colonies.keys import PrivateKey

REQUESTS = recorded_requests()
MESSAGES = [message for message, _ in REQUESTS]
BY_OPERATION = [
    [(message, caller) for message, caller in REQUESTS if message.get("msgtype") == operation]
    for operation in sorted(ROUTES.keys() & {message.get("msgtype") for message in MESSAGES})
]
CALLERS = {"server": SERVER_KEY, "colony": OWNER_KEY, "alice": ALICE, "ex1": EX1, "ex2": EX2}
_ID = re.compile(r'"(\w+id)": "[0-9a-f]{64}"')
_KINDS = {"processid": "process", "targetid": "process", "fileid": "file", "snapshotid": "snapshot"}
STATUSES = {200, 400, 403, 404, 500}


def sealed(message: Any, key: PrivateKey, payloadtype: str) -> bytes:
    return signed(written(message).encode(), key, payloadtype)


def signed(raw: bytes, key: PrivateKey, payloadtype: str) -> bytes:
    payload = base64.b64encode(raw).decode()
    envelope = {"payloadtype": payloadtype, "payload": payload, "signature": key.sign(payload)}
    return json.dumps(envelope).encode()


@st.composite
def requests_of(draw: Any, ids: dict[str, list[str]]) -> bytes:
    """A recorded request, about something that is here, changed in some places, and signed by anybody."""
    message, caller = draw(st.sampled_from(draw(st.sampled_from([REQUESTS, *BY_OPERATION]))))

    def here(match: re.Match[str]) -> str:
        kind = _KINDS.get(match[1], "identity")
        return f'"{match[1]}": "{draw(st.sampled_from(ids[kind]))}"'

    message = json.loads(_ID.sub(here, json.dumps(message)))
    payloadtype = str(message.get("msgtype", ""))
    key = CALLERS.get(caller, ALICE) if draw(st.integers(0, 4)) else draw(st.sampled_from(KEYS))
    changed = mutated(message, draw(mutations))
    form = draw(st.sampled_from(["whole"] * 7 + ["damaged", "doubled", "envelope"]))
    if form == "damaged":
        return signed(draw(damage(written(changed).encode())), key, payloadtype)
    if form == "doubled":
        return signed(doubled(written(changed), draw(st.integers(0, 50))).encode(), key, payloadtype)
    if form == "envelope":
        return draw(damage(sealed(changed, key, payloadtype)))
    return sealed(changed, key, payloadtype)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    path = tmp_path_factory.mktemp("template") / "colony.db"
    return path, settled(path)


@given(data=st.data())
@effort(100)
def test_every_request_is_answered_and_what_it_left_can_be_read(template, data):
    path, ids = template
    with in_process(path) as colony:
        for body in data.draw(st.lists(requests_of(ids), min_size=1, max_size=4)):
            answer, status = colony.ask(body)
            assert status in STATUSES
            assert json.loads(answer)["error"] is (status != 200)
        everything_can_be_read(colony)


def everything_can_be_read(colony: InProcess) -> None:
    """Ask for all there is as an ordinary member, unless the colony or its member is gone."""
    alice = colony.client(ALICE)
    if not any(user.userid == ALICE.identity for user in users(colony)):
        return
    alice.users()
    for state in (state for state in ProcessState if state is not ProcessState.UNKNOWN):
        for process in alice.processes(state):
            alice.process(process.processid)
            alice.logs(process.processid)
            alice.logs(process.processid, latest=True)
        alice.history(state, seconds=86_400)
    for executor in alice.executors():
        alice.executor(executor.executorname)
        alice.functions(executor.executorname)
    for label in (label for label in alice.labels() if label.name):  # without one, files cannot be asked for by name
        for file in (file for file in alice.files(label.name) if file.name):
            for revision in alice.revisions(label.name, file.name):
                alice.file(revision.fileid)
    alice.snapshots()
    alice.statistics()
    alice.search_logs("line")


def users(colony: InProcess) -> list[Any]:
    from pollinator_magic.errors import ServerError

    try:
        return colony.client(ALICE).users()
    except ServerError:  # it has been removed
        return []


@pytest.fixture(scope="module")
def served():
    with running_colony(COLONY) as colony:
        yield colony


def alive(colony: Any) -> bool:
    return requests.get(f"{colony.server.url}/health", timeout=10).status_code == 200


@given(data=st.data())
@effort(30)
def test_every_body_over_http_is_answered_with_an_envelope(served, template, data):
    body = data.draw(requests_of(template[1]) | st.binary(max_size=100) | st.sampled_from([b"", b"null", b"{}", b"[]"]))

    response = requests.post(f"{served.server.url}/api", data=body, timeout=10)

    assert response.status_code in STATUSES
    assert response.json()["error"] is (response.status_code != 200)
    assert "embedded colony failed" not in base64.b64decode(response.json()["payload"]).decode("utf-8", "replace")
    assert alive(served)


SUBSCRIPTIONS = [message for message in MESSAGES if str(message.get("msgtype", "")).startswith("subscribe")]


@given(data=st.data())
@effort(30)
def test_every_frame_over_the_websocket_leaves_the_server_alive(served, caplog, data):
    message = mutated(data.draw(st.sampled_from(SUBSCRIPTIONS)), data.draw(mutations))
    frame = sealed(message, served.user_key, "subscribeprocessmsg")
    frame = data.draw(st.just(frame) | damage(frame) | st.binary(max_size=50))
    connection = websocket.create_connection(f"{served.server.url}/pubsub".replace("http", "ws"), timeout=5)
    try:
        if data.draw(st.booleans()):
            connection.send_binary(frame)
        else:
            connection.send(frame.decode("utf-8", "replace"))
    finally:
        connection.shutdown()

    assert alive(served)
    assert not [record for record in caplog.records if record.levelname == "ERROR"], caplog.text


HEAD = b"POST /api HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@given(data=st.data())
@effort(30)
def test_no_bytes_on_the_port_end_the_server(served, data):
    with socket.create_connection((served.server.host, served.server.port), timeout=5) as connection:
        connection.sendall(data.draw(damage(HEAD) | st.binary(max_size=200)))

    assert alive(served)


def test_the_world_of_these_tests_has_one_of_everything():
    with in_process() as colony:
        ids = settle(colony)
        everything_can_be_read(colony)
        states = {state: len(colony.client(ALICE).processes(state)) for state in range(5)}

    assert states == {0: 1, 1: 1, 2: 1, 3: 1, 4: 1}
    assert all(ids.values())


def test_most_operations_of_the_server_are_among_the_recorded_requests():
    asked = {message.get("msgtype") for message in MESSAGES}

    assert len(ROUTES.keys() & asked) > 0.9 * len(ROUTES)
