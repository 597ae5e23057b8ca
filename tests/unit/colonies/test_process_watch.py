"""Hints arrive while there is a websocket, and nothing happens while there is none."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from recordings import frames
from scripted_server import asked
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from pollinator_magic.colonies import events as events_module
from pollinator_magic.colonies.events import Hint, ProcessWatch
from pollinator_magic.colonies.keys import recover_identity
from pollinator_magic.settings import Server
from tests.waiting import eventually

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

PROCESS = "25979ba16eb258041b88dee7eb21599be329f93af68c4f0706a699d1b65aa17c"
CANCELLED = frames("process_cancelled")[0]
OTHER = frames("process_running_on_assign")[0]
OF_ANOTHER_COLONY = frames("processes_sees_other_colony")[0]
UNKNOWN = frames("process_unknown")[0]
PATIENCE_S = 10.0


def about(process_id: str, frame: str) -> str:
    """Return a recorded frame as if it were about this process."""
    envelope = json.loads(frame)
    process = json.loads(base64.b64decode(envelope["payload"]))
    envelope["payload"] = base64.b64encode(json.dumps({**process, "processid": process_id}).encode()).decode()
    return json.dumps(envelope)


RUNNING = about(PROCESS, OTHER)
LOGGED = json.dumps(
    {
        "payloadtype": "subscribeprocessmsg",
        "payload": base64.b64encode(json.dumps({"processid": PROCESS, "log": True}).encode()).decode(),
    }
)


class WebsocketServer:
    """Keeps what it is sent, one list a connection; says and drops what a test tells it to."""

    def __init__(self, context: ssl.SSLContext | None = None, port: int | None = None) -> None:
        self.connections: list[list[dict[str, Any]]] = []
        self.callers: list[str] = []
        self.text_only = True
        self.greeting: list[str] = []
        """Frames that answer the first message of a connection."""
        self._open: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._tls = context
        self._port = port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="websocket-server")
        self._thread.start()
        self._ready.wait()

    @property
    def address(self) -> Server:
        return Server("127.0.0.1", self._bound, tls=self._tls is not None)

    def say(self, *texts: str) -> None:
        for text in texts:
            self._loop.call_soon_threadsafe(self._say, text)

    def drop(self) -> None:
        """Cut all connections without a close frame, as a Colonies server does at the timeout."""
        self._loop.call_soon_threadsafe(self._drop)

    def stop(self) -> None:
        self.drop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _say(self, text: str) -> None:
        for handler in self._open:
            handler.write_message(text)

    def _drop(self) -> None:
        for handler in self._open:
            if handler.ws_connection is not None:
                handler.ws_connection.stream.close()
        self._open.clear()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        outer = self

        class Subscriptions(WebSocketHandler):
            def open(self) -> None:
                self.heard: list[dict[str, Any]] = []
                outer.connections.append(self.heard)
                outer._open.append(self)

            def on_message(self, message: str | bytes) -> None:
                outer.text_only &= isinstance(message, str)
                envelope = json.loads(message)
                outer.callers.append(recover_identity(envelope["payload"], envelope["signature"]))
                self.heard.append(asked(envelope["payload"]))
                if len(self.heard) == 1:
                    for text in outer.greeting:
                        self.write_message(text)

        if self._port is None:
            listener, self._bound = bind_unused_port(address="127.0.0.1")
            server = HTTPServer(Application([("/pubsub", Subscriptions)]), ssl_options=self._tls)
            server.add_socket(listener)
        else:
            self._bound = self._port
            server = HTTPServer(Application([("/pubsub", Subscriptions)]), ssl_options=self._tls)
            server.listen(self._port, "127.0.0.1")
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        server.stop()
        self._loop.run_until_complete(server.close_all_connections())
        self._loop.close()


@pytest.fixture
def websocket_server():
    server = WebsocketServer()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def quick_reconnections(monkeypatch):
    monkeypatch.setattr(events_module, "_FIRST_DELAY_S", 0.005)


@pytest.fixture
def watch(websocket_server, key):
    with ProcessWatch(websocket_server.address, key, "vec", PROCESS, executor_type="vec-exec") as watch:
        yield watch


def subscribed(server: WebsocketServer, times: int = 1) -> Callable[[], bool]:
    return lambda: len(server.connections) >= times and len(server.connections[-1]) == 4


def test_running_and_all_final_states_are_subscribed_to_on_one_connection(websocket_server, watch, key):
    eventually(subscribed(websocket_server))

    (messages,) = websocket_server.connections
    assert [message.pop("state") for message in messages] == [1, 2, 3, 4]
    for message in messages:
        assert message == {
            "msgtype": "subscribeprocessmsg",
            "colonyname": "vec",
            "processid": PROCESS,
            "executortype": "vec-exec",
            "timeout": 60,
        }
    assert websocket_server.text_only
    assert set(websocket_server.callers) == {key.identity}


def test_a_hint_ends_the_waiting_and_counts_once(websocket_server, watch):
    eventually(subscribed(websocket_server))
    assert not watch.wait(0.01)

    websocket_server.say(RUNNING)

    assert watch.wait(PATIENCE_S)
    assert not watch.wait(0.01)


def test_a_hint_that_came_before_the_waiting_is_not_lost(websocket_server, watch):
    eventually(subscribed(websocket_server))
    websocket_server.say(RUNNING)
    eventually(watch._arrived.is_set)

    assert watch.wait(0)


def test_a_hint_that_comes_just_as_the_waiting_ends_is_not_lost(nobody, key):
    class EndsTooSoon(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            watch._hint(RUNNING)
            return False

    watch = ProcessWatch(nobody, key, "vec", PROCESS)
    watch._arrived = EndsTooSoon()

    assert watch.wait(0) is Hint.STATE


def test_a_hint_says_whether_it_is_about_the_state_or_the_log(websocket_server, watch):
    eventually(subscribed(websocket_server))
    websocket_server.say(LOGGED)
    assert watch.wait(PATIENCE_S) is Hint.LOG

    websocket_server.say(LOGGED, RUNNING)
    seen = Hint.NOTHING
    while seen != Hint.STATE | Hint.LOG:
        hint = watch.wait(PATIENCE_S)
        assert hint
        seen |= hint


def test_hints_about_the_log_are_asked_for_only_where_they_are_wanted(websocket_server, key):
    for times, log in enumerate((False, True), 1):
        with ProcessWatch(websocket_server.address, key, "vec", PROCESS, log=log):
            eventually(subscribed(websocket_server, times=times))

    asked = [[message.get("log") for message in heard] for heard in websocket_server.connections]
    assert asked == [[None] * 4, [True] * 4]


def test_a_dropped_connection_is_made_again(websocket_server, watch):
    eventually(subscribed(websocket_server))
    websocket_server.drop()
    eventually(subscribed(websocket_server, times=2))

    websocket_server.say(RUNNING)

    assert watch.wait(PATIENCE_S)


def test_a_connection_that_went_silent_is_made_again(websocket_server, key, monkeypatch):
    monkeypatch.setattr(events_module, "_SILENCE_MARGIN_S", -0.9)

    with ProcessWatch(websocket_server.address, key, "vec", PROCESS, subscription_s=1):
        eventually(subscribed(websocket_server, times=2))


def test_a_final_state_is_the_last_hint(websocket_server, watch):
    websocket_server.greeting = [CANCELLED]
    websocket_server.drop()

    assert watch.wait(PATIENCE_S)
    eventually(lambda: not watch._thread.is_alive())


@pytest.mark.parametrize("frame", [OTHER, OF_ANOTHER_COLONY, about("f" * 64, CANCELLED)])
def test_what_happens_to_another_process_is_no_hint_and_no_end(websocket_server, watch, frame):
    eventually(subscribed(websocket_server))
    websocket_server.say(frame)
    assert not watch.wait(0.05)

    websocket_server.say(RUNNING)

    assert watch.wait(PATIENCE_S)
    assert len(websocket_server.connections) == 1


def test_an_error_frame_is_no_hint(websocket_server, key):
    websocket_server.greeting = [UNKNOWN]

    with ProcessWatch(websocket_server.address, key, "vec", PROCESS) as watch:
        eventually(lambda: len(websocket_server.connections) >= 2)

        assert not watch.wait(0)


@pytest.mark.parametrize("frame", ["", "null", "{}", "[[[", '{"payloadtype": "x", "payload": "eyI="}'])
def test_a_damaged_frame_is_no_hint_and_no_end(websocket_server, key, frame):
    websocket_server.greeting = [frame]

    with ProcessWatch(websocket_server.address, key, "vec", PROCESS) as watch:
        eventually(lambda: len(websocket_server.connections) >= 2)
        websocket_server.greeting = [RUNNING]

        assert watch.wait(PATIENCE_S)


def test_a_server_that_comes_later_is_found(nobody, key):
    with ProcessWatch(nobody, key, "vec", PROCESS) as watch:
        assert not watch.wait(0.05)
        server = WebsocketServer(port=nobody.port)
        try:
            server.greeting = [RUNNING]

            assert watch.wait(PATIENCE_S)
        finally:
            server.stop()


def test_closing_wakes_up_who_waits_and_ends_the_thread(websocket_server, key):
    watch = ProcessWatch(websocket_server.address, key, "vec", PROCESS)
    watch.start()
    eventually(subscribed(websocket_server))
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(watch.wait(60)))
    waiter.start()

    began = time.monotonic()
    watch.close()
    waiter.join(PATIENCE_S)

    assert answers == [False]
    assert not watch._thread.is_alive()
    assert time.monotonic() - began < 5


def test_closing_is_possible_at_any_time_and_twice(nobody, key):
    never_started = ProcessWatch(nobody, key, "vec", PROCESS)
    never_started.close()

    watch = ProcessWatch(nobody, key, "vec", PROCESS)
    watch.start()
    watch.close()
    watch.close()
    eventually(lambda: not watch._thread.is_alive())


def test_its_thread_has_a_name(watch):
    assert watch._thread.name == f"watch-{PROCESS[:8]}"
    assert watch._thread.daemon


def test_hints_come_over_tls_from_whom_the_user_trusts_only(server_context, certificate, key, monkeypatch):
    server = WebsocketServer(server_context)
    server.greeting = [RUNNING]
    try:
        with ProcessWatch(server.address, key, "vec", PROCESS) as suspicious:
            assert not suspicious.wait(0.2)
        assert server.connections == []

        with ProcessWatch(server.address, key, "vec", PROCESS, verify=False) as careless:
            assert careless.wait(PATIENCE_S)

        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with ProcessWatch(server.address, key, "vec", PROCESS) as trusting:
            assert trusting.wait(PATIENCE_S)
    finally:
        server.stop()


def test_a_proxy_does_not_catch_what_is_for_this_machine(websocket_server, key, nobody, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody.url)
    monkeypatch.setenv("NO_PROXY", "example.org")
    websocket_server.greeting = [RUNNING]

    with ProcessWatch(websocket_server.address, key, "vec", PROCESS) as watch:
        assert watch.wait(PATIENCE_S)


def test_unsuccessful_tries_become_rarer(nobody, key, monkeypatch):
    delays: list[float] = []
    watch = ProcessWatch(nobody, key, "vec", PROCESS)
    monkeypatch.setattr(events_module, "_LONGEST_DELAY_S", 0.1)
    wait = watch._closed.wait
    monkeypatch.setattr(watch._closed, "wait", lambda delay_s: delays.append(delay_s) or wait(delay_s))
    with watch:
        eventually(lambda: len(delays) >= 7)

    assert delays[:5] == sorted(delays[:5])
    assert delays[0] < delays[3]
    assert max(delays) == 0.1
