"""The object stores themselves, against a real S3 server process and a real directory."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from pollinator_magic.cfs.crew import Halted
from pollinator_magic.cfs.objects import DirectoryObjects, S3Objects, new_object_name, open_store
from pollinator_magic.errors import ObjectMissing, StorageDenied, StorageError, UnsafeName
from pollinator_magic.settings import DirectorySettings
from tests.s3_server import ACCESS_KEY, SECRET_KEY, free_port, running_s3


def put(store, content: bytes, tmp_path, name: str | None = None) -> str:
    name = name or new_object_name()
    file = tmp_path / f"content-of-{name[:8]}"
    file.write_bytes(content)
    store.put(name, file, lambda _: None)
    return name


@pytest.mark.parametrize("size", [0, 1, 4096, 1024 * 1024, 3 * 1024 * 1024 + 7])
def test_what_is_put_is_read_again(store, tmp_path, size):
    content = bytes(range(256)) * (size // 256 + 1)
    name = put(store, content[:size], tmp_path)

    chunks = list(store.read(name))

    assert b"".join(chunks) == content[:size]
    assert all(len(chunk) <= 1024 * 1024 for chunk in chunks)


def test_a_large_file_goes_up_in_parts_and_every_byte_is_counted(store, tmp_path):
    file = tmp_path / "large"
    with file.open("wb") as stream:
        for number in range(40):
            stream.write(bytes([number]) * 1024 * 1024)
    counted, lock = [], threading.Lock()

    def advance(count):
        with lock:
            counted.append(count)

    store.put("large", file, advance)

    assert sum(counted) == 40 * 1024 * 1024
    assert b"".join(store.read("large")) == file.read_bytes()


def test_a_large_file_whose_transfer_is_ended_leaves_no_parts_and_no_object(s3, tmp_path):
    store = S3Objects(s3.settings("ended"))
    put(store, b"x", tmp_path)  # makes the bucket
    file = tmp_path / "large"
    file.write_bytes(bytes(40 * 1024 * 1024))
    counted, lock = [], threading.Lock()

    def advance(count):
        with lock:
            counted.append(count)
            if sum(counted) > 18 * 1024 * 1024:
                raise Halted

    with pytest.raises(Halted):
        store.put("large", file, advance)

    assert "large" not in s3.objects("ended")
    assert store._client.list_multipart_uploads(Bucket="ended").get("Uploads", []) == []


@pytest.mark.parametrize("size", [1_000_000, 40 * 1024 * 1024])
def test_what_boto3_has_to_send_again_is_counted_once(s3, tmp_path, size):
    store = S3Objects(s3.settings(f"made-for-{size}"))  # boto3 makes the bucket
    store._signed._resting_until = float("inf")
    file = tmp_path / "file"
    file.write_bytes(bytes(size))
    counted, lock = [], threading.Lock()

    def advance(count):
        with lock:
            counted.append(count)

    store.put("name", file, advance)

    assert sum(counted) == size
    assert b"".join(store.read("name")) == file.read_bytes()


def test_an_object_that_does_not_exist_is_missing(store, tmp_path):
    put(store, b"x", tmp_path)

    with pytest.raises(ObjectMissing, match="0000"):
        list(store.read("0" * 64))


def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(store, tmp_path):
    name = put(store, b"x", tmp_path)
    store.delete(name)
    store.delete(name)

    with pytest.raises(ObjectMissing):
        list(store.read(name))


def test_an_object_name_is_64_random_hex_characters():
    names = {new_object_name() for _ in range(100)}

    assert len(names) == 100
    assert all(len(name) == 64 and int(name, 16) >= 0 for name in names)


def test_many_threads_may_use_one_store(store, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda number: put(store, str(number).encode(), tmp_path), range(60)))
        contents = list(pool.map(lambda name: b"".join(store.read(name)), names))

    assert contents == [str(number).encode() for number in range(60)]


def test_the_settings_decide_which_store_it_is(tmp_path, s3):
    assert isinstance(open_store(DirectorySettings(tmp_path)), DirectoryObjects)
    assert isinstance(open_store(s3.settings()), S3Objects)


def test_an_s3_server_over_the_directory_shows_the_same_objects(tmp_path):
    directory = tmp_path / "objects"
    name = put(DirectoryObjects(directory), b"seen from both sides", tmp_path)

    with running_s3(directory) as s3:
        assert b"".join(S3Objects(s3.settings("pollinator")).read(name)) == b"seen from both sides"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", "..", "a/b", "a\0b"])
def test_a_directory_store_reads_nothing_outside_of_itself(tmp_path, name):
    with pytest.raises(UnsafeName):
        list(DirectoryObjects(tmp_path).read(name))


def test_a_put_into_a_directory_that_fails_leaves_nothing_behind(tmp_path):
    store = DirectoryObjects(tmp_path / "objects")
    file = tmp_path / "file"
    file.write_bytes(b"x" * 3_000_000)

    def advance(_count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.put("name", file, advance)

    assert list((tmp_path / "objects" / "pollinator").iterdir()) == []


def test_a_directory_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "objects").write_text("a file")

    with pytest.raises(StorageError, match="Cannot write the object store"):
        put(DirectoryObjects(tmp_path / "objects"), b"x", tmp_path)


def test_a_file_that_cannot_be_read_is_not_blamed_on_the_store(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store.put("name", tmp_path / "none", lambda _: None)


def test_a_missing_bucket_is_made(s3, tmp_path):
    store = S3Objects(s3.settings("made-on-first-use"))

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda number: put(store, str(number).encode(), tmp_path), range(8)))

    assert set(s3.objects("made-on-first-use")) == set(names)


def test_a_missing_bucket_is_named_when_it_is_read(s3):
    with pytest.raises(StorageError, match=r"no bucket 'never-made'.*AWS_S3_BUCKET"):
        list(S3Objects(s3.settings("never-made")).read("0" * 64))


@pytest.mark.parametrize("changes", [{"secret_key": "a-wrong-secret-key"}, {"access_key": "an-unknown-access-key"}])
def test_wrong_keys_are_denied_with_the_names_of_the_variables_and_without_the_keys(s3, tmp_path, changes):
    store = S3Objects(s3.settings("denied", **changes))

    for action in (lambda: put(store, b"x", tmp_path), lambda: list(store.read("0" * 64)), lambda: store.delete("x")):
        with pytest.raises(StorageDenied, match=r"'denied'.*AWS_S3_ACCESSKEY, AWS_S3_SECRETKEY") as caught:
            action()
        shown = "".join(traceback.format_exception(caught.value))
        assert "botocore" not in shown
        for key in (ACCESS_KEY, SECRET_KEY, *changes.values()):
            assert key not in shown


def test_a_store_that_is_down_is_named(s3, tmp_path):
    port = free_port()
    store = S3Objects(s3.settings(endpoint=f"127.0.0.1:{port}"))

    with pytest.raises(StorageError, match=rf"127\.0\.0\.1:{port} cannot be reached.*AWS_S3_ENDPOINT"):
        put(store, b"x", tmp_path)


def test_what_the_user_has_set_for_aws_itself_does_not_matter(s3, tmp_path, monkeypatch):
    for name in (
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.setenv(name, "of-another-project")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    store = S3Objects(s3.settings())

    assert b"".join(store.read(put(store, b"x", tmp_path))) == b"x"


def test_a_store_without_tls_is_told_apart(s3, tmp_path):
    with pytest.raises(StorageError, match="AWS_S3_TLS"):
        put(S3Objects(s3.settings(tls=True)), b"x", tmp_path)


def test_an_impossible_bucket_or_region_is_an_error_of_the_store(s3, tmp_path):
    with pytest.raises(StorageError):
        put(S3Objects(s3.settings("No Such/Bucket")), b"x", tmp_path)


def test_neither_store_shows_keys(s3, tmp_path):
    for text in (repr(S3Objects(s3.settings())), repr(DirectoryObjects(tmp_path))):
        assert ACCESS_KEY not in text
        assert SECRET_KEY not in text


def test_metadata_refers_to_the_object_without_keys(s3):
    place = S3Objects(s3.settings("b")).reference("name").s3object

    assert (place.server, place.port, place.bucket, place.object) == (f"127.0.0.1:{s3.port}", -1, "b", "name")
    assert (place.accesskey, place.secretkey, place.encryptionkey, place.encryptionalg) == ("", "", "", "")
    assert (place.region, place.tls) == ("us-east-1", False)


@contextmanager
def breaking_proxy(port: int, break_after: list[int]):
    """Forward to `port`; the first answers break off after so many bytes each."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets = [listener]

    def forward(source, target, limit=None):
        total = 0
        try:
            while chunk := source.recv(65536):
                if limit is not None and total + len(chunk) > limit:
                    target.sendall(chunk[: limit - total])
                    break
                total += len(chunk)
                target.sendall(chunk)
        except OSError:
            pass  # the other direction has broken off
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", port))
            sockets.extend([client, server])
            limit = break_after.pop(0) if break_after else None
            for arguments in ((client, server), (server, client, limit)):
                threading.Thread(target=forward, args=arguments, daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        thread.join(5)


def test_a_download_goes_on_where_the_connection_broke(s3, tmp_path):
    content = bytes(range(256)) * 20_000
    name = put(S3Objects(s3.settings("broken")), content, tmp_path)
    limits = [2_000_000, 2_000_000]

    with breaking_proxy(s3.port, limits) as port:
        store = S3Objects(s3.settings("broken", endpoint=f"127.0.0.1:{port}"))
        received = b"".join(store.read(name))

    assert received == content
    assert limits == []


def test_a_connection_that_always_breaks_is_an_error(s3, tmp_path):
    name = put(S3Objects(s3.settings("broken")), bytes(5_000_000), tmp_path)

    with breaking_proxy(s3.port, [100_000] * 20) as port:
        store = S3Objects(s3.settings("broken", endpoint=f"127.0.0.1:{port}"))
        with pytest.raises(StorageError, match="cannot be reached"):
            list(store.read(name))


def test_boto3_is_loaded_only_when_a_bucket_is_used():
    script = "import sys, pollinator_magic.cfs.filesystem; print('boto3' in sys.modules, 'botocore' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]
