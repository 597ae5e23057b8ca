"""Who may ask: every route of ours, asked by strangers, by pages of other sites, and by those who are not allowed."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import websocket
from jupyter_runs import WAIT_S, running_jupyter
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from pollinator_magic.labserver.routes import routes
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_runs import Jupyter

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ELSEWHERE = "http://evil.example"


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address that a handler of ours answers."""
    for pattern, handler in routes("/"):
        address = re.sub(r"\(\[\^/\][^)]*\)", "0" * 64, pattern.replace(r"\.", ".")).replace("(.+)", "a/plot.png")
        assert not set("()[]*+\\") & set(address), address
        for method in METHODS:
            implemented = getattr(handler, method.lower())
            if implemented is not getattr(RequestHandler, method.lower()) and not issubclass(handler, WebSocketHandler):
                yield method, address


SOCKETS = [pattern for pattern, handler in routes("/") if issubclass(handler, WebSocketHandler)]
ALL = list(addresses())


def test_the_walk_meets_every_route():
    assert {address.count("/") for _, address in ALL} == {2, 3, 4, 6}
    assert len({address for _, address in ALL}) + len(SOCKETS) == len(routes("/"))
    assert {method for method, address in ALL if address.endswith("/cancel")} == {"POST"}
    assert SOCKETS == ["/pollinator-magic/events"]


@pytest.mark.parametrize(("method", "address"), ALL)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}, {"Cookie": "username-127-0-0-1=2|1:0|x"}])
def test_strangers_are_refused(jupyter, method, address, headers):
    reply = ask(jupyter, method, address, headers=headers)

    assert reply.status_code in {401, 403}
    assert_tells_both(reply)


@pytest.mark.parametrize(("method", "address"), ALL)
@pytest.mark.parametrize("headers", [{"Origin": ELSEWHERE}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_pages_of_other_sites_are_refused_although_the_browser_sends_the_cookie(
    jupyter, browser, method, address, headers
):
    reply = ask(jupyter, method, address, headers={**headers, **browser.xsrf}, cookies=browser.cookies)

    assert reply.status_code == 403
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert_tells_both(reply)


@pytest.mark.parametrize(("method", "address"), [(method, address) for method, address in ALL if method == "POST"])
def test_a_form_of_another_site_changes_nothing(jupyter, browser, method, address):
    without = ask(jupyter, method, address, cookies=browser.cookies)
    wrong = ask(jupyter, method, address, cookies=browser.cookies, headers={"X-XSRFToken": "2|0|0|0"})

    assert {without.status_code, wrong.status_code} == {403}
    assert_tells_both(without)


@pytest.mark.parametrize(("method", "address"), ALL)
def test_a_page_of_the_server_itself_is_answered(jupyter, browser, method, address):
    headers = {"Origin": jupyter.url, "Sec-Fetch-Site": "same-origin", **browser.xsrf}

    reply = ask(jupyter, method, address, headers=headers, cookies=browser.cookies)

    assert reply.status_code in {200, 400, 404}
    assert_tells_both(reply)


@pytest.mark.parametrize("address", SOCKETS)
def test_no_stranger_and_no_page_of_another_site_hears_messages(jupyter, browser, address):
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

    assert handshake(jupyter, address) == 403
    assert handshake(jupyter, address, header={"Authorization": "token wrong"}) == 403
    assert handshake(jupyter, address, cookie=cookie, origin=ELSEWHERE) == 403
    assert handshake(jupyter, address, cookie=cookie, origin="null") == 403
    assert handshake(jupyter, address, cookie=cookie, origin=jupyter.url) == 101


def test_whom_the_authorizer_does_not_allow_is_refused_everywhere(tmp_path):
    option = "--ServerApp.authorizer_class=nobody_allowed.NobodyAllowed"
    with running_jupyter(tmp_path, option, PYTHONPATH=str(Path(__file__).parent)) as jupyter:
        for method, address in ALL:
            reply = ask(jupyter, method, address, headers=jupyter.sign)
            assert (address, reply.status_code) == (address, 403)
            assert_tells_both(reply)
        for address in SOCKETS:
            assert handshake(jupyter, address, header=jupyter.sign) == 403


def test_no_key_is_in_any_reply_message_or_log(jupyter, session):
    keys = Home(jupyter.home).keys
    secrets = [key.reveal() for key in (keys.user, keys.owner, keys.server, keys.executor)]
    heard = []
    with jupyter.page() as page:
        heard += [str(page.next()) for _ in range(3)]
    for method, address in ALL:
        reply = ask(jupyter, method, address, headers=jupyter.sign)
        heard.append(f"{reply.headers} {reply.text}")
    heard.append(jupyter.log.read_text())

    assert session.connection.key.identity in heard[0]
    assert not [secret for secret in secrets for text in heard if secret in text]
    assert LocalColony(jupyter.home).running


class Browser:
    """What a browser keeps after somebody has logged in."""

    def __init__(self, jupyter: Jupyter) -> None:
        visit = requests.Session()
        assert visit.get(f"{jupyter.url}/login?token={jupyter.token}", timeout=WAIT_S).ok
        self.cookies = dict(visit.cookies)
        self.xsrf = {"X-XSRFToken": self.cookies["_xsrf"]}
        assert any(name.startswith("username-") for name in self.cookies)


@pytest.fixture(scope="module")
def browser(jupyter: Jupyter) -> Browser:
    return Browser(jupyter)


def ask(jupyter: Jupyter, method: str, address: str, **options: object) -> requests.Response:
    return requests.request(method, jupyter.url + address, timeout=WAIT_S, allow_redirects=False, **options)


def assert_tells_both(reply: requests.Response) -> None:
    """A refusal says what is wrong and what to do, even if there is nothing to do."""
    if not reply.ok and reply.request.method != "HEAD":
        said = reply.json()
        assert said["message"]
        assert isinstance(said["remedy"], str)


def handshake(jupyter: Jupyter, address: str, **options: object) -> int:
    """Return the status of an attempt to open a websocket."""
    url = jupyter.url.replace("http://", "ws://") + address
    options["suppress_origin"] = "origin" not in options
    try:
        with closing(websocket.create_connection(url, timeout=WAIT_S, **options)) as socket:
            return socket.handshake_response.status
    except websocket.WebSocketBadStatusException as refused:
        return refused.status_code
