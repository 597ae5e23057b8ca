"""What a directory holds, and what is remembered of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from pollinator_magic.cfs import index as index_module
from pollinator_magic.cfs.ignore import Ignore
from pollinator_magic.cfs.index import LocalIndex
from pollinator_magic.cfs.plan import Entry
from pollinator_magic.errors import FileChanged, TransferError, UnsafeName

HOUR_S = 3600


@pytest.fixture
def root(tmp_path):
    directory = tmp_path / "root"
    directory.mkdir()
    return directory


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "state" / "index.json"


def write(root, path, content, age_s=HOUR_S):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    if age_s:
        now = file.stat().st_mtime
        os.utime(file, (now - age_s, now - age_s))
    return file


def entry(content):
    return Entry(len(content), hashlib.sha256(content.encode()).hexdigest())


def test_every_file_is_found_with_its_size_and_checksum(root):
    write(root, "a", "a")
    write(root, "sub/deep/b", "bb")
    write(root, "empty", "")
    (root / "empty directory").mkdir()

    assert LocalIndex().scan(root).tree == {"a": entry("a"), "sub/deep/b": entry("bb"), "empty": entry("")}


def test_a_root_that_does_not_exist_is_empty(tmp_path):
    assert LocalIndex().scan(tmp_path / "none").tree == {}


def test_unchanged_files_are_not_read_again(root, cache):
    for number in range(200):
        write(root, f"d{number % 7}/{number}", str(number))
    first = LocalIndex(cache)
    before = first.scan(root)
    first.save()

    second = LocalIndex(cache)
    after = second.scan(root)

    assert (before.hashed, after.hashed, second.hashed) == (200, 0, 0)
    assert after.tree == before.tree


def test_one_changed_file_is_the_only_one_that_is_read(root, cache):
    for number in range(20):
        write(root, str(number), str(number))
    index = LocalIndex(cache)
    index.scan(root)
    write(root, "7", "seven", age_s=0)

    found = index.scan(root)

    assert found.hashed == 1
    assert found.tree["7"] == entry("seven")


def test_a_change_that_keeps_size_and_modification_time_is_noticed(root, cache):
    file = write(root, "a", "one")
    index = LocalIndex(cache)
    index.scan(root)
    status = file.stat()
    file.write_text("two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert index.scan(root).tree["a"] == entry("two")


def test_a_file_replaced_by_another_of_the_same_size_and_time_is_noticed(root, cache):
    file = write(root, "a", "one")
    index = LocalIndex(cache)
    index.scan(root)
    other = write(root.parent, "other", "two")
    status = file.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)

    assert index.scan(root).tree["a"] == entry("two")


def test_changes_right_after_a_scan_are_never_missed(root, cache):
    index = LocalIndex(cache)
    for number in range(300):
        content = f"{number:04}"
        (root / "a").write_text(content)

        assert index.scan(root).tree["a"] == entry(content)


def test_a_file_written_in_the_tick_of_the_scan_is_not_trusted_later(root, cache, monkeypatch):
    file = write(root, "a", "one", age_s=0)
    index = LocalIndex(cache)
    monkeypatch.setattr(index, "_wait_for_tick", lambda _newest_ns: file.stat().st_mtime_ns)  # a file system of seconds

    index.scan(root)

    assert index.scan(root).hashed == 1


def test_a_file_from_the_future_is_remembered_all_the_same(root, cache):
    write(root, "a", "one", age_s=-HOUR_S)
    index = LocalIndex(cache)
    index.scan(root)

    assert index.scan(root).hashed == 0


def test_deleted_files_are_forgotten(root, cache):
    file = write(root, "a", "one")
    index = LocalIndex(cache)
    index.scan(root)
    file.unlink()
    assert index.scan(root).tree == {}
    index.save()

    assert b'"a"' not in cache.read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"[]", b'{"version":1,"files":{"a":[[1,2],"x"]}}', b'{"version":99,"files":{}}', b"\xff\xfe"],
)
def test_a_damaged_cache_is_an_empty_one(root, cache, content):
    write(root, "a", "one")
    cache.parent.mkdir()
    cache.write_bytes(content)

    found = LocalIndex(cache).scan(root)

    assert (found.tree, found.hashed) == ({"a": entry("one")}, 1)


def test_a_cache_that_cannot_be_written_is_no_error(root, tmp_path):
    write(root, "a", "one")
    (tmp_path / "state").write_text("a file where the directory should be")
    index = LocalIndex(tmp_path / "state" / "index.json")

    assert index.scan(root).tree == {"a": entry("one")}
    index.save()


def test_ignored_directories_are_not_even_entered(root):
    write(root, "a", "a")
    write(root, ".git/config", "x")
    write(root, "sub/__pycache__/x.pyc", "x")

    assert set(LocalIndex().scan(root, Ignore.for_root(root)).tree) == {"a"}


def test_links_inside_the_directory_count_as_what_they_lead_to(root):
    write(root, "real/file", "content")
    (root / "link").symlink_to("real/file")
    (root / "alias").symlink_to("real")

    found = LocalIndex().scan(root)

    assert found.tree == dict.fromkeys(["real/file", "link", "alias/file"], entry("content"))
    assert found.skipped == {}


def test_a_change_behind_a_link_is_noticed(root, cache):
    write(root, "real", "one")
    (root / "link").symlink_to("real")
    index = LocalIndex(cache)
    index.scan(root)
    write(root, "real", "two")

    assert index.scan(root).tree["link"] == entry("two")


def test_links_that_lead_out_or_nowhere_are_left_out_and_said(root, tmp_path):
    write(root, "a", "a")
    (tmp_path / "outside").write_text("secret")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out-directory").symlink_to(tmp_path)
    (root / "nowhere").symlink_to("nothing")
    (root / "circle").symlink_to("circle")

    found = LocalIndex().scan(root)

    assert set(found.tree) == {"a"}
    assert set(found.skipped) == {"out", "out-directory", "nowhere", "circle"}
    assert all(path in sentence for path, sentence in found.skipped.items())


def test_links_in_a_circle_end(root):
    write(root, "a/file", "a")
    write(root, "b/file", "b")
    (root / "a" / "up").symlink_to("..")
    (root / "a" / "self").symlink_to(".")
    (root / "a" / "b").symlink_to("../b")
    (root / "b" / "a").symlink_to("../a")

    found = LocalIndex().scan(root)

    assert {"a/file", "b/file", "a/b/file", "b/a/file"} <= set(found.tree)
    assert {"a/up", "a/self"} <= set(found.skipped)
    assert len(found.tree) < 20


def test_a_root_that_is_itself_a_link_is_followed(root, tmp_path):
    write(root, "a", "a")
    write(root, "sub/b", "b")
    (tmp_path / "link").symlink_to(root)

    assert set(LocalIndex().scan(tmp_path / "link").tree) == {"a", "sub/b"}


def test_pipes_and_sockets_are_left_out_and_never_opened(root):
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(root)  # names of sockets must be short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)

        found = LocalIndex().scan(root)

    assert found.tree == {}
    assert set(found.skipped) == {"pipe", "socket"}


@pytest.mark.parametrize("name", [b"back\\slash", b"new\nline", b"latin-\xe9", b"C:drive"])
def test_a_name_that_could_not_come_down_again_is_refused_and_named(root, name):
    (root / os.fsdecode(name)).write_text("")

    with pytest.raises(UnsafeName, match=r"Rename the file|pollinatorignore"):
        LocalIndex().scan(root)


def test_such_a_name_may_be_ignored(root):
    write(root, "back\\slash", "x")

    assert LocalIndex().scan(root, Ignore.for_root(root, patterns=["back*"])).tree == {}


def test_unicode_names_are_not_normalised(root):
    write(root, "e\u0301", "decomposed")
    write(root, "\u00e9", "composed")

    assert LocalIndex().scan(root).tree == {"e\u0301": entry("decomposed"), "\u00e9": entry("composed")}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root makes itself somebody else for this")
@pytest.mark.parametrize("unreadable", ["sub/file", "sub"])
def test_an_unreadable_file_or_directory_is_named(unreadable):
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        write(root, "sub/file", "x")
        (root / unreadable).chmod(0)
        os.seteuid(65534)
        try:
            with pytest.raises(TransferError, match=f"Cannot read '{unreadable}/?': Permission denied"):
                LocalIndex().scan(root)
        finally:
            os.seteuid(0)
    finally:
        shutil.rmtree(root)


def test_a_file_that_is_always_being_written_is_named(root, monkeypatch):
    file = write(root, "busy", "x")
    original = index_module.hash_file

    def hash_while_somebody_writes(path, halt=None):
        result = original(path, halt)
        with file.open("a") as stream:
            stream.write("more")
        return result

    monkeypatch.setattr(index_module, "hash_file", hash_while_somebody_writes)

    with pytest.raises(FileChanged, match="'busy' is being written"):
        LocalIndex().scan(root)


def test_files_that_come_and_go_during_a_scan_are_no_error(root):
    stop = threading.Event()

    def churn():
        number = 0
        while not stop.is_set():
            file = root / f"{number % 50}.tmp"
            file.write_text("x")
            file.unlink()
            number += 1

    for number in range(50):
        write(root, f"stay-{number}", str(number))
    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(30):
            try:
                found = LocalIndex().scan(root)
            except FileChanged:
                continue
            assert {f"stay-{number}" for number in range(50)} <= set(found.tree)
    finally:
        stop.set()
        thread.join()


def test_looking_at_given_paths_finds_only_plain_files(root, tmp_path):
    write(root, "a", "a")
    write(root, "b", "b")
    (root / "directory").mkdir()
    (root / "link").symlink_to("a")

    found = LocalIndex().look(root, ["a", "none", "directory", "link", "a/below"])

    assert found.tree == {"a": entry("a")}


def test_large_and_small_files_have_the_checksums_that_everybody_computes(root):
    content = os.urandom(5 * 1024 * 1024 + 13)
    (root / "large").write_bytes(content)
    for number in range(100):
        write(root, f"{number}", "x" * number)

    tree = LocalIndex().scan(root).tree

    assert tree["large"] == Entry(len(content), hashlib.sha256(content).hexdigest())
    assert all(tree[str(number)] == entry("x" * number) for number in range(100))
