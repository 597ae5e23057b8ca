"""Carrying single files: verified, whole or not at all, never over a change or out of the directory."""

from __future__ import annotations

import hashlib
import os

import pytest

from pollinator_magic.cfs import transfer
from pollinator_magic.cfs.crew import Halt, Halted
from pollinator_magic.cfs.index import LocalIndex, Signature
from pollinator_magic.cfs.objects import DirectoryObjects
from pollinator_magic.cfs.plan import Entry
from pollinator_magic.cfs.progress import Direction, Meter
from pollinator_magic.cfs.transfer import Cargo
from pollinator_magic.errors import DamagedFile, FileChanged, TransferError, UnsafeName


@pytest.fixture
def store(tmp_path):
    return DirectoryObjects(tmp_path / "objects")


@pytest.fixture
def root(tmp_path):
    directory = tmp_path / "root"
    directory.mkdir()
    return directory


def entry(content: bytes) -> Entry:
    return Entry(len(content), hashlib.sha256(content).hexdigest())


def keep(store, content: bytes, name="object") -> str:
    file = store.path / "pollinator" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return name


def meter():
    return Meter(Direction.DOWN, 1, 1, None)


def bring(store, file, promised, expected=None, *, halt=None, beside=""):
    cargo = Cargo(file.name, file, promised, "object", expected)
    with transfer.opened(file.parent) as root:
        transfer.download(root, store, cargo, meter(), halt or Halt(), beside=beside)


def prepare(root, paths):
    with transfer.opened(root) as held:
        transfer.prepare(held, paths)


def remove(root, path, expected):
    with transfer.opened(root) as held:
        transfer.remove(held, path, expected)


def test_a_download_has_the_promised_content(store, root):
    keep(store, b"content" * 500_000)

    bring(store, root / "file", entry(b"content" * 500_000))

    assert (root / "file").read_bytes() == b"content" * 500_000
    assert [file.name for file in root.iterdir()] == ["file"]


@pytest.mark.parametrize("stored", [b"conten", b"content and more", b"CONTENT", b""])
def test_anything_else_is_refused_and_nothing_is_left(store, root, stored):
    keep(store, stored)

    with pytest.raises(DamagedFile, match="'file'"):
        bring(store, root / "file", entry(b"content"))

    assert list(root.iterdir()) == []


def test_an_endless_object_is_cut_off_at_the_promised_size(root):
    served = 0

    class Endless:
        def read(self, _name):
            nonlocal served
            while True:
                served += 1024
                yield b"x" * 1024

    with pytest.raises(DamagedFile, match="longer"):
        bring(Endless(), root / "file", entry(b"x" * 10_000))

    assert served <= 11 * 1024


@pytest.mark.parametrize("promised", [Entry(-5, "a" * 64), Entry(1, "zz"), Entry(1, ""), Entry(1, "A" * 64)])
def test_a_promise_that_cannot_be_checked_is_refused(store, root, promised):
    keep(store, b"x")

    with pytest.raises(DamagedFile, match="not valid"):
        bring(store, root / "file", promised)


def test_an_empty_file_needs_no_object(store, root):
    bring(store, root / "file", entry(b""))

    assert (root / "file").read_bytes() == b""


def test_an_empty_file_with_the_checksum_of_another_is_refused(store, root):
    with pytest.raises(DamagedFile):
        bring(store, root / "file", Entry(0, "a" * 64))


def test_a_file_that_appeared_meanwhile_is_not_overwritten(store, root):
    keep(store, b"remote")
    (root / "file").write_text("local")

    with pytest.raises(FileChanged, match="appeared"):
        bring(store, root / "file", entry(b"remote"), expected=None)

    assert (root / "file").read_text() == "local"


def test_a_file_that_changed_meanwhile_is_not_overwritten(store, root):
    keep(store, b"remote")
    (root / "file").write_text("local")
    looked_at = Signature.of((root / "file").stat())
    (root / "file").write_text("changed")

    with pytest.raises(FileChanged, match="was changed"):
        bring(store, root / "file", entry(b"remote"), expected=looked_at)

    assert (root / "file").read_text() == "changed"


def test_a_replaced_file_can_be_kept_beside(store, root):
    keep(store, b"remote")
    (root / "file").write_text("local")
    looked_at = Signature.of((root / "file").stat())

    bring(store, root / "file", entry(b"remote"), expected=looked_at, beside="file.local-1")

    assert (root / "file").read_text() == "remote"
    assert (root / "file.local-1").read_text() == "local"


def test_a_download_that_is_told_to_stop_leaves_nothing(store, root):
    keep(store, b"content")
    halt = Halt()
    halt.set()

    with pytest.raises(Halted):
        bring(store, root / "file", entry(b"content"), halt=halt)

    assert list(root.iterdir()) == []


def test_a_change_right_after_a_download_shows(store, root, tmp_path):
    index = LocalIndex(tmp_path / "state" / "index.json")
    for number in range(100):
        content = f"{number:04}".encode()
        keep(store, content, "object")
        (root / "file").unlink(missing_ok=True)
        bring(store, root / "file", entry(content))
        index.learn("file", root / "file", entry(content).checksum)
        assert index.look(root, ["file"]).hashed == 0

        (root / "file").write_bytes(content[::-1] + b"")
        assert index.look(root, ["file"]).tree["file"] == entry(content[::-1])


def test_a_downloaded_file_is_older_than_its_download(store, root, tmp_path):
    keep(store, b"content")
    (tmp_path / "clock").touch()

    bring(store, root / "file", entry(b"content"))

    assert (root / "file").stat().st_mtime_ns < (tmp_path / "clock").stat().st_mtime_ns


def test_a_truncated_object_is_said_to_be_one(store, root):
    keep(store, b"conte")

    with pytest.raises(DamagedFile, match="5 bytes instead of 7"):
        bring(store, root / "file", entry(b"content"))


def test_permissions_are_those_of_a_new_file_or_of_the_replaced_one(store, root):
    keep(store, b"content")
    old = os.umask(0o027)
    try:
        bring(store, root / "new", entry(b"content"))
        (root / "script").write_text("old")
        (root / "script").chmod(0o750)
        bring(store, root / "script", entry(b"content"), expected=Signature.of((root / "script").stat()))
    finally:
        os.umask(old)

    assert (root / "new").stat().st_mode & 0o777 == 0o640
    assert (root / "script").stat().st_mode & 0o777 == 0o750


def test_an_upload_of_a_file_that_changed_is_refused(store, root):
    (root / "file").write_text("one")
    looked_at = Signature.of((root / "file").stat())
    (root / "file").write_text("another")

    with pytest.raises(FileChanged):
        transfer.upload(store, Cargo("file", root / "file", entry(b"one"), "object", looked_at), meter(), Halt())


def test_preparing_makes_directories(root):
    prepare(root, ["a/b/c", "a/d", "e"])

    assert (root / "a/b").is_dir()
    assert not (root / "e").exists()


@pytest.mark.parametrize("path", ["../evil", "/evil", "a/../../evil", "C:/evil", "a\\evil", ""])
def test_preparing_refuses_unsafe_paths_before_it_makes_anything(root, path):
    with pytest.raises(UnsafeName):
        prepare(root, ["fine/file", path])

    assert list(root.iterdir()) == []


def test_preparing_refuses_links_that_lead_out_before_it_makes_anything(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (root / "sub").mkdir()
    (root / "sub" / "link").symlink_to(tmp_path / "outside")

    with pytest.raises(UnsafeName, match="'sub/link'"):
        prepare(root, ["fine/file", "sub/link/deep/evil"])

    assert not (root / "fine").exists()
    assert list((tmp_path / "outside").iterdir()) == []


def test_preparing_accepts_links_that_stay_inside(root):
    (root / "real").mkdir()
    (root / "link").symlink_to("real")

    prepare(root, ["link/deep/file"])

    assert (root / "real" / "deep").is_dir()


def test_preparing_names_what_is_a_file_here_and_a_directory_there(root):
    (root / "thing").write_text("x")
    (root / "folder").mkdir()
    (root / "nowhere").symlink_to("nothing")

    for path, named in (("thing/file", "'thing'"), ("folder", "'folder'"), ("nowhere/file", "'nowhere'")):
        with pytest.raises(TransferError, match=named):
            prepare(root, [path])


def test_names_that_are_one_file_on_this_system_are_refused(root, monkeypatch):
    monkeypatch.setattr(transfer, "_FOLDS_NAMES", True)

    with pytest.raises(UnsafeName, match="same file"):
        prepare(root, ["Read.me", "sub/x", "README.md", "read.me"])
    with pytest.raises(UnsafeName):
        prepare(root, ["\u00e9", "e\u0301"])


def test_removing_takes_empty_directories_along_and_no_others(root):
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_text("x")
    (root / "a/other").write_text("x")

    remove(root, "a/b/file", Signature.of((root / "a/b/file").stat()))

    assert not (root / "a/b").exists()
    assert (root / "a/other").exists()


def test_a_file_that_changed_is_not_removed(root):
    (root / "file").write_text("one")
    looked_at = Signature.of((root / "file").stat())
    (root / "file").write_text("another")

    with pytest.raises(FileChanged):
        remove(root, "file", looked_at)

    assert (root / "file").read_text() == "another"


def test_progress_is_reported_only_when_something_has_changed():
    reports = []
    counter = Meter(Direction.UP, 2, 30, reports.append)
    counter.tick()
    counter.tick()
    counter.advance(10)
    counter.tick()
    counter.advance(20)
    counter.complete("a")
    counter.tick()
    counter.tick()

    assert [(each.bytes_done, each.files_done, each.name) for each in reports] == [
        (0, 0, ""),
        (10, 0, ""),
        (30, 1, "a"),
    ]
