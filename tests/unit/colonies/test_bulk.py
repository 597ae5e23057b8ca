"""What a transfer sends by the thousand goes another way, which leaves what is out of the ordinary to the usual one."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted_server import cuts, envelope, refuses, replies, says, sleeps, truncates

from pollinator_magic.colonies.bulk import BulkConnections
from pollinator_magic.colonies.connections import TooLarge
from pollinator_magic.colonies.envelope import seal
from pollinator_magic.colonies.models import User
from pollinator_magic.colonies.rpc import Rpc

ALICE = {"name": "alice"}
LARGE = b"x" * 100_000


def in_a_thread(do, *arguments, **named):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do, *arguments, **named).result()


@pytest.fixture
def bulk(server):
    connections = BulkConnections(server.address.url, connect_timeout_s=5, verify=True, few=0)
    yield connections
    connections.close_idle()


@pytest.fixture
def ask(key):
    """Send a request over bulk connections from a thread that is none of the user's."""

    def asking(connections, *, most=10**6, read_timeout_s=5.0):
        body = seal(key, "getusermsg", {})
        limits = {"read_timeout_s": read_timeout_s, "most": most}
        return in_a_thread(connections.exchange, "POST", "/api", body, headers={"X-Own": "1"}, **limits)

    return asking


def test_requests_share_a_connection_and_their_answers_are_whole(server, bulk, ask):
    server.plays(says(LARGE), refuses(400, "no"), says(gzip.compress(LARGE), 200, Content_Encoding="gzip"))

    answers = [ask(bulk) for _ in range(3)]

    assert [(answer.status, answer.body) for answer in answers] == [
        (200, LARGE),
        (400, envelope({"status": 400, "message": "no"}, status=400)),
        (200, LARGE),
    ]
    assert server.connections == 1
    assert {headers["X-Own"] for headers in server.headers} == {"1"}
    assert not {"Expect", "Content-Type"} & {name for headers in server.headers for name in headers}


def test_a_few_requests_are_not_worth_loading_libcurl(server, ask):
    server.plays(says(LARGE))
    bulk = BulkConnections(server.address.url, connect_timeout_s=5, verify=True, few=3)

    assert [ask(bulk) is None for _ in range(5)] == [True, True, True, False, False]
    bulk.close_idle()


def test_many_threads_may_use_them(server, bulk, key):
    server.plays(says(LARGE))
    limits = {"headers": {}, "read_timeout_s": 5, "most": 10**6}

    with ThreadPoolExecutor(8) as pool:
        bodies = [seal(key, "getusermsg", {"number": number}) for number in range(100)]
        answers = list(pool.map(lambda body: bulk.exchange("POST", "/api", body, **limits), bodies))

    assert {answer.body for answer in answers} == {LARGE}
    assert sorted(message["number"] for message in server.messages) == list(range(100))
    assert server.connections <= 8


def test_a_thread_that_the_user_may_interrupt_is_not_kept_waiting(server, bulk):
    assert threading.current_thread() is threading.main_thread()
    assert bulk.exchange("POST", "/api", b"", headers={}, read_timeout_s=5, most=100) is None
    assert server.connections == 0


@pytest.mark.parametrize(
    "accident",
    [
        pytest.param(cuts, id="cut"),
        pytest.param(truncates, id="truncated"),
        pytest.param(says(LARGE, 200, Content_Encoding="gzip"), id="not compressed as it says"),
        pytest.param(says("", 302, Location="https://example.org/"), id="a redirect"),
        pytest.param(sleeps, id="silence"),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_usual_way(server, bulk, ask, accident):
    server.plays(accident, says(LARGE))

    assert ask(bulk, read_timeout_s=1) is None
    assert ask(bulk).body == LARGE


def test_an_answer_that_ends_within_its_head_is_not_taken_for_an_empty_one(server, bulk, ask):
    def ends(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        handler.close_connection = True

    server.plays(ends)

    assert ask(bulk) is None


def test_an_answer_without_end_is_not_read_to_its_end(server, bulk, ask):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while not handler.server.over.is_set():
            handler.wfile.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    server.plays(endless)

    with pytest.raises(TooLarge):
        ask(bulk, most=50_000)


def test_where_nothing_succeeds_nothing_more_is_tried(server, bulk, ask):
    server.plays(cuts)

    assert [ask(bulk) for _ in range(5)] == [None] * 5
    assert len(server.messages) == 3


def test_a_proxy_is_left_to_the_usual_way(server, nobody, ask, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address.url)
    server.plays(says(LARGE))

    assert ask(BulkConnections("http://colonies.example.org", connect_timeout_s=1, verify=True, few=0)) is None
    assert server.connections == 0


def test_an_authority_that_nobody_knows_is_refused_and_the_users_own_is_trusted(tls_server, certificate, ask):
    tls_server.plays(says(LARGE))
    url = tls_server.address.url

    assert ask(BulkConnections(url, connect_timeout_s=5, verify=True, few=0)) is None
    assert tls_server.messages == []
    assert ask(BulkConnections(url, connect_timeout_s=5, verify=str(certificate), few=0)).body == LARGE
    assert ask(BulkConnections(url, connect_timeout_s=5, verify=False, few=0)).body == LARGE


def test_a_certificate_of_another_host_is_not_trusted(tls_server, certificate, ask):
    url = tls_server.address.url.replace("127.0.0.1", "localhost")
    tls_server.plays(says(LARGE))

    assert ask(BulkConnections(url, connect_timeout_s=5, verify=str(certificate), few=0)) is None
    assert tls_server.messages == []


def test_what_failed_in_bulk_is_signed_anew_and_sent_the_usual_way(server, key):
    rpc = Rpc(server.address, key, read_timeout_s=5)
    server.plays(cuts, replies(ALICE))

    assert in_a_thread(rpc.call, "getusermsg", {}, User, bulk=True).name == "alice"
    assert len(server.messages) == 2
    rpc.close()


def test_without_libcurl_everything_goes_the_usual_way(server, key, monkeypatch):
    monkeypatch.setattr("pollinator_magic.colonies.bulk.find_spec", lambda _name: None)
    rpc = Rpc(server.address, key, read_timeout_s=5)
    server.plays(replies(ALICE))

    assert in_a_thread(rpc.call, "getusermsg", {}, User, bulk=True).name == "alice"
    assert server.headers[0]["User-Agent"].startswith("python-urllib3")
    rpc.close()
