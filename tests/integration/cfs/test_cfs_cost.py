"""What synchronising costs: requests to the colony, to the store, and files read."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest
from urllib3.connection import HTTPConnection

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import S3Objects, new_object_name
from tests.s3_server import ACCESS_KEY, SECRET_KEY


class Cost:
    """Counts from its creation on."""

    def __init__(self, place):
        self._place = place
        self._requests = place.client.rpc.requests
        self._puts, self._reads = place.store.puts, place.store.reads

    @property
    def requests(self):
        return self._place.client.rpc.requests - self._requests

    @property
    def objects(self):
        return self._place.store.puts - self._puts, self._place.store.reads - self._reads


@pytest.fixture
def source(place):
    for number in range(10):
        place.write(f"module_{number}.py", f"x = {number}")
    return place


@pytest.fixture
def data(new_place):
    place = new_place()
    for directory in ("", *(f"d{number}/" for number in range(9))):
        for number in range(100):
            place.write(f"{directory}{number}.csv", f"{directory}{number}")
    return place


def test_a_first_push_costs_one_listing_one_snapshot_and_one_request_a_file(source):
    cost = Cost(source)

    result = source.push()

    assert cost.requests == 1 + 10 + 1
    assert cost.objects == (10, 0)
    assert result.hashed == 10


def test_an_unchanged_push_costs_nothing(source):
    source.push()
    cost = Cost(source)

    result = source.push()

    assert cost.requests == 0
    assert cost.objects == (0, 0)
    assert result.hashed == 0


def test_a_push_of_one_changed_file_costs_one_hash_one_object_and_two_requests(source):
    source.push()
    source.write("module_3.py", "changed")
    cost = Cost(source)

    result = source.push()

    assert result.hashed == 1
    assert cost.objects == (1, 0)
    assert cost.requests == 2


def test_a_push_that_meets_a_colleagues_change_asks_only_for_what_is_new(source, new_place):
    source.push()
    colleague = new_place()
    colleague.push()
    colleague.write("theirs.py", "x")
    colleague.push()
    source.write("module_3.py", "changed")
    cost = Cost(source)

    source.push()

    assert cost.requests == 2 + 1 + 1  # add and snapshot; the unknown revision; snapshot
    assert cost.objects == (1, 1)


def test_a_push_that_deletes_a_file_costs_a_listing(source):
    source.push()
    (source.root / "module_3.py").unlink()
    cost = Cost(source)

    with Filesystem(source.client, source.store) as another_day:
        another_day.push_source(source.root, source.label, source.state)

    # Listing; what the file's objects are, for whoever cleans up; removal; snapshot; and the test client notes what it
    # removes.
    assert cost.requests == 2 + 1 + 1 + 1 + 1
    assert cost.objects == (0, 0)


def test_unchanged_data_in_ten_directories_costs_eleven_requests_and_no_hash(data):
    data.sync()
    cost = Cost(data)

    result = data.sync()

    assert cost.requests == 1 + 10
    assert cost.objects == (0, 0)
    assert result.hashed == 0


def test_what_came_down_is_not_hashed_again(data, new_place):
    data.sync()
    other = new_place()
    other.sync()

    result = other.sync()

    assert result.hashed == 0


def test_a_project_that_was_moved_is_still_known(source):
    source.push()
    moved = source.root.parent.with_name("moved")
    source.root.parent.rename(moved)
    source.root = moved / "src"
    source.state.directory = moved / ".pollinator"
    cost = Cost(source)

    result = source.push()

    assert (cost.requests, result.hashed) == (0, 0)


@pytest.mark.parametrize("size", [0, 4096, 256 * 1024])
def test_a_small_file_costs_one_round_trip_to_s3(s3, tmp_path, monkeypatch, size):
    store = S3Objects(s3.settings(f"bucket-{uuid.uuid4().hex[:12]}"))
    file = tmp_path / "small.bin"
    file.write_bytes(b"x" * size)
    store.put(new_object_name(), file, lambda _: None)  # makes the bucket
    sent = _requests_sent(monkeypatch, s3)
    name = new_object_name()

    store.put(name, file, lambda _: None)

    assert [(method, url.rpartition("/")[2]) for method, url, _ in sent] == [("PUT", name)]
    assert "Expect" not in sent[0][2]
    assert b"".join(store.read(name)) == file.read_bytes()


def test_what_one_request_does_not_achieve_is_left_to_boto3(s3, tmp_path, monkeypatch):
    store = S3Objects(s3.settings(f"bucket-{uuid.uuid4().hex[:12]}"))
    file = tmp_path / "small.bin"
    file.write_bytes(b"content")
    sent = _requests_sent(monkeypatch, s3)
    name = new_object_name()

    store.put(name, file, lambda _: None)

    put = [("PUT", True), ("PUT", True)]
    assert [(method, name in url) for method, url, _ in sent] == [*put, ("PUT", False), ("PUT", True)]
    assert b"".join(store.read(name)) == b"content"


def _requests_sent(monkeypatch, s3):
    """Return a list that grows with every request to this object store."""
    sent, begin, add = [], HTTPConnection.putrequest, HTTPConnection.putheader

    def putrequest(connection, method, url, **options):
        if connection.port == s3.port:
            sent.append((method, url, []))
        begin(connection, method, url, **options)

    def putheader(connection, header, *values):
        if connection.port == s3.port:
            sent[-1][2].append(header.title() if isinstance(header, str) else header.decode().title())
        add(connection, header, *values)

    monkeypatch.setattr(HTTPConnection, "putrequest", putrequest)
    monkeypatch.setattr(HTTPConnection, "putheader", putheader)
    return sent


def test_files_of_every_size_go_to_s3_and_back_without_boto3(s3, tmp_path):
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    (tmp_path / "small").write_bytes(b"content")
    S3Objects(s3.settings(bucket)).put("other", tmp_path / "small", lambda _: None)  # makes the bucket
    settings = {"endpoint": s3.settings().endpoint, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    program = (
        "import json, sys\nfrom pathlib import Path\nfrom pollinator_magic.cfs.s3 import S3Objects\n"
        "from pollinator_magic.errors import ObjectMissing\n"
        "from pollinator_magic.settings import S3Settings\n"
        "store = S3Objects(S3Settings(bucket=sys.argv[1], tls=False, **json.loads(sys.argv[2])))\n"
        "file = Path(sys.argv[3])\n"
        "for size in (0, 7, 300_000, 40_000_000):\n"
        "    file.write_bytes(bytes(range(256)) * (size // 256 + 1))\n"
        "    store.put(f'name of {size}', file, lambda _: None)\n"
        "    assert b''.join(store.read(f'name of {size}')) == file.read_bytes()\n"
        "store.delete('other')\n"
        "try:\n    list(store.read('other'))\nexcept ObjectMissing:\n    print('gone')\n"
        "print('boto3' in sys.modules, 'botocore' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, bucket, json.dumps(settings), str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["gone", "False", "False"]
    assert "other" not in s3.objects(bucket)
