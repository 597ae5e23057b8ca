"""The official Python SDK on the embedded colony: what it offers works there as on a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pollinator_magic.settings import Connection
from tests.colony_server import running_colony
from tests.overlays import overlay
from tests.place import environment
from tests.s3_server import running_s3

SDK = ("pycolonies==1.0.25",)
BESIDE_IT = (
    *("pydantic==2.14.3", "pydantic-core==2.50.4"),
    *("annotated-types==0.8.0", "typing-inspection==0.4.5", "typing-extensions==4.16.0"),
)
"""What it needs and we do not. It is never on our own path: it has modules named `crypto` and `model`."""
PARTS = (
    *("members", "executors", "processes", "failures", "functions", "logs", "waiting", "workflows"),
    *("failing_workflows", "files", "snapshots", "statistics", "clearing"),
)
PROGRAM = Path(__file__).with_name("drive_pycolonies.py")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str | None]:
    """What went wrong in each part of the program."""
    with running_colony() as colony, running_s3() as s3:
        there = Connection(colony.server, colony.colony, colony.user_key, s3.settings("official"))
        variables = {
            "COLONIES_SERVER_TLS": "false",
            "COLONIES_COLONY_PRVKEY": colony.owner_key.reveal(),
            "COLONIES_SERVER_PRVKEY": colony.server_key.reveal(),
            "PYTHONPATH": str(overlay("pycolonies-1.0.25", SDK + BESIDE_IT)),
        }
        run = subprocess.run(
            [sys.executable, PROGRAM],
            env={**environment(there), **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("part", PARTS)
def test_the_official_python_sdk_finds_what_it_expects_of(outcomes, part):
    assert outcomes[part] is None, outcomes[part]


def test_every_part_of_the_program_is_looked_at(outcomes):
    assert set(outcomes) == set(PARTS)
