"""Completion in a real kernel, as a front end asks for it."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest
from jupyter_client.manager import start_new_kernel

from pollinator_magic.local.colony import LocalColony
from tests.notebook.test_magics import ask

pytestmark = pytest.mark.notebook


@contextmanager
def kernel(directory):
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(directory))
    try:
        ask(client, "%load_ext pollinator_magic")
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def complete(client, code: str) -> dict[str, str]:
    """Return by what the word at the end may be replaced, and of what type that is said to be."""
    reply = client.complete(code, len(code), reply=True, timeout=60)["content"]
    assert reply["cursor_end"] == len(code)
    found = reply["metadata"]["_jupyter_types_experimental"]
    assert [one["text"] for one in found] == reply["matches"]
    return {one["text"]: breakable(one["type"]) for one in found}


def breakable(text: str) -> str:
    """Return the words that JupyterLab must not break, as they were."""
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NON-BREAKING HYPHEN}", "-")


def until_offered(client, code: str, text: str, about: str = "") -> dict[str, str]:
    """Press the tabulator again until that is offered with words that begin so, as somebody would who misses it."""
    for _ in range(300):
        found = complete(client, code)
        if text in found and found[text].startswith(about):
            return found
        ask(client, "import time; time.sleep(0.1)")
    raise AssertionError(found)


def test_a_front_end_gets_options_executors_and_variables_with_their_types(environment, local_home, tmp_path):
    LocalColony(local_home).start()
    with kernel(tmp_path) as client:
        ask(client, "import numpy as np; weights = np.ones((2, 3))")

        assert complete(client, "%%pollinate local --wallt") == {
            "--walltime": "longest run: seconds, or 10m, 2h, 1h30m · 10m"
        }
        assert complete(client, "%%pollinate --in wei") == {"weights": "ndarray 2 x 3 float64"}
        assert complete(client, "%pollinator local sto").keys() == {"stop"}
        assert "getcwd" in complete(client, "import os\nos.getc")
        assert until_offered(client, "%%pollinate loc", "local", about="embedded colony · ")

        ask(client, "%unload_ext pollinator_magic")
        assert "--walltime" not in complete(client, "%%pollinate local --wallt")


def test_jobs_are_offered_where_an_id_is_meant(environment, tmp_path):
    with kernel(tmp_path) as client:
        ask(client, "%%pollinate local --as fit\nprint(1)")
        short_id = ask(client, "print(fit.short_id)").strip()

        found = until_offered(client, "%pollinator attach ", short_id)

        assert found[short_id].startswith("success")
        assert found["fit"].startswith(f"Job {short_id} · success")
        assert short_id in ask(client, "%pollinator attach fit\nprint(_.short_id)")


def test_with_a_colony_that_hangs_typing_goes_on(environment, tmp_path, monkeypatch):
    """The server takes the request and never answers; the kernel answers the key presses all the same."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        monkeypatch.setenv("COLONIES_SERVER_HOST", "127.0.0.1")
        monkeypatch.setenv("COLONIES_SERVER_PORT", str(server.getsockname()[1]))
        monkeypatch.setenv("COLONIES_TLS", "false")
        monkeypatch.setenv("COLONIES_COLONY_NAME", "hpc")
        monkeypatch.setenv("COLONIES_PRVKEY", "ab" * 32)
        with kernel(tmp_path) as client:
            first = complete(client, "%%pollinate lo")
            connection, _ = server.accept()
            with connection:
                connection.settimeout(60)
                assert connection.recv(1)
                second = complete(client, "%%pollinate --nodes 2 lo")
                ids = complete(client, "%pollinator attach --he")
                printed = ask(client, "print('free')")

    assert first.keys() == second.keys() == {"local"}
    assert ids.keys() == {"--help"}
    assert printed == "free\n"
