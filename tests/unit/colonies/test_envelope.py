"""Whatever a server says becomes a value or an error that says what to do."""

from __future__ import annotations

import base64
import contextlib
import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import ALL, Recording

from pollinator_magic.colonies.envelope import Request, printable, seal, unseal
from pollinator_magic.colonies.keys import PrivateKey, recover_identity
from pollinator_magic.colonies.models import (
    Attribute,
    Colony,
    Executor,
    File,
    FileData,
    Function,
    Label,
    LogEntry,
    Process,
    Snapshot,
    Statistics,
    User,
    Version,
)
from pollinator_magic.errors import (
    AccessDenied,
    InvalidReply,
    NotFound,
    PollinatorError,
    ServerError,
    ServerUnreachable,
    Unsupported,
)
from pollinator_magic.settings import Server
from tests.fuzz.effort import effort

REPLY_TYPES = {
    "addcolonymsg": Colony,
    "getcolonymsg": Colony,
    "getcoloniesmsg": list[Colony],
    "addusermsg": User,
    "getusermsg": User,
    "getuserbyidmsg": User,
    "getusersmsg": list[User],
    "addexecutormsg": Executor,
    "getexecutormsg": Executor,
    "getexecutorbyidmsg": Executor,
    "getexecutorsmsg": list[Executor],
    "addfunctionmsg": Function,
    "getfunctionsmsg": list[Function],
    "submitfuncspecmsg": Process,
    "getprocessmsg": Process,
    "assignprocessmsg": Process,
    "getprocessesmsg": list[Process],
    "getprocesshistmsg": list[Process],
    "addattributemsg": Attribute,
    "getattributemsg": Attribute,
    "getlogsmsg": list[LogEntry],
    "searchlogsmsg": list[LogEntry],
    "addfilemsg": File,
    "getfilemsg": list[File],
    "getfilesmsg": list[FileData],
    "getfilelabelsmsg": list[Label],
    "createsnapshotmsg": Snapshot,
    "getsnapshotmsg": Snapshot,
    "getsnapshotsmsg": list[Snapshot],
    "versionmsg": Version,
    "getcolonystatsmsg": Statistics,
    "getstatisticsmsg": Statistics,
}
NOT_MODELLED = {"blueprintid", "blueprintgen", "msgtype"}
SERVER = Server("colonies.example.org", 443)
TYPED = [recording for recording in ALL.values() if recording.message.get("msgtype") in REPLY_TYPES]
UNDERSTOOD = [recording for recording in TYPED if recording.status == 200 and recording.body]


def asked(recording: Recording) -> Request:
    return Request(SERVER, recording.identity, recording.message.get("msgtype", ""), recording.message)


def answer(case: str, reply: type = Process) -> object:
    recording = ALL[case]
    return unseal(
        recording.body, recording.status, REPLY_TYPES.get(recording.message.get("msgtype"), reply), asked(recording)
    )


def raised(case: str) -> ServerError:
    with pytest.raises(ServerError) as caught:
        answer(case)
    return caught.value


def differences(read: object, recorded: object, path: str = "") -> list[str]:
    """Compare what was read with what the server wrote; null and [] are the same."""
    if isinstance(recorded, dict) and isinstance(read, dict):
        lost = [f"{path}.{name} is not read" for name in recorded.keys() - read.keys() - NOT_MODELLED]
        return lost + [
            line
            for name in recorded.keys() & read.keys()
            for line in differences(read[name], recorded[name], f"{path}.{name}")
        ]
    if isinstance(recorded, list) and isinstance(read, list) and len(recorded) == len(read):
        return [
            line
            for i, (one, other) in enumerate(zip(read, recorded, strict=True))
            for line in differences(one, other, f"{path}[{i}]")
        ]
    return [] if (read or None) == (recorded or None) else [f"{path}: {read!r} instead of {recorded!r}"]


@pytest.mark.parametrize("recording", UNDERSTOOD, ids=str)
def test_every_recorded_reply_is_read_completely(recording):
    read = unseal(recording.body, 200, REPLY_TYPES[recording.message["msgtype"]], asked(recording))

    assert differences(msgspec.to_builtins(read), recording.reply) == []


def test_the_recordings_hold_every_operation_that_is_read():
    assert {recording.message["msgtype"] for recording in UNDERSTOOD} == REPLY_TYPES.keys()


@pytest.mark.parametrize("recording", [r for r in ALL.values() if r.status >= 400], ids=str)
def test_every_recorded_refusal_is_an_error_with_its_status(recording):
    with pytest.raises(ServerError) as caught:
        unseal(recording.body, recording.status, Process, asked(recording))

    assert caught.value.status == recording.status
    assert not isinstance(caught.value, InvalidReply | ServerUnreachable)
    assert "colonies.example.org:443" in str(caught.value)


def test_an_envelope_repeats_the_msgtype_and_is_signed_as_the_server_checks_it():
    key = PrivateKey.generate()

    envelope = json.loads(seal(key, "getprocessmsg", {"processid": "p1"}))

    assert set(envelope) == {"payloadtype", "payload", "signature"}
    assert envelope["payloadtype"] == "getprocessmsg"
    message = json.loads(base64.b64decode(envelope["payload"]))
    assert {**message, "nonce": "", "issued": 0} == {
        "msgtype": "getprocessmsg",
        "processid": "p1",
        "nonce": "",
        "issued": 0,
    }
    assert len(message["nonce"]) == 32
    assert abs(message["issued"] / 1e9 - time.time()) < 60
    assert recover_identity(envelope["payload"], envelope["signature"]) == key.identity


def test_no_two_envelopes_are_the_same():
    key = PrivateKey.generate()

    assert len({seal(key, "getprocessmsg", {"processid": "p1"}) for _ in range(100)}) == 100


def test_a_key_that_the_colony_does_not_know_is_told_what_to_do():
    error = raised("process_get/not_member")

    identity = ALL["process_get/not_member"].identity
    assert isinstance(error, AccessDenied)
    assert str(error) == (
        "The Colonies server at colonies.example.org:443 does not accept this key for colony 'vec' "
        f"(identity {identity[:4]}…{identity[-4:]}). Ask its owner to add you, or check COLONIES_PRVKEY."
    )


@pytest.mark.parametrize("case", ["process_history/not_member_empty_200", "statistics/colony_not_member_empty_200"])
def test_an_empty_success_is_how_some_operations_refuse_a_stranger(case):
    error = raised(case)

    assert isinstance(error, AccessDenied)
    assert "for colony 'vec'" in str(error)


@pytest.mark.parametrize(
    ("case", "variable"),
    [
        ("executor/approve_not_owner", "COLONIES_COLONY_PRVKEY"),
        ("user/add_not_colony_owner", "COLONIES_COLONY_PRVKEY"),
        ("colony/list_not_server_owner", "COLONIES_SERVER_PRVKEY"),
    ],
)
def test_an_owners_operation_names_the_key_that_it_needs(case, variable):
    error = raised(case)

    assert isinstance(error, AccessDenied)
    assert variable in str(error)


@pytest.mark.parametrize(
    "case",
    [
        "colony/get_unknown_colony",
        "process_submit/unknown_colony",
        "user/add_unknown_colony",
        "statistics/colony_unknown",
    ],
)
def test_an_unknown_colony_is_named(case):
    error = raised(case)

    assert isinstance(error, NotFound)
    assert "There is no colony 'nope'" in str(error)
    assert "COLONIES_COLONY_NAME" in str(error)


@pytest.mark.parametrize(
    "case",
    [
        "process_get/unknown",
        "process_cancel/unknown",
        "process_remove/unknown",
        "process_close_failed/unknown_process",
        "log/get_unknown_process",
        "log/add_unknown_process",
        "executor/get_unknown",
        "executor/get_by_unknown_id",
        "executor/remove_unknown",
        "executor/approve_unknown",
        "executor/update_capabilities_unknown",
        "file/get_unknown_id",
        "file/get_unknown_name",
        "snapshot/dangling_file_lookup",
        "snapshot/get_unknown_id",
        "snapshot/get_unknown_name",
        "user/get_unknown_name",
        "user/get_unknown_id",
        "user/remove_unknown",
        "function/remove_unknown",
        "attribute/get_unknown",
    ],
)
def test_not_found_is_recognised_whatever_status_the_server_uses_for_it(case):
    assert isinstance(raised(case), NotFound)


def test_not_found_names_what_was_asked_for():
    assert f"no process {'0' * 64}" in str(raised("process_get/unknown"))
    assert "no executor 'nope'" in str(raised("executor/get_unknown"))


@pytest.mark.parametrize(
    "case",
    [
        "snapshot/create_same_name",
        "snapshot/get_malformed",
        "snapshot/list_broken_by_colon_name",
        "process_submit/mem_GB_rejected",
        "process_cancel/already_cancelled",
        "log/get_count_negative",  # two envelopes in a row
        "process_submit/missing_spec",
    ],
)
def test_a_plain_refusal_keeps_the_servers_words_and_is_no_other_error(case):
    error = raised(case)

    assert type(error) is ServerError
    assert str(error.status) in str(error)


def test_of_two_envelopes_in_a_row_the_first_one_counts():
    assert "LIMIT must not be negative" in str(raised("log/get_count_negative"))
    assert raised("log/get_count_negative").status == 400


def test_an_operation_that_the_server_does_not_know_is_unsupported():
    recording = ALL["envelope/unknown_payloadtype"]
    request = Request(SERVER, recording.identity, "cancelprocessmsg", {"processid": "p"})

    with pytest.raises(Unsupported, match="does not know cancelprocessmsg: it is older"):
        unseal(recording.body, recording.status, Process, request)


def test_a_user_who_asks_for_work_is_told_that_only_executors_can():
    error = raised("process_assign/by_user_denied")

    assert isinstance(error, AccessDenied)
    assert "Only an executor's key" in str(error)


def test_an_executor_may_only_speak_for_itself():
    assert isinstance(raised("executor/update_capabilities_other_executor"), AccessDenied)
    assert isinstance(raised("executor/report_allocation_by_other"), AccessDenied)


def test_a_null_list_is_an_empty_list_and_a_null_object_an_error():
    body = b'{"payloadtype": "x", "payload": "bnVsbA==", "error": false}'
    request = Request(SERVER, "0" * 64, "getprocessesmsg", {})

    assert unseal(body, 200, list[Process], request) == []
    with pytest.raises(InvalidReply, match="null"):
        unseal(body, 200, Process, request)


def test_a_reply_of_another_type_is_explained_with_its_place():
    payload = base64.b64encode(b'[{"processid": "p1"}, {"processid": 5}]').decode()
    body = json.dumps({"payloadtype": "x", "payload": payload, "error": False}).encode()

    with pytest.raises(InvalidReply, match=r"got `int` - at `\$\[1\]\.processid`"):
        unseal(body, 200, list[Process], Request(SERVER, "0" * 64, "getprocessesmsg", {}))


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        (b"", 200, InvalidReply, "nothing"),
        (b"", 500, InvalidReply, "without saying why"),
        (b"", 503, ServerUnreachable, "gateway"),
        (b"<html>Bad gateway</html>", 502, ServerUnreachable, "gateway"),
        (b"<html>Welcome to nginx</html>", 200, InvalidReply, "COLONIES_SERVER_HOST"),
        (b"404 page not found", 404, InvalidReply, "does not speak ColonyOS"),
        (b"{}", 200, InvalidReply, "does not speak ColonyOS"),
        (b"null", 200, InvalidReply, "does not speak ColonyOS"),
        (b'{"payloadtype":"x","payload":"%%%","error":false}', 200, InvalidReply, "does not speak ColonyOS"),
        (b'{"payloadtype":"x","payload":"eyI=","error":false}', 200, InvalidReply, "cannot read"),
        (b'{"payloadtype":"error","payload":"eyI=","error":true}', 400, ServerError, "does not say why"),
        (b"\xff\xfe\x00", 200, InvalidReply, "does not speak ColonyOS"),
        (b"[" * 100_000, 200, InvalidReply, "does not speak ColonyOS"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_envelope_is_explained(body, status, kind, words):
    with pytest.raises(ServerError, match=words) as caught:
        unseal(body, status, Process, Request(SERVER, "0" * 64, "getprocessmsg", {}))

    assert type(caught.value) is kind
    assert len(str(caught.value)) < 1000


def test_an_error_envelope_with_success_status_is_still_an_error():
    payload = base64.b64encode(b'{"status": 404, "message": "Failed to get process, process not found"}').decode()
    body = json.dumps({"payloadtype": "error", "payload": payload, "error": True}).encode()

    with pytest.raises(NotFound) as caught:
        unseal(body, 200, Process, Request(SERVER, "0" * 64, "getprocessmsg", {}))

    assert caught.value.status == 404


def test_a_plain_request_to_a_tls_port_is_recognised_by_its_answer():
    request = Request(Server("h", 443, tls=False), "0" * 64, "getprocessmsg", {})

    with pytest.raises(ServerUnreachable, match="COLONIES_TLS=true") as caught:
        unseal(b"Client sent an HTTP request to an HTTPS server.\n", 400, Process, request)

    assert not caught.value.passing


def test_words_of_a_server_cannot_forge_output():
    payload = base64.b64encode(
        json.dumps({"message": "no\x1b[2J\r\nOK: all well\u202e" + "x" * 5000}).encode()
    ).decode()
    body = json.dumps({"payloadtype": "error", "payload": payload, "error": True}).encode()

    with pytest.raises(ServerError) as caught:
        unseal(body, 400, Process, Request(SERVER, "0" * 64, "getprocessmsg", {}))

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@given(st.text(), st.integers(10, 100))
def test_printable_text_is_one_line_of_bounded_length(text, limit):
    assert len(printable(text, limit)) <= limit
    assert printable(text, limit).isprintable()


@st.composite
def damaged_bodies(draw) -> bytes:
    """A recorded body with pieces changed, doubled or lost."""
    body = bytearray(draw(st.sampled_from(TYPED)).body)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(body)))
        end = draw(st.integers(at, min(len(body), at + 40)))
        body[at:end] = draw(
            st.sampled_from([b"", body[at:end] * 2, b"null", b'"', b"{", b"\xff", b"1e999"]) | st.binary(max_size=8)
        )
    return bytes(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _replaced(value: object, steps: list[int], new: object) -> object:
    """Return a JSON value with one place, found by following `steps`, replaced by `new`."""
    if not steps or not isinstance(value, dict | list) or not value:
        return new
    names = list(value) if isinstance(value, dict) else list(range(len(value)))
    name = names[steps[0] % len(names)]
    copy = value.copy()
    copy[name] = _replaced(value[name], steps[1:], new)
    return copy


@effort(300)
@given(
    damaged_bodies(), st.sampled_from([200, 200, 400, 403, 404, 500, 502]), st.sampled_from(list(REPLY_TYPES.values()))
)
def test_damaged_bodies_raise_nothing_but_our_own_errors(body, status, reply):
    with contextlib.suppress(PollinatorError):
        unseal(body, status, reply, Request(SERVER, "0" * 64, "getprocessmsg", {"processid": "p"}))


@effort(300)
@given(st.sampled_from(UNDERSTOOD), st.lists(st.integers(0, 30), max_size=5), JSON)
def test_replies_with_anything_in_any_place_raise_nothing_but_our_own_errors(recording, steps, new):
    value = _replaced(recording.reply, steps, new)
    payload = base64.b64encode(json.dumps(value).encode()).decode()
    body = json.dumps({"payloadtype": "x", "payload": payload, "error": False}).encode()

    with contextlib.suppress(PollinatorError):
        read = unseal(body, 200, REPLY_TYPES[recording.message["msgtype"]], asked(recording))
        for each in read if isinstance(read, list) else [read]:
            repr(each)
            for name in ("status", "submitted_at", "started_at", "ended_at", "last_heard_at", "place"):
                getattr(each, name, None)
