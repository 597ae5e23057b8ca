"""What passes between a page and the server half while nothing happens."""

from __future__ import annotations

import pytest
import requests

from tests.browser.jupyterlab import TOKEN, running_lab

WATCHED_MS = 11_000
"""Long enough for two messages that are five seconds apart, and for a third if they came at the edges."""


@pytest.fixture
def quiet_lab(tmp_path):
    """A JupyterLab whose embedded colony runs, and nobody else's jobs on it."""
    with running_lab(tmp_path) as lab:
        headers = {"Authorization": f"token {TOKEN}"}
        start = {"where": "local", "start": True}
        reply = requests.post(f"{lab.url}/pollinator-magic/connection", json=start, headers=headers, timeout=60)
        assert reply.json()["reachable"] is True
        yield lab


def test_a_page_on_which_nothing_happens_asks_nothing_and_hears_one_small_message_in_five_seconds(quiet_lab, page):
    asked, heard, said = [], [], []
    with page.expect_websocket(lambda socket: "/pollinator-magic/" in socket.url) as opened:
        page.goto(f"{quiet_lab.url}/lab?token={TOKEN}&reset")
    page.wait_for_function("() => window.jupyterapp?.restored")
    page.evaluate("() => window.jupyterapp.restored.then(() => window.jupyterapp.allPluginsActivated)")
    page.evaluate("() => window.jupyterapp.commands.execute('pollinator:open-panel')")
    page.get_by_text("container-executor").wait_for()
    page.wait_for_load_state("networkidle")

    page.on("request", lambda request: asked.append(request.url) if "/pollinator-magic/" in request.url else None)
    opened.value.on("framereceived", lambda message: heard.append(len(message)))
    opened.value.on("framesent", lambda message: said.append(len(message)))
    page.wait_for_timeout(WATCHED_MS)

    assert not opened.value.is_closed()
    assert (asked, said) == ([], [])
    assert len(heard) <= 3
    assert max(heard, default=0) < 500
