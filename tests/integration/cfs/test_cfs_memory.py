"""Memory does not grow with the size of files, and only little with their number."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.s3_server import ACCESS_KEY, SECRET_KEY

_LIMIT_MIB = 150

_SCRIPT = """
import json, resource, sys
from pathlib import Path
import boto3, msgspec, requests
from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import DirectoryObjects, S3Objects
from pollinator_magic.cfs.state import SyncState
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.settings import S3Settings, Server

task = json.loads(sys.stdin.read())
S3Settings  # imported before the measurement begins
after_import = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if "s3" in task:
    store = S3Objects(S3Settings(**task["s3"]))
else:
    store = DirectoryObjects(Path(task["objects"]))
client = Colonies(Server("127.0.0.1", task["port"], tls=False), task["colony"], PrivateKey.from_hex(task["key"]))
with Filesystem(client, store) as filesystem:
    for root in task["roots"]:
        filesystem.sync(Path(root), task["label"], SyncState(Path(root).parent / (Path(root).name + ".state")))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - after_import)
"""


@pytest.fixture
def task(request, colony, place, tmp_path):
    return {
        "port": colony.server.port,
        "colony": colony.colony,
        "key": colony.user_key.reveal(),
        "label": place.label,
        "objects": str(tmp_path / "objects-of-the-other-process"),
        "roots": [str(tmp_path / "up"), str(tmp_path / "down")],
    }


def grown_mib(task) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return int(done.stdout) / unit


@pytest.mark.parametrize("store", ["directory"], indirect=True)
def test_a_file_larger_than_the_limit_goes_through_a_directory_store(task, tmp_path):
    (tmp_path / "up").mkdir()
    with (tmp_path / "up" / "large.bin").open("wb") as stream:
        stream.truncate(400 * 1024 * 1024)

    assert grown_mib(task) < _LIMIT_MIB
    assert (tmp_path / "down" / "large.bin").stat().st_size == 400 * 1024 * 1024


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_a_file_larger_than_the_limit_goes_through_s3(task, tmp_path, s3):
    (tmp_path / "up").mkdir()
    with (tmp_path / "up" / "large.bin").open("wb") as stream:
        stream.truncate(256 * 1024 * 1024)
    task["s3"] = {
        "endpoint": f"127.0.0.1:{s3.port}",
        "bucket": "memory",
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "tls": False,
    }

    assert grown_mib(task) < _LIMIT_MIB
    assert (tmp_path / "down" / "large.bin").stat().st_size == 256 * 1024 * 1024


@pytest.mark.parametrize("store", ["directory"], indirect=True)
def test_thousands_of_files_need_little_memory(task, tmp_path):
    for number in range(1000):
        file = tmp_path / "up" / f"d{number % 20}" / f"{number}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(number))

    assert grown_mib(task) < _LIMIT_MIB / 3
    assert len(list((tmp_path / "down").rglob("*.csv"))) == 1000
