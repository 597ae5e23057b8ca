"""Texts from elsewhere stay texts: in headers, in logs, in messages, in addresses of objects."""

from __future__ import annotations

import base64
import http.client
import inspect
import json
import logging
import re
import socket
import threading
from contextlib import closing, suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pollinator_magic import errors
from pollinator_magic.cfs.objects import S3Objects
from pollinator_magic.colonies.models import Conditions, File, FunctionSpec
from pollinator_magic.errors import ConfigurationError, PollinatorError, UnknownExecutor, UnsafeName
from pollinator_magic.executors.leftovers import Leftovers
from pollinator_magic.jobs import Session
from pollinator_magic.local.daemonlog import OneEntry, PrivateLog
from pollinator_magic.settings import Connection, S3Settings, connection_from_environment

ENTRY = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: ")
EVIL = (
    "x\r\nX-Forged: 1\r\n\r\nforged",
    "x\n2026-01-01 00:00:00,000 INFO pollinator_magic.local.daemon: forged",
    "\x1b]0;title\x07\x1b[2J\x1b[31mred",
    "\x9b31m\u202egnp.exe",
    "a\x00b\x7f\u2028c\u2029d\x85e\x0bf\x0cg",
    "../../../etc/passwd",
    "$(touch /tmp/forged); `id` & | > < ' \"",
)
OBJECTS = ("plain", "deep/name", "a b?c#d%2e%2e&e+f", "é", "a/../../other/x", "./x", "a//b", "")


def own_errors() -> list[type[PollinatorError]]:
    found = [member for _, member in inspect.getmembers(errors, inspect.isclass)]
    return [one for one in found if issubclass(one, PollinatorError)]


def arguments(kind: type[PollinatorError], text: str) -> tuple[tuple, dict]:
    if kind is UnknownExecutor:
        return (text, text, [text]), {}
    if kind is errors.GraphFailed:
        positional, named = arguments(errors.JobFailed, text)
        return (text,), {"first": errors.JobFailed(*positional, **named), "failed": [text], "not_run": [text]}
    needed = [
        name
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    ]
    return (text,), dict.fromkeys(needed, text)


@given(text=st.text(min_size=1))
@example("\n\t" + EVIL[2] + EVIL[3] + EVIL[4])
def test_no_message_of_an_error_holds_what_a_terminal_would_obey(text):
    for kind in own_errors():
        positional, named = arguments(kind, text)
        error = kind(*positional, **named)
        for shown in (str(error), f"{error}", *error._render_traceback_()):
            assert all(part.isprintable() or part.isspace() for part in shown)
            assert not set("\x1b\x9b\x07\x00\r\x0b\x0c\x85\u2028\u2029\u202e") & set(shown)


@pytest.mark.parametrize("name", EVIL)
def test_names_that_others_gave_are_shown_as_text_in_errors(colony, client, name):
    session = Session(Connection(colony.server, colony.colony, colony.user_key, storage=None))
    for ask in (
        lambda: client.executor(name),
        lambda: client.user(name),
        lambda: client.file_named(name, name),
        lambda: client.process(name),
        lambda: client.snapshot(name),
        lambda: session.find_process(name),
    ):
        with pytest.raises(PollinatorError) as caught:
            ask()
        assert str(caught.value).isprintable()
    session.close()


@pytest.mark.parametrize("text", EVIL)
def test_an_entry_of_the_daemons_log_is_one_whatever_is_in_it(tmp_path, text):
    handler = PrivateLog(tmp_path / "daemon.log", encoding="utf-8")
    handler.setFormatter(OneEntry("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("tests.security")
    logger.propagate = False
    logger.addHandler(handler)

    logger.warning("about %s", text)
    logger.error("failed: %s", text, exc_info=ValueError(text))
    logger.removeHandler(handler)
    handler.close()

    lines = (tmp_path / "daemon.log").read_text(encoding="utf-8").splitlines()
    assert sum(bool(ENTRY.match(line)) for line in lines) == 2
    assert all(ENTRY.match(line) or line.startswith("    ") for line in lines)
    assert all(line.isprintable() for line in lines)


def test_what_the_executor_logs_of_a_process_shows_its_id_as_text(caplog, tmp_path):
    (tmp_path / "one.json").write_text(json.dumps({"process": EVIL[1], "sessions": []}))

    with caplog.at_level(logging.INFO):
        Leftovers(tmp_path).sweep()

    assert caplog.messages
    assert all(message.isprintable() for message in caplog.messages)


@pytest.mark.parametrize("text", EVIL)
def test_no_text_of_a_request_comes_into_the_headers_of_its_reply(colony, text):
    payload = base64.b64encode(json.dumps({"msgtype": text, "colonyname": text}).encode()).decode()
    body = json.dumps({"payloadtype": text, "payload": payload, "signature": colony.user_key.sign(payload)})
    with closing(http.client.HTTPConnection("127.0.0.1", colony.server.port, timeout=10)) as connection:
        connection.request("POST", "/api", body)
        reply = connection.getresponse()

        assert reply.status == 403
        assert {name for name, _ in reply.getheaders()} == {"Content-Type", "Content-Length", "Date"}
        assert json.loads(reply.read())["error"]


@pytest.mark.parametrize("text", EVIL)
def test_what_is_stored_comes_back_as_it_was_and_harms_no_listing(colony, client, text):
    spec = FunctionSpec(
        funcname=text,
        label=text,
        env={text.replace("=", ""): text},
        kwargs={text: text},
        maxexectime=-1,
        conditions=Conditions(colonyname=colony.colony, executortype=text, executornames=[text]),
    )
    process = client.submit(spec)
    file = client.add_file(File(colonyname=colony.colony, label=text, name=text))

    found = client.process(process.processid).spec
    assert (found.funcname, found.label, found.env, found.kwargs) == (spec.funcname, spec.label, spec.env, spec.kwargs)
    assert client.file(file.fileid).name == text
    assert text in {label.name for label in client.labels()}
    assert text in {found.name for found in client.files(text)}


class Listener:
    """Writes down the head of one request, and hangs up."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.heads: list[bytes] = []
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (received := connection.recv(65536)):
                    head += received
                self.heads.append(head)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def s3_settings(port: int) -> S3Settings:
    return S3Settings(f"127.0.0.1:{port}", "bucket", "AK", "SK", tls=False)


@pytest.mark.parametrize("name", [*EVIL, *OBJECTS])
def test_a_name_of_an_object_leads_nowhere_else_and_into_no_header(tmp_path, name):
    (tmp_path / "file").write_text("x")
    with closing(Listener()) as listener:
        store = S3Objects(s3_settings(listener.port))
        for act in (
            lambda: list(store.read(name)),
            lambda: store.delete(name),
            lambda: store.put(name, tmp_path / "file", lambda _: None),
        ):
            with suppress(PollinatorError):
                act()

    fine = name.isprintable() and not {"", ".", ".."} & set(name.split("/"))
    assert bool(listener.heads) == fine
    for head in listener.heads:
        line, *headers = head.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")
        method, path, version = line.split(" ")
        assert path.partition("?")[0] in {"/bucket", "/bucket/"} or path.startswith("/bucket/")
        assert ".." not in path
        assert method in {"GET", "PUT", "DELETE"}
        assert version == "HTTP/1.1"
        assert not [header for header in headers if header.lower().startswith("x-forged")]


@pytest.mark.parametrize("name", ["../x", "a/../../b", "\r\n"])
def test_a_name_that_would_leave_the_bucket_is_refused(name):
    with pytest.raises(UnsafeName, match="not a name of an object"):
        S3Objects(s3_settings(1)).delete(name)


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_S3_ACCESSKEY": "AK\r\nX-Forged: 1"},
        {"AWS_S3_SECRETKEY": "two words"},
        {"AWS_S3_ENDPOINT": "host:1\r\nX-Forged: 1"},
        {"AWS_S3_ENDPOINT": "user:word@host:1"},
        {"COLONIES_SERVER_HOST": "host\r\nX-Forged: 1"},
        {"COLONIES_SERVER_PORT": "80\r\nX-Forged: 1"},
    ],
)
def test_settings_that_would_break_out_of_a_header_or_an_address_are_refused(colony, variables):
    environment = {
        "COLONIES_SERVER_HOST": "host",
        "COLONIES_COLONY_NAME": "c",
        "COLONIES_PRVKEY": colony.user_key.reveal(),
        "AWS_S3_ENDPOINT": "host:1",
        "AWS_S3_ACCESSKEY": "AK",
        "AWS_S3_SECRETKEY": "SK",
        "AWS_S3_BUCKET": "b",
    }
    assert connection_from_environment(environment).storage

    with pytest.raises(ConfigurationError, match=next(iter(variables))) as caught:
        connection_from_environment(environment | variables)

    assert "two words" not in str(caught.value)
    assert str(caught.value).isprintable()
