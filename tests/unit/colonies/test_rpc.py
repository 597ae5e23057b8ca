"""The session survives what networks and servers do, and never sends twice what must be sent once."""

from __future__ import annotations

import base64
import gzip
import socket
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted_server import ScriptedServer, cuts, envelope, refuses, replies, says, sleeps, truncates

from pollinator_magic.colonies import rpc as rpc_module
from pollinator_magic.colonies.connections import is_loopback
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Process, User
from pollinator_magic.colonies.rpc import Rpc
from pollinator_magic.errors import AccessDenied, InvalidReply, ServerError, ServerUnreachable
from pollinator_magic.settings import Server

ALICE = {"name": "alice"}
ACCIDENTS = [
    pytest.param(cuts, id="cut"),
    pytest.param(truncates, id="truncated"),
    pytest.param(says("<h1>502</h1>", 502), id="502"),
    pytest.param(says("", 503), id="503"),
    pytest.param(says("", 504), id="504"),
]
PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture
def rpc(server, key):
    rpc = Rpc(server.address, key, read_timeout_s=10)
    yield rpc
    rpc.close()


def test_a_request_is_signed_and_its_reply_read(rpc, server, key):
    server.plays(replies(ALICE))

    assert rpc.call("getusermsg", {"colonyname": "hpc", "name": "alice"}, User).name == "alice"
    assert server.messages == [{"msgtype": "getusermsg", "colonyname": "hpc", "name": "alice"}]
    assert server.callers == [key.identity]


def test_requests_share_one_connection(rpc, server):
    server.plays(replies(ALICE))

    for _ in range(5):
        rpc.call("getusermsg", {}, User)

    assert rpc.requests == 5
    assert server.connections == 1


def test_many_threads_may_use_one_session(rpc, server):
    server.plays(replies(ALICE))

    with ThreadPoolExecutor(16) as pool:
        users = list(pool.map(lambda _: rpc.call("getusermsg", {}, User), range(300)))

    assert {user.name for user in users} == {"alice"}
    assert rpc.requests == 300
    assert server.connections <= 16


def test_errors_leave_the_connection_in_use(rpc, server):
    server.plays(refuses(400, "no"), says("", 500), replies(ALICE))

    for _ in range(2):
        with pytest.raises(ServerError):
            rpc.call("getusermsg", {}, User)
    rpc.call("getusermsg", {}, User)

    assert server.connections == 1


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_what_may_be_repeated_is_repeated_after_an_accident(rpc, server, accident):
    server.plays(accident, accident, replies(ALICE))

    assert rpc.call("getusermsg", {}, User).name == "alice"
    assert rpc.requests == 3


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_what_may_not_be_repeated_is_sent_once(rpc, server, accident):
    server.plays(accident, replies({}))

    with pytest.raises(ServerUnreachable) as caught:
        rpc.call("submitfuncspecmsg", {}, Process, repeatable=False)

    assert caught.value.sent
    assert len(server.messages) == 1


def test_repeating_ends_after_a_few_tries(rpc, server):
    server.plays(cuts)

    with pytest.raises(ServerUnreachable, match="broke the connection"):
        rpc.call("getusermsg", {}, User)

    assert rpc.requests == 4


def test_what_was_never_sent_is_always_tried_again(nobody, key, monkeypatch):
    started = []

    def start_a_server_meanwhile(_attempt):
        if not started:
            started.append(ScriptedServer(port=nobody.port))
            started[0].plays(replies({"processid": "p1"}))
        return 0.0

    monkeypatch.setattr(rpc_module, "_delay_s", start_a_server_meanwhile)
    rpc = Rpc(nobody, key)
    try:
        assert rpc.call("submitfuncspecmsg", {}, Process, repeatable=False).processid == "p1"
        assert len(started[0].messages) == 1
    finally:
        rpc.close()
        started[0].stop()


def test_nobody_listening_is_explained_with_the_variables_to_check(nobody, key):
    with pytest.raises(ServerUnreachable) as caught:
        Rpc(nobody, key).call("getusermsg", {}, User)

    assert not caught.value.sent
    assert f"127.0.0.1:{nobody.port} cannot be reached: connection refused" in str(caught.value)
    assert "COLONIES_SERVER_HOST and COLONIES_SERVER_PORT" in str(caught.value)


def test_an_unknown_host_is_named(key):
    with pytest.raises(ServerUnreachable, match=r"no host named 'nowhere\.invalid'.*COLONIES_SERVER_HOST"):
        Rpc(Server("nowhere.invalid", 443), key).call("getusermsg", {}, User)


def test_a_refusal_is_not_repeated(rpc, server):
    server.plays(refuses(403, "Access denied, not a member of Colony with name <hpc>"), replies(ALICE))

    with pytest.raises(AccessDenied):
        rpc.call("getusermsg", {"colonyname": "hpc"}, User)
    assert rpc.requests == 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_refusal_with_a_servers_status_is_not_repeated_either(rpc, server, status):
    server.plays(refuses(status, "colony assignments are paused"), replies(ALICE))

    with pytest.raises(ServerError, match="paused"):
        rpc.call("getusermsg", {}, User)
    assert rpc.requests == 1


def test_a_refusal_tells_whether_an_earlier_try_may_have_been_carried_out(rpc, server):
    server.plays(cuts, refuses(400, "already so"))
    with pytest.raises(ServerError) as after_an_accident:
        rpc.call("cancelprocessmsg", {}, Process)
    server.plays(refuses(400, "already so"))
    with pytest.raises(ServerError) as at_once:
        rpc.call("cancelprocessmsg", {}, Process)

    assert after_an_accident.value.repeated
    assert not at_once.value.repeated


def test_a_silent_server_is_given_up_after_the_read_timeout(rpc, server):
    server.plays(sleeps)

    with pytest.raises(ServerUnreachable, match=r"did not answer within 0\.1 s") as caught:
        rpc.call("submitfuncspecmsg", {}, Process, repeatable=False, read_timeout_s=0.1)

    assert caught.value.sent


def test_a_silent_server_is_asked_again_where_that_does_no_harm(rpc, server):
    server.plays(sleeps, replies(ALICE))

    assert rpc.call("getusermsg", {}, User, read_timeout_s=0.5).name == "alice"


def test_after_long_waiting_there_is_only_one_retry(rpc, server, monkeypatch):
    monkeypatch.setattr(rpc_module, "_PATIENCE_S", 0.0)
    server.plays(cuts)

    with pytest.raises(ServerUnreachable):
        rpc.call("getusermsg", {}, User)

    assert rpc.requests == 2


def test_closing_ends_the_waiting_between_retries(server, key, monkeypatch):
    waiting = threading.Event()

    def for_ever(_attempt):
        waiting.set()
        return 600.0

    monkeypatch.setattr(rpc_module, "_delay_s", for_ever)
    server.plays(cuts)
    rpc = Rpc(server.address, key)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(rpc.call, "getusermsg", {}, User)
        assert waiting.wait(10)
        rpc.close()

        assert isinstance(call.exception(timeout=10), ServerUnreachable)


def test_what_may_not_be_repeated_does_not_go_into_a_connection_that_was_idle_for_long(rpc, server, monkeypatch):
    server.plays(replies({}))
    rpc.call("addlogmsg", {}, Process, repeatable=False)
    rpc.call("addlogmsg", {}, Process, repeatable=False)
    assert server.connections == 1

    monkeypatch.setattr(rpc_module, "_STALE_AFTER_S", -1.0)
    rpc.call("getprocessmsg", {}, Process)
    assert server.connections == 1
    rpc.call("addlogmsg", {}, Process, repeatable=False)
    assert server.connections == 2


def test_delays_grow_and_are_not_the_same_for_all(monkeypatch):
    monkeypatch.setattr(rpc_module, "_FIRST_DELAY_S", 1.0)

    for attempt in range(4):
        delays = {rpc_module._delay_s(attempt) for _ in range(50)}
        assert len(delays) > 10
        assert all(0.5 * 2**attempt <= delay <= 1.5 * 2**attempt for delay in delays)


def test_of_a_doubled_body_the_first_half_counts(rpc, server):
    server.plays(says(envelope({"message": "first"}, status=400) + envelope({"message": "second"}, status=500), 400))

    with pytest.raises(ServerError, match="first"):
        rpc.call("getlogsmsg", {}, list[Process])


def test_an_endless_reply_is_not_read_to_its_end(rpc, server, monkeypatch):
    monkeypatch.setattr(rpc_module, "_LARGEST_REPLY", 1 << 20)
    server.plays(says(b"x" * (3 << 20)))

    with pytest.raises(InvalidReply, match="larger than 1 MiB"):
        rpc.call("getusermsg", {}, User)
    assert rpc.requests == 1


def test_a_redirect_to_https_says_which_variable_to_set(rpc, server):
    server.plays(says("", 308, Location="https://colonies.example.org/api"))

    with pytest.raises(InvalidReply, match="COLONIES_TLS=true"):
        rpc.call("getusermsg", {}, User)
    assert len(server.messages) == 1


def test_cookies_are_not_kept(rpc, server):
    server.plays(says(envelope(ALICE), 200, Set_Cookie="track=1"))

    for _ in range(2):
        rpc.call("getusermsg", {}, User)

    assert [headers["Cookie"] for headers in server.headers] == [None, None]


def test_a_compressed_reply_is_read(rpc, server):
    server.plays(says(gzip.compress(envelope(ALICE)), 200, Content_Encoding="gzip"))

    assert rpc.call("getusermsg", {}, User).name == "alice"


def test_a_reply_that_is_not_compressed_as_it_says_is_an_accident(rpc, server):
    server.plays(says(envelope(ALICE), 200, Content_Encoding="gzip"), replies(ALICE))

    assert rpc.call("getusermsg", {}, User).name == "alice"


def test_a_plain_request_through_a_proxy_names_the_server(server, key, monkeypatch):
    for name in PROXIES:
        monkeypatch.setenv(name, f"http://me:secret@{server.address.host}:{server.address.port}")
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    server.plays(replies(ALICE))

    assert Rpc(Server("colonies.example.org", 80, tls=False), key).call("getusermsg", {}, User).name == "alice"
    assert server.paths == ["http://colonies.example.org:80/api"]
    assert server.headers[0]["Proxy-Authorization"] == f"Basic {base64.b64encode(b'me:secret').decode()}"


def test_what_no_proxy_shall_see_goes_directly(key, nobody, monkeypatch):
    for name in PROXIES:
        monkeypatch.setenv(name, nobody.url)
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,.invalid")

    with pytest.raises(ServerUnreachable, match="There is no host named"):
        Rpc(Server("nowhere.invalid", 443), key).call("getusermsg", {}, User)


def test_a_proxy_does_not_catch_what_is_for_this_machine(rpc, server, nobody, monkeypatch):
    for name in PROXIES:
        monkeypatch.setenv(name, nobody.url)
    server.plays(replies(ALICE))

    assert rpc.call("getusermsg", {}, User).name == "alice"


def test_a_proxy_that_does_not_answer_is_named_as_the_cause(key, nobody, monkeypatch):
    for name in PROXIES:
        monkeypatch.setenv(name, nobody.url)

    with pytest.raises(ServerUnreachable, match="through the proxy of HTTPS_PROXY"):
        Rpc(Server("colonies.example.org", 443), key).call("getusermsg", {}, User)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_recognised_by_name_and_number(host, loopback):
    assert is_loopback(host) is loopback


def test_asking_a_plain_server_for_tls_is_recognised(server, key):
    with pytest.raises(ServerUnreachable, match=r"does not speak TLS.*COLONIES_TLS=false") as caught:
        Rpc(Server("127.0.0.1", server.address.port, tls=True), key).call("getusermsg", {}, User)

    assert not caught.value.passing


def test_a_server_that_is_silent_when_asked_for_tls_may_not_speak_it(key):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rpc = Rpc(Server("127.0.0.1", silent.getsockname()[1], tls=True), key, connect_timeout_s=0.1)

        with pytest.raises(ServerUnreachable, match=r"handshake within 0\.1 s.*COLONIES_TLS=false") as caught:
            rpc.call("submitfuncspecmsg", {}, Process, repeatable=False)

    assert not caught.value.sent


def test_asking_a_tls_server_without_tls_is_hinted_at(tls_server, key):
    with pytest.raises(ServerUnreachable, match="COLONIES_TLS=true"):
        Rpc(Server("127.0.0.1", tls_server.address.port, tls=False), key).call("getusermsg", {}, User)


def test_a_certificate_of_an_unknown_authority_is_refused_once_and_explained(tls_server, key):
    rpc = Rpc(tls_server.address, key)

    with pytest.raises(
        ServerUnreachable, match=r"is not trusted: self.signed certificate.*REQUESTS_CA_BUNDLE"
    ) as caught:
        rpc.call("getusermsg", {}, User)

    assert not caught.value.passing
    assert rpc.requests == 1
    assert not rpc.healthy()


def test_the_users_own_authority_is_trusted(tls_server, key, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    tls_server.plays(replies(ALICE))

    assert Rpc(tls_server.address, key).call("getusermsg", {}, User).name == "alice"


def test_a_certificate_of_another_host_is_refused(tls_server, key, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

    with pytest.raises(ServerUnreachable, match=r"is not trusted: .*localhost"):
        Rpc(Server("localhost", tls_server.address.port), key).call("getusermsg", {}, User)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verification_can_be_turned_off_whatever_the_environment_says(tls_server, key, certificate, monkeypatch):
    tls_server.plays(replies(ALICE))
    assert Rpc(tls_server.address, key, verify=False).call("getusermsg", {}, User).name == "alice"

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert (
        Rpc(Server("localhost", tls_server.address.port), key, verify=False).call("getusermsg", {}, User).name
        == "alice"
    )


def test_a_server_that_hangs_up_unread_leaves_a_submission_unclear(rpc, server):
    server.hang_up = True

    with pytest.raises(ServerUnreachable) as caught:
        rpc.call("submitfuncspecmsg", {}, Process, repeatable=False)

    assert caught.value.sent  # nobody on this side can know that it was not read
    assert server.messages == []


def test_health_is_told_without_an_error(rpc, nobody, key):
    assert rpc.healthy()
    assert not Rpc(nobody, key).healthy()


def test_the_private_key_is_in_no_repr_and_no_traceback(nobody):
    key = PrivateKey.generate()
    secret = key.reveal()
    rpc = Rpc(nobody, key)

    with pytest.raises(ServerUnreachable) as caught:
        rpc.call("getusermsg", {}, User)

    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    shown = shown.replace(f"secret = {secret!r}", "")
    assert repr(rpc) == f"Rpc({nobody.url}, identity {key.identity[:4]}…{key.identity[-4:]})"
    assert key.identity in shown
    assert secret not in shown
    assert secret not in repr(vars(rpc))


def test_importing_the_client_imports_nothing_heavy():
    import subprocess

    code = (
        "import sys, pollinator_magic.colonies.client, pollinator_magic.colonies.events\n"
        "print(sorted({'requests', 'urllib3', 'websocket', 'boto3', 'IPython'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ignores who knocks when the queue is full")
def test_a_host_that_does_not_pick_up_is_given_up_after_the_connect_timeout(key):
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for caller in (first, second):
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        rpc = Rpc(Server("127.0.0.1", deaf.getsockname()[1], tls=False), key, connect_timeout_s=0.1)

        with pytest.raises(ServerUnreachable, match=r"does not answer within 0\.1 s.*COLONIES_SERVER_HOST") as caught:
            rpc.call("submitfuncspecmsg", {}, Process, repeatable=False)

    assert not caught.value.sent
    assert rpc.requests == 4


def test_a_request_that_came_too_late_is_signed_anew_and_sent_again(server, rpc):
    server.plays(refuses(403, "Access denied, stale request"), replies({"name": "alice"}))

    assert rpc.call("submitfuncspecmsg", {}, User, repeatable=False).name == "alice"
    assert rpc.requests == 2


def test_a_server_that_takes_every_request_for_an_old_one_is_named(server, rpc):
    server.plays(*[refuses(403, "Access denied, repeated request")] * 4)

    with pytest.raises(ServerUnreachable, match="old or repeated request"):
        rpc.call("getusermsg", {}, User)
