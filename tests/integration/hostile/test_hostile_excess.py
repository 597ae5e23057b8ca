"""A server that never stops: bounded memory, bounded time, and an error that says what happened."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import threading
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hostile_server import Silent, envelope

from pollinator_magic.colonies import events as events_module
from pollinator_magic.colonies import rpc as rpc_module
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.events import ProcessWatch
from pollinator_magic.errors import InvalidReply, PollinatorError, ServerUnreachable
from pollinator_magic.jobs import LogText, submit
from pollinator_magic.jobs import log as log_module
from tests.jobs import run
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from hostile_server import Connection, Exchange

MIB = 1 << 20


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Fail if Python takes more memory than that at any moment (this process also holds the hostile server)."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size, f"{peak >> 20} MiB"


@pytest.fixture
def client(hostile, colony) -> Iterator[Colonies]:
    """A client that is less patient than usual."""
    with Colonies(hostile.server, colony.colony, colony.user_key, read_timeout_s=0.5) as client:
        yield client


async def endless() -> AsyncIterator[bytes]:
    yield b'{"payloadtype": "x", "error": false, "payload": "'
    while True:
        yield b"A" * MIB


async def trickle() -> AsyncIterator[bytes]:
    yield b'{"payloadtype": "x", "error": false, "payload": "'
    while True:
        yield b"A"
        await asyncio.sleep(0.05)


def test_an_endless_answer_is_given_up(client, hostile, monkeypatch):
    monkeypatch.setattr(rpc_module, "_LARGEST_REPLY", 20 * MIB)
    hostile.instead("versionmsg", lambda exchange: setattr(exchange, "body", endless()))

    with at_most(60 * MIB), pytest.raises(InvalidReply, match="larger than 20 MiB"):
        client.version()


@pytest.mark.parametrize("length", [None, 1 << 30])
def test_an_answer_that_only_trickles_is_given_up(client, hostile, length):
    def slow(exchange: Exchange) -> None:
        exchange.body = trickle()
        if length:
            exchange.headers["Content-Length"] = str(length)

    hostile.instead("submitfuncspecmsg", slow)

    with pytest.raises(ServerUnreachable, match=r"did not answer within 0\.5 s") as caught:
        client.rpc.call("submitfuncspecmsg", {}, dict, repeatable=False)

    assert caught.value.sent


def test_a_slow_answer_that_keeps_coming_is_waited_for(client, hostile):
    whole = envelope({"buildversion": "1.9.12", "buildtime": "x" * 20_000})

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), 3000):
            yield whole[start : start + 3000]
            await asyncio.sleep(0.1)

    hostile.instead("versionmsg", lambda exchange: setattr(exchange, "body", in_pieces()))

    assert client.version().buildversion == "1.9.12"


def test_an_answer_that_unpacks_to_far_more_than_was_sent_is_given_up(client, hostile, monkeypatch):
    monkeypatch.setattr(rpc_module, "_LARGEST_REPLY", 20 * MIB)
    bomb = gzip.compress(b" " * 60 * MIB)

    def packed(exchange: Exchange) -> None:
        exchange.body = bomb
        exchange.headers["Content-Encoding"] = "gzip"

    hostile.instead("versionmsg", packed)

    with at_most(60 * MIB), pytest.raises(InvalidReply, match="larger than 20 MiB"):
        client.version()


@pytest.mark.parametrize("text", [b"[" * MIB, b'{"a":' * MIB, b"9" * MIB, b'"' + b"\\u0000" * MIB])
def test_deep_or_odd_json_is_one_error_in_a_line(client, hostile, text):
    import base64

    for body in (text, b'{"payloadtype": "x", "payload": "' + base64.b64encode(text) + b'"}'):
        hostile.instead("versionmsg", lambda exchange, body=body: setattr(exchange, "body", body))

        with pytest.raises(InvalidReply) as caught:
            client.version()

        assert len(str(caught.value)) < 500


class Flooding(Silent):
    """Sends messages of any length, or many small ones, without an end."""

    def __init__(self, frame: bytes, times: int) -> None:
        self._frame, self._times = frame, times

    async def told(self, connection: Connection, _frame: str) -> None:
        for _ in range(self._times):
            await connection.tell(self._frame)


def test_a_message_of_any_length_over_the_websocket_is_given_up(client, hostile, colony, monkeypatch):
    monkeypatch.setattr(events_module, "_LARGEST_HINT", MIB)
    monkeypatch.setattr(events_module, "_FIRST_DELAY_S", 0.01)
    hostile.pubsub = Flooding(b"x" * 20 * MIB, 1)

    with at_most(200 * MIB), ProcessWatch(hostile.server, client.rpc.key, colony.colony, "f" * 64) as watch:
        eventually(lambda: hostile.subscriptions >= 3)
        assert not watch.wait(0)


def endless_log(text: str) -> Any:
    """Return what answers every question for a log with a full page of new entries."""
    moment = itertools.count(1)

    def page(exchange: Exchange) -> None:
        count = exchange.message["count"]
        exchange.reply = [
            {"processid": exchange.message["processid"], "message": text, "timestamp": next(moment)}
            for _ in range(count)
        ]

    return page


def test_an_endless_log_is_given_up_with_a_way_to_have_it_all_the_same(session, project, hostile, monkeypatch):
    monkeypatch.setattr(log_module, "LARGEST", 4 * MIB)
    job = run(session, project, "print(1)")
    hostile.instead("getlogsmsg", endless_log("x" * 5000))

    for read in (lambda: str(job.log), lambda: list(job.log), job.keep_log, lambda: job.log.tail(1)):
        with at_most(120 * MIB), pytest.raises(InvalidReply, match="Follow the job"):
            read()

    assert not (project.log / f"{job.id}.log").exists()


def test_the_log_of_a_job_is_kept_although_keeping_it_failed_before(session, project, hostile):
    job = run(session, project, "print('kept')")
    hostile.refuses("getlogsmsg", 500, "database is locked")
    with pytest.raises(PollinatorError):
        job.keep_log()
    hostile.relent()

    job.keep_log()

    assert (project.log / f"{job.id}.log").read_text().endswith("kept\n")


def test_following_an_endless_log_takes_little_memory_and_can_be_stopped(session, project, hostile):
    job = submit(session, project, source="print(1)")
    hostile.instead("getlogsmsg", endless_log("x" * 100 + "\n"))
    stop, seen = threading.Event(), 0

    with at_most(60 * MIB):
        for event in job.follow(stop=stop):
            seen += isinstance(event, LogText)
            if seen == 5000:
                stop.set()

    assert seen == 5000


def test_what_is_watched_in_the_background_is_watched_although_another_log_is_endless(session, project, hostile):
    talking, other = (submit(session, project, source=f"print({number})") for number in range(2))
    pages = endless_log("x" * 100)

    async def endless_for_one(exchange: Exchange) -> None:
        if exchange.message["processid"] == talking.id:
            pages(exchange)
        else:
            await exchange.carry_out()

    hostile.instead("getlogsmsg", endless_for_one)
    over, heard = threading.Event(), []
    watching = session.poller.watch(talking, heard.append)
    session.poller.watch(other, lambda event: over.set() if getattr(event, "state", None) == 2 else None)

    assert over.wait(60)
    watching.close()
    assert heard


def test_a_listing_of_many_labels_is_carried_out_in_bounded_memory(session, hostile, tmp_path):
    def many(exchange: Exchange) -> None:
        exchange.reply = [{"name": f"/hostile/{number}", "files": 1} for number in range(100)]

    hostile.instead("getfilelabelsmsg", many)
    hostile.instead("getfilesmsg", lambda exchange: setattr(exchange, "reply", []))

    with at_most(100 * MIB):
        assert session.filesystem.pull("/hostile", tmp_path / "target") == []
