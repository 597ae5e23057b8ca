"""Logs, results and records when the colony is down, and the keys, which are nowhere."""

from __future__ import annotations

import pytest
from jupyter_runs import running_jupyter

from pollinator_magic.colonies.keys import PrivateKey
from tests.browser.jupyterlab import free_port
from tests.jobs import run

PARTS = ("log", "log.txt", "results", "results/a.csv", "record")
KEY = PrivateKey.generate().reveal()
SECRET = "the-secret-of-the-object-store"


@pytest.fixture(scope="module")
def forsaken(tmp_path_factory):
    """A Jupyter server whose configured colony does not answer."""
    variables = {
        "COLONIES_SERVER_HOST": "127.0.0.1",
        "COLONIES_SERVER_PORT": str(free_port()),
        "COLONIES_TLS": "false",
        "COLONIES_COLONY_NAME": "far-away",
        "COLONIES_PRVKEY": KEY,
        "AWS_S3_ENDPOINT": f"127.0.0.1:{free_port()}",
        "AWS_S3_TLS": "false",
        "AWS_S3_ACCESSKEY": "access",
        "AWS_S3_SECRETKEY": SECRET,
        "AWS_S3_BUCKET": "bucket",
    }
    with running_jupyter(tmp_path_factory.mktemp("forsaken"), **variables) as running:
        yield running


@pytest.mark.parametrize("part", PARTS)
def test_a_colony_that_does_not_answer_is_told_and_no_key_with_it(forsaken, part):
    reply = forsaken.get(f"jobs/{'ab' * 32}/{part}")

    assert reply.status_code == 502
    assert "127.0.0.1" in reply.json()["message"]
    assert set(reply.json()) == {"message", "remedy"}
    for secret in (KEY, SECRET):
        assert secret not in reply.text + str(reply.headers) + forsaken.log.read_text()


def test_no_key_is_in_a_reply_a_log_or_a_file_that_the_server_keeps(jupyter, session, project):
    job = run(session, project, "print('hello'); open('result/a.csv', 'w').write('1')")

    replies = [jupyter.get(f"jobs/{job.id}/{part}") for part in PARTS]

    assert [reply.status_code for reply in replies] == [200] * len(PARTS)
    said = "".join(reply.text + str(reply.headers) for reply in replies) + jupyter.log.read_text()
    kept = b"".join(file.read_bytes() for file in (jupyter.root.parent / "cache").rglob("*") if file.is_file())
    keys = [file.read_text().strip() for file in (jupyter.home / "keys").glob("*.key")]
    assert keys
    assert [key for key in keys if key in said or key.encode() in kept] == []
