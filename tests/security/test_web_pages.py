"""No web page reaches the embedded colony through the browser of its user."""

from __future__ import annotations

import pytest
import requests
import websocket
from signed import signed

FOREIGN = (
    "http://evil.example",
    "https://localhost:8888",
    "http://localhost:8888",
    "http://127.0.0.1",
    "null",
    "file://",
)


def ask(colony, method: str, path: str, **headers: str) -> requests.Response:
    body = signed(colony.user_key, "getcolonymsg", colonyname=colony.colony) if method == "POST" else None
    return requests.request(method, colony.server.url + path, data=body, headers=headers, timeout=10)


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api"), ("GET", "/api"), ("GET", "/health")])
def test_what_a_page_of_another_origin_sends_is_refused_even_if_it_is_signed(colony, origin, method, path):
    assert ask(colony, method, path, Origin=origin).status_code == 403


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_opens_no_websocket(colony, origin):
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        websocket.create_connection(f"ws://127.0.0.1:{colony.server.port}/pubsub", origin=origin, timeout=10)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", "0.0.0.0"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/api"), ("GET", "/health"), ("GET", "/pubsub")])
def test_a_name_that_was_made_to_point_here_is_refused(colony, host, method, path):
    port = f":{colony.server.port}" if ":" not in host else ""

    assert ask(colony, method, path, Host=host + port).status_code == 403
    assert ask(colony, method, path, Host=host + port, Origin=f"http://{host}{port}").status_code == 403


@pytest.mark.parametrize("path", ["/api", "/health", "/pubsub", "/"])
def test_no_answer_lets_a_page_read_it(colony, path):
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answers = [
        ask(colony, "OPTIONS", path, **asked),
        ask(colony, "POST", path),
        ask(colony, "GET", path, Origin="http://evil.example"),
        ask(colony, "GET", path),
    ]

    assert not [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")]
    assert answers[0].status_code >= 400


def test_programs_of_this_machine_are_served(colony):
    here = f"127.0.0.1:{colony.server.port}"

    assert ask(colony, "POST", "/api").status_code == 200
    assert ask(colony, "POST", "/api", Host=f"localhost:{colony.server.port}").status_code == 200
    assert ask(colony, "POST", "/api", Origin=f"http://{here}").status_code == 200
    websocket.create_connection(f"ws://{here}/pubsub", timeout=10).shutdown()
