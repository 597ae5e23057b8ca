"""Websocket subscriptions: who hears what, and how a connection ends."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import websocket
from asking import EXECUTOR_TYPE, World, envelope, recorded

from pollinator_magic.colonies.events import Hint, ProcessWatch
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ProcessState

if TYPE_CHECKING:
    from collections.abc import Iterator


class Listener:
    """One websocket connection."""

    def __init__(self, world: World, **options: Any) -> None:
        self.socket = websocket.create_connection(
            f"ws://{world.server.host}:{world.server.port}/pubsub", timeout=10, **options
        )

    def subscribe(self, key: PrivateKey, process_id: str, state: int, **fields: Any) -> None:
        message = {"msgtype": "subscribeprocessmsg", "colonyname": "vec", "processid": process_id, "state": state}
        self.send(key, {**message, "executortype": EXECUTOR_TYPE, "timeout": 20, **fields})

    def send(self, key: PrivateKey, message: dict[str, Any], **overrides: str) -> None:
        self.socket.send(json.dumps({**envelope(key, message), **overrides}))

    def frame(self) -> tuple[dict[str, Any], Any]:
        received = json.loads(self.socket.recv())
        return received, json.loads(base64.b64decode(received["payload"]))

    def ends(self) -> bool:
        """Whether the server drops the connection, without a close frame."""
        try:
            self.socket.recv()
        except websocket.WebSocketConnectionClosedException:
            return True
        return False


@pytest.fixture
def listener(world: World) -> Iterator[Listener]:
    listener = Listener(world)
    yield listener
    listener.socket.close()


def test_a_state_that_is_already_there_is_told_at_once(world: World, listener: Listener):
    process = world.process("waiting")

    listener.subscribe(world.user_key, process.processid, ProcessState.WAITING)

    frame, told = listener.frame()
    assert (frame["payloadtype"], frame["error"]) == ("subscribeprocessmsg", False)
    assert told["processid"] == process.processid


def test_several_states_are_told_on_one_connection_as_they_come(world: World, listener: Listener):
    process = world.client("alice").submit(world.spec())
    for state in (ProcessState.RUNNING, ProcessState.SUCCESS, ProcessState.FAILED):
        listener.subscribe(world.user_key, process.processid, state, executortype="")
    listener.subscribe(world.user_key, process.processid, ProcessState.WAITING)
    assert listener.frame()[1]["state"] == ProcessState.WAITING

    world.client("ex1").assign(-1)
    world.client("ex1").close_successful(process.processid, ["out"])

    assert listener.frame()[1]["state"] == ProcessState.RUNNING
    closed = listener.frame()[1]
    assert (closed["state"], closed["out"]) == (ProcessState.SUCCESS, ["out"])


@pytest.mark.parametrize("outcome", ["cancel", "fail", "wait too long"])
def test_every_way_to_end_is_told(world: World, listener: Listener, outcome: str):
    process = world.client("alice").submit(world.spec(maxwaittime=1 if outcome == "wait too long" else -1))
    state = ProcessState.CANCELLED if outcome == "cancel" else ProcessState.FAILED
    listener.subscribe(world.user_key, process.processid, ProcessState.WAITING)
    listener.subscribe(world.user_key, process.processid, state)
    listener.frame()

    if outcome == "cancel":
        world.client("alice").cancel(process.processid)
    elif outcome == "fail":
        world.client("ex1").assign(-1)
        world.client("ex1").close_failed(process.processid, ["no"])

    assert listener.frame()[1]["state"] == state


def test_the_connection_is_dropped_at_the_timeout(world: World, listener: Listener):
    process, started = world.process("waiting"), time.monotonic()

    listener.subscribe(world.user_key, process.processid, ProcessState.SUCCESS, timeout=1)

    assert listener.ends()
    assert time.monotonic() - started > 0.9


def test_only_members_of_the_colony_hear_of_a_process(world: World, listener: Listener):
    process = world.process("waiting")

    listener.subscribe(PrivateKey.generate(), process.processid, ProcessState.WAITING)

    frame, told = listener.frame()
    assert (frame["error"], told["status"]) == (True, 403)
    assert "not a member" in told["message"]


def test_an_unknown_process_is_refused_as_recorded(world: World, listener: Listener):
    expected = recorded("websocket", "process_unknown")["frames"][0]["decoded"]

    listener.subscribe(world.user_key, "0" * 64, ProcessState.SUCCESS)

    assert listener.frame()[1] == expected


def test_a_mismatching_message_type_is_refused_as_recorded(world: World, listener: Listener):
    expected = recorded("websocket", "msgtype_mismatch")["frames"][0]["decoded"]

    listener.send(world.user_key, {"msgtype": "x"}, payloadtype="subscribeprocessmsg")

    assert listener.frame()[1] == expected


@pytest.mark.parametrize("garbage", ["{oops", '{"payloadtype": "subscribeprocessmsg", "signature": "00"}'])
def test_what_is_no_request_ends_the_connection(listener: Listener, garbage: str):
    listener.socket.send(garbage)

    assert listener.ends()


def test_executors_hear_of_all_work_of_a_type_in_their_colony_and_take_none_away(world: World, listener: Listener):
    other = Listener(world)
    message = {"msgtype": "subscribeprocessesmsg", "colonyname": "vec", "executortype": EXECUTOR_TYPE, "state": 0}
    for one in (listener, other):
        one.send(world.keys["ex2"], {**message, "timeout": 20})
        one.subscribe(world.user_key, "0" * 64, 0)  # its answer shows that the subscription stands
        one.frame()

    process = world.client("alice").submit(world.spec())

    assert listener.frame()[1]["processid"] == other.frame()[1]["processid"] == process.processid
    assert world.client("ex1").assign(-1).processid == process.processid
    other.socket.close()


def test_users_cannot_listen_to_all_work_of_a_type(world: World, listener: Listener):
    expected = recorded("websocket", "processes_user_key_refused")["frames"][0]["decoded"]
    message = {"msgtype": "subscribeprocessesmsg", "colonyname": "vec", "executortype": EXECUTOR_TYPE, "timeout": 9}

    listener.send(world.user_key, message)

    assert listener.frame()[1] == expected


@pytest.mark.parametrize("options", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_web_pages_from_elsewhere_cannot_connect(world: World, options: dict[str, str]):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Listener(world, **options)

    assert refused.value.status_code == 403


def test_a_server_that_stops_drops_its_listeners(world: World, listener: Listener):
    process = world.process("waiting")
    listener.subscribe(world.user_key, process.processid, ProcessState.WAITING)
    listener.frame()

    world.restart()

    assert listener.ends()


def test_the_client_of_this_package_is_hinted_at_a_change(world: World):
    process = world.client("alice").submit(world.spec())
    with ProcessWatch(world.server, world.user_key, "vec", process.processid) as watch:
        world.client("ex1").assign(-1)

        assert watch.wait(10) is Hint.STATE


def test_who_reads_a_log_is_told_when_there_is_more_of_it(world: World):
    process, other = world.process("running"), world.process("running", "ex2")
    with ProcessWatch(world.server, world.user_key, "vec", process.processid, log=True) as watch:
        assert watch.wait(10) is Hint.STATE  # it listens
        world.client("ex2").add_log(other.processid, "not of this one\n")
        world.client("ex1").add_log(process.processid, "line\n")

        assert watch.wait(10) is Hint.LOG
        assert not watch.wait(0)


def test_nobody_is_told_of_a_log_without_having_asked(world: World, listener: Listener):
    process = world.process("running")
    listener.subscribe(world.user_key, process.processid, ProcessState.RUNNING)
    listener.frame()
    listener.subscribe(world.user_key, process.processid, ProcessState.SUCCESS)

    world.client("ex1").add_log(process.processid, "line\n")
    world.client("ex1").close_successful(process.processid)

    assert listener.frame()[1]["state"] == ProcessState.SUCCESS
