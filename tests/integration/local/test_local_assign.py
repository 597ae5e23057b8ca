"""Handing out work: nobody sleeps through it, nobody gets it who has gone, everybody gets what is first in line."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import EXECUTOR_TYPE, World, ask, envelope

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.errors import AccessDenied
from tests.waiting import eventually

_LONG_S = 30


class Waiting:
    """An assign call that waits in a thread; made sure to wait before it is returned."""

    def __init__(self, world: World, executor: str, timeout_s: int = _LONG_S, **limits: str) -> None:
        self.process: Process | None = None
        self.error: Exception | None = None
        self._client = Colonies(world.server, world.colony, world.keys[executor])
        self._limits = limits
        self._timeout_s = timeout_s
        before = world.client("alice").executor(executor).lastheardfromtime
        self._thread = threading.Thread(target=self._run, name=f"assign-{executor}")
        self._thread.start()
        eventually(lambda: world.client("alice").executor(executor).lastheardfromtime != before)

    def result(self) -> Process | None:
        self._thread.join(_LONG_S / 2)  # well before the poll would end by itself
        assert not self._thread.is_alive()
        self._client.close()
        if self.error:
            raise self.error
        return self.process

    def _run(self) -> None:
        try:
            self.process = self._client.assign(self._timeout_s, **self._limits)
        except Exception as error:  # noqa: BLE001  raised again by `result`
            self.error = error


@pytest.fixture
def alice(world: World) -> Colonies:
    return world.client("alice")


def test_an_executor_for_which_work_is_meant_is_woken_whoever_else_waits(world: World, alice: Colonies):
    other = Waiting(world, "ex1")
    for _ in range(4):
        meant = Waiting(world, "ex2")

        process = alice.submit(world.spec("ex2"))

        assert meant.result().processid == process.processid
    last = alice.submit(world.spec("ex1"))
    assert other.result().processid == last.processid


def test_a_poll_of_another_colony_takes_no_wake_up(world: World, alice: Colonies):
    with Colonies(world.server, "vec", world.server_key) as server:
        from pollinator_magic.colonies.models import Colony

        server.add_colony(Colony(name="other", colonyid=world.owner_key.identity))
    foreign, own = world.new_executor("foreign", executor_type=EXECUTOR_TYPE), "ex1"
    world.keys["foreign"] = foreign
    waiting = Waiting(world, own)

    process = alice.submit(world.spec(own))

    assert waiting.result().processid == process.processid


def test_work_that_is_too_large_for_the_first_waiting_executor_goes_to_the_next(world: World, alice: Colonies):
    small = Waiting(world, "ex1", cpu="1000m", mem="1Gi")
    large = Waiting(world, "ex2", cpu="8000m", mem="16Gi")

    process = alice.submit(world.spec(conditions={"executornames": None, "cpu": "2000m", "mem": "2Gi"}))

    assert large.result().processid == process.processid
    little = alice.submit(world.spec(conditions={"executornames": None, "cpu": "1000m", "mem": "1Gi"}))
    assert small.result().processid == little.processid


def test_work_that_becomes_free_again_wakes_a_waiting_executor(world: World, alice: Colonies):
    world.keys["gone"] = world.new_executor("gone", executor_type=EXECUTOR_TYPE)
    process = alice.submit(world.spec(conditions={"executornames": None}))
    with Colonies(world.server, world.colony, world.keys["gone"]) as gone:
        assert gone.assign(-1).processid == process.processid
    waiting = Waiting(world, "ex1")

    world.client("colony").remove_executor("gone")

    again = waiting.result()
    assert again.processid == process.processid
    assert again.retries == 0
    assert again.assignedexecutorid == world.keys["ex1"].identity


def test_higher_priority_comes_first_and_equal_priority_in_order(world: World, alice: Colonies):
    names = {"low": -1, "first": 0, "second": 0, "high": 5}
    submitted = {
        name: alice.submit(world.spec(priority=priority, conditions={"executornames": executors})).processid
        for (name, priority), executors in zip(names.items(), (None, ["ex1"], None, ["ex2", "ex1"]), strict=True)
    }

    order = [world.client("ex1").assign(-1).processid for _ in names]

    assert order == [submitted[name] for name in ("high", "first", "second", "low")]


def test_work_for_others_or_other_types_is_never_assigned(world: World, alice: Colonies):
    alice.submit(world.spec("ex2"))
    alice.submit(world.spec(conditions={"executornames": None, "executortype": "other"}))

    assert world.client("ex1").assign(-1) is None


def test_storage_and_many_nodes_do_not_keep_work_waiting(world: World, alice: Colonies):
    process = alice.submit(world.spec(conditions={"storage": "1Gi", "nodes": 128}))

    assert world.client("ex1").assign(-1).processid == process.processid


def test_many_executors_share_many_processes_without_loss_or_repeat(world: World, alice: Colonies):
    key = world.keys["ex1"]
    submitted: set[str] = set()

    def run(_: int) -> list[str]:
        done = []
        with Colonies(world.server, world.colony, key) as client:
            while process := client.assign(1):
                client.close_successful(process.processid)
                done.append(process.processid)
        return done

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(run, number) for number in range(4)]
        submitted.update(alice.submit(world.spec()).processid for _ in range(60))
        done = [process for finished in runs for process in finished.result()]

    assert len(done) == len(submitted)
    assert set(done) == submitted


def _raw_assign(world: World, timeout_s: int) -> socket.socket:
    """Send an assign request over a bare socket, and wait until the server has taken it."""
    message = {"msgtype": "assignprocessmsg", "colonyname": world.colony, "timeout": timeout_s}
    body = json.dumps(envelope(world.keys["ex1"], message)).encode()
    before = world.client("alice").executor("ex1").lastheardfromtime
    connection = socket.create_connection((world.server.host, world.server.port), timeout=_LONG_S)
    connection.sendall(b"POST /api HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    eventually(lambda: world.client("alice").executor("ex1").lastheardfromtime != before)
    return connection


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_client_that_has_gone_gets_no_work(world: World, alice: Colonies, abruptly: bool):
    connection = _raw_assign(world, _LONG_S)
    if abruptly:  # a reset instead of an orderly end
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()

    process = alice.submit(world.spec())

    assert world.state(process) is ProcessState.WAITING
    assert world.client("ex1").assign(5).processid == process.processid


def test_a_client_that_waits_on_a_bare_socket_gets_its_work(world: World, alice: Colonies):
    with _raw_assign(world, _LONG_S) as connection:
        process = alice.submit(world.spec())
        assert b"HTTP/1.1 200" in connection.recv(1000)

    assert world.state(process) is ProcessState.RUNNING


def test_an_executor_that_is_rejected_while_it_waits_gets_nothing(world: World, alice: Colonies):
    waiting = Waiting(world, "ex1")
    world.client("colony").reject_executor("ex1")

    process = alice.submit(world.spec())

    with pytest.raises(AccessDenied):
        waiting.result()
    assert world.state(process) is ProcessState.WAITING


def test_waiting_ends_with_the_timeout(world: World):
    started = time.monotonic()

    status, reply = ask(
        world.server, world.keys["ex1"], {"msgtype": "assignprocessmsg", "colonyname": "vec", "timeout": 1}
    )

    assert (status, reply["message"]) == (404, "No process available for assignment")
    assert time.monotonic() - started > 0.9


def test_a_server_that_stops_ends_the_waiting_calls(world: World):
    waiting = Waiting(world, "ex1")

    world.restart()

    assert waiting.result() is None
