"""Synchronising a directory by listing, against a real server and real stores."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import threading

import pytest

from pollinator_magic.cfs.ignore import Ignore
from pollinator_magic.cfs.plan import Policy
from pollinator_magic.cfs.scope import MARKER
from pollinator_magic.errors import DamagedFile, ObjectMissing, StorageError, TransferError, UnsafeName


@pytest.fixture
def pair(new_place):
    """Two places that hold the same three files."""
    here, there = new_place(), new_place()
    here.write("a.csv", "a")
    here.write("b.csv", "b")
    here.write("sub/c.csv", "c")
    here.sync()
    there.sync()
    assert here.read() == there.read()
    return here, there


def test_a_missing_data_directory_is_made_and_filled(pair, new_place):
    here, _ = pair
    fresh = new_place()
    fresh.root.rmdir()

    fresh.sync()

    assert fresh.read() == here.read()


def test_a_preview_says_what_would_move_and_moves_nothing(pair):
    here, there = pair
    there.write("theirs.csv", "x")
    there.sync()
    here.write("a.csv", "new")
    (here.root / "b.csv").unlink()
    before, requests = here.read(), here.client.rpc.requests

    would = here.filesystem.preview(here.root, here.label, here.state, Policy.DATA)

    assert (would.upload, would.download) == (("a.csv",), ("theirs.csv",))
    assert (would.remove_remote, would.remove_local) == (("b.csv",), ())
    assert here.read() == before
    assert here.client.rpc.requests - requests == 3
    done = here.sync().done
    assert (done.uploaded, done.downloaded, done.removed_remote, done.removed_local) == (1, 1, 1, 0)


def test_a_preview_of_a_missing_directory_removes_nothing(pair):
    here, _ = pair
    shutil.rmtree(here.root)

    would = here.filesystem.preview(here.root, here.label, here.state, Policy.DATA)

    assert would.remove_remote == ()
    assert would.download == ("a.csv", "b.csv", "sub/c.csv")


def test_a_missing_data_directory_does_not_delete_what_is_on_the_server(pair):
    here, there = pair
    before = there.read()
    shutil.rmtree(here.root)

    here.sync()

    assert here.read() == before


def test_a_deleted_file_disappears_everywhere_and_does_not_come_back(pair):
    here, there = pair
    (here.root / "sub/c.csv").unlink()

    here.sync()
    there.sync()
    here.sync()

    assert here.read() == there.read() == {"a.csv": b"a", "b.csv": b"b"}
    assert not (there.root / "sub").exists()


def test_a_changed_file_reaches_the_other_side(pair):
    here, there = pair
    there.write("a.csv", "better")

    there.sync()
    here.sync()

    assert here.read() == there.read()
    assert here.read()["a.csv"] == b"better"


def test_where_both_changed_a_file_the_local_data_wins(pair):
    here, there = pair
    there.write("a.csv", "theirs")
    there.sync()
    here.write("a.csv", "mine")

    here.sync()
    there.sync()

    assert here.read() == there.read()
    assert here.read()["a.csv"] == b"mine"


def test_where_both_changed_a_file_the_remote_result_wins_and_the_local_one_is_kept_beside(pair):
    here, there = pair
    there.write("a.csv", "theirs")
    there.sync()
    here.write("a.csv", "edited by hand")

    result = here.sync(policy=Policy.RESULT)

    assert here.read()["a.csv"] == b"theirs"
    assert here.read()["a.local-1.csv"] == b"edited by hand"
    assert result.kept_beside == (here.root / "a.local-1.csv",)


def test_the_cache_of_an_executor_follows_the_server_without_keeping_anything(pair):
    here, cache = pair
    cache.sync(policy=Policy.CACHE)
    cache.write("a.csv", "changed by a job")
    here.write("a.csv", "new data")
    here.sync()

    cache.sync(policy=Policy.CACHE)

    assert cache.read() == here.read()


def test_the_cache_of_an_executor_is_emptied_when_all_data_was_deleted(pair):
    here, cache = pair
    for file in ("a.csv", "b.csv", "sub/c.csv"):
        (here.root / file).unlink()
    here.sync()

    cache.sync(policy=Policy.CACHE)

    assert cache.read() == {}


def test_files_that_were_purged_on_the_server_are_not_deleted_here(pair):
    here, _ = pair
    before = here.read()
    for label in here.client.labels_below(here.label):
        for file in here.client.files(label.name):
            here.client.remove_files_named(label.name, file.name)

    here.sync()

    assert here.read() == before
    assert {file.name for file in here.client.files(here.label)} == {"a.csv", "b.csv"}


def test_subdirectories_of_a_label_without_files_of_its_own_are_found(place):
    place.write("deep/er/x.csv", "x")
    place.filesystem.sync(place.root / "deep", place.label + "/only/deep", place.state)
    shutil.rmtree(place.root)

    place.sync()

    assert place.read()["only/deep/er/x.csv"] == b"x"


def test_a_directory_of_only_directories_gets_a_marker_so_that_other_tools_see_it(place):
    place.write("only/deep/x.csv", "x")

    place.sync()

    assert {label.name for label in place.client.labels_below(place.label)} == {place.label, f"{place.label}/only/deep"}
    assert [file.name for file in place.client.files(place.label)] == [MARKER]


def test_an_empty_file_travels_and_its_object_is_never_asked_for(pair, store):
    here, there = pair
    here.write("empty.csv", "")
    here.sync()
    for name, file in store.files().items():
        if file.stat().st_size == 0:
            store.delete(name)
    reads = store.reads

    there.sync()

    assert there.read()["empty.csv"] == b""
    assert store.reads == reads


def test_an_empty_file_has_an_object_for_tools_that_ask_for_it(place, store):
    place.write("empty.csv", "")

    place.sync()

    assert [file.stat().st_size for file in store.files().values()] == [0]


def test_a_truncated_object_is_refused_and_the_local_file_stays(pair, store):
    here, there = pair
    here.write("a.csv", "a much longer content than before")
    here.sync()
    name = next(file.s3filename for file in here.client.files(here.label) if file.name == "a.csv")
    store.files()[name].write_bytes(b"a much")

    with pytest.raises(DamagedFile, match=r"a\.csv"):
        there.sync()

    assert there.read()["a.csv"] == b"a"
    assert not list(there.root.rglob(".pollinator-part*"))


@pytest.mark.parametrize(
    "content", [b"X much longer content than before", b"a much longer content than before and more"]
)
def test_an_object_of_other_content_is_refused_and_the_local_file_stays(pair, store, content):
    here, there = pair
    here.write("a.csv", "a much longer content than before")
    here.sync()
    name = next(file.s3filename for file in here.client.files(here.label) if file.name == "a.csv")
    store.files()[name].write_bytes(content)

    with pytest.raises(DamagedFile, match=r"a\.csv"):
        there.sync()

    assert there.read()["a.csv"] == b"a"


def test_a_missing_object_is_named_with_its_file(pair, store, new_place):
    here, _ = pair
    name = next(file.s3filename for file in here.client.files(here.label) if file.name == "a.csv")
    store.delete(name)

    with pytest.raises(ObjectMissing, match=r"'a\.csv'"):
        new_place().sync()


def test_after_a_failed_download_another_run_brings_only_what_is_missing(place, new_place, store):
    for number in range(30):
        place.write(f"{number:02}.csv", str(number))
    place.sync()
    listing = {file.name: file.s3filename for file in place.client.files(place.label)}
    damaged = store.files()[listing["20.csv"]]
    content = damaged.read_bytes()
    damaged.write_bytes(b"!!")
    fresh = new_place()
    with pytest.raises(DamagedFile):
        fresh.sync()
    arrived = len(fresh.read())
    damaged.write_bytes(content)
    reads = store.reads

    fresh.sync()

    assert fresh.read() == place.read()
    assert store.reads - reads == 30 - arrived


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("", "../evil.csv"),
        ("", "/etc/evil.csv"),
        ("", "sub/evil.csv"),
        ("", "C:evil.csv"),
        ("", "a\\evil.csv"),
        ("", "evil\x07.csv"),  # a real server cannot keep "\x00"
        ("", "evil\n.csv"),
        ("", ""),
        ("", ".."),
        ("/..", "evil.csv"),
        ("/sub/../..", "evil.csv"),
        ("//sub", "evil.csv"),
    ],
)
def test_hostile_names_are_refused_before_anything_is_written(pair, new_place, label, name):
    here, _ = pair
    file = here.client.file_named(here.label, "a.csv")
    file.label, file.name = here.label + label, name
    here.client.add_file(file)
    fresh = new_place()

    with pytest.raises(UnsafeName):
        fresh.sync()

    assert fresh.read() == {}


def test_nothing_is_written_through_a_link_that_leaves_the_directory(pair, new_place, tmp_path):
    fresh, outside = new_place(), tmp_path / "outside"
    outside.mkdir()
    (fresh.root / "sub").symlink_to(outside)

    fresh.sync()

    assert list(outside.iterdir()) == []
    assert fresh.read() == {"a.csv": b"a", "b.csv": b"b"}


def test_a_link_that_leaves_the_directory_is_left_out_and_said(place, tmp_path):
    (tmp_path / "huge.csv").write_text("elsewhere")
    place.write("a.csv", "a")
    (place.root / "huge.csv").symlink_to(tmp_path / "huge.csv")

    result = place.sync()

    assert [file.name for file in place.client.files(place.label)] == ["a.csv"]
    assert "huge.csv" in result.skipped[0]
    assert (place.root / "huge.csv").is_symlink()


def test_a_file_that_was_replaced_by_a_link_out_of_the_directory_is_not_deleted_on_the_server(pair, tmp_path):
    here, there = pair
    (tmp_path / "huge.csv").write_text("elsewhere")
    (here.root / "a.csv").unlink()
    (here.root / "a.csv").symlink_to(tmp_path / "huge.csv")

    here.sync()
    there.sync()

    assert there.read()["a.csv"] == b"a"
    assert (here.root / "a.csv").is_symlink()


def test_a_link_inside_the_directory_travels_as_content(pair):
    here, there = pair
    (here.root / "latest.csv").symlink_to("a.csv")

    here.sync()
    there.sync()

    assert there.read()["latest.csv"] == b"a"
    assert not (there.root / "latest.csv").is_symlink()


def test_a_file_here_and_a_directory_there_of_one_name_are_named_and_nothing_is_lost(pair):
    here, there = pair
    there.write("thing/x.csv", "x")
    there.sync()
    here.write("thing", "a file")

    with pytest.raises(TransferError, match="'thing'"):
        here.sync()

    assert here.read()["thing"] == b"a file"


def test_ignored_files_stay_on_their_side(pair):
    here, there = pair
    here.write("scratch.tmp", "x")
    there.write("scratch.tmp", "y")
    there.sync()

    here.sync(ignore=Ignore.for_root(here.root, patterns=["*.tmp"]))

    assert here.read()["scratch.tmp"] == b"x"
    assert there.read()["scratch.tmp"] == b"y"


def test_a_read_only_file_is_replaced_and_stays_read_only(pair):
    here, there = pair
    here.write("a.csv", "new")
    here.sync()
    (there.root / "a.csv").chmod(0o444)

    there.sync()

    assert there.read()["a.csv"] == b"new"
    assert (there.root / "a.csv").stat().st_mode & 0o777 == 0o444


def test_a_file_that_changes_while_it_is_uploaded_is_sent_again_as_it_is_then(place, store):
    place.write("a.csv", "first")
    original = store.put

    def put(name, file, advance):
        original(name, file, advance)
        store.put = original
        file.write_bytes(b"second, and longer")

    store.put = put

    place.sync()

    listed = place.client.files(place.label)[0]
    assert store.files()[listed.s3filename].read_bytes() == b"second, and longer"
    assert listed.size == len(b"second, and longer")


def test_a_file_that_vanishes_just_before_it_is_uploaded_is_no_harm(place, store):
    place.write("a.csv", "first")
    place.write("b.csv", "b")
    original = store.put

    def put(name, file, advance):
        store.put = original
        if len(place.read()) == 2:
            file.unlink()
        original(name, file, advance)

    store.put = put

    place.sync()

    assert len(place.read()) == 1
    assert {file.name for file in place.client.files(place.label)} == set(place.read())


def test_a_local_edit_during_a_download_is_not_overwritten(pair, store):
    here, there = pair
    here.write("a.csv", "new remote")
    here.sync()
    original = store.read

    def read(name):
        store.read = original
        there.write("a.csv", "typed just now")
        return original(name)

    store.read = read

    there.sync()

    assert there.read()["a.csv"] == b"typed just now"


def test_progress_counts_every_file_and_byte_in_the_calling_thread(place, new_place):
    reports = []
    for number in range(50):
        place.write(f"{number}.csv", b"x" * 1000)

    place.sync(progress=lambda report: reports.append((report, threading.current_thread())))
    new_place().sync(progress=lambda report: reports.append((report, threading.current_thread())))

    assert {thread for _, thread in reports} == {threading.current_thread()}
    for direction in ("up", "down"):
        last = [report for report, _ in reports if report.direction.value == direction][-1]
        assert (last.files_done, last.files_total, last.bytes_done, last.bytes_total) == (50, 50, 50_000, 50_000)
        assert last.name.endswith(".csv")


def test_no_key_of_the_object_store_is_in_the_metadata(place, s3):
    place.write("a.csv", "a")
    place.sync()

    reference = place.client.file_named(place.label, "a.csv").ref

    assert reference.protocol == "s3"
    assert (reference.s3object.accesskey, reference.s3object.secretkey) == ("", "")
    assert len(reference.s3object.object) == 64
    assert reference.s3object.port == -1


def test_files_written_by_other_tools_are_read_whatever_they_say_of_the_store(pair, new_place):
    here, _ = pair
    file = here.client.file_named(here.label, "a.csv")
    place = file.ref.s3object
    place.server, place.port, place.bucket, place.accesskey, place.secretkey = "elsewhere", 9000, "other", "AK", "SK"
    file.name, file.checksum = "foreign.csv", file.checksum.upper()
    here.client.add_file(file)
    fresh = new_place()

    fresh.sync()

    assert fresh.read()["foreign.csv"] == b"a"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_said_and_nothing_half_written_stays(place, tmp_path):
    place.write("large.bin", os.urandom(300_000))
    place.sync()
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine does not let us mount a disk")
    try:
        with pytest.raises(TransferError, match=r"'large\.bin'.*no room for its 300,000 bytes"):
            place.filesystem.sync(disk / "data", place.label)
        assert not list(disk.rglob(".pollinator-part*"))
        assert not list(disk.rglob("large.bin"))
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_file_size_limit_is_said_and_nothing_half_written_stays(pair, tmp_path):
    here, there = pair
    here.write("large.bin", os.urandom(300_000))
    here.sync()
    before = there.read()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(TransferError, match=r"large\.bin"):
            there.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert there.read() == before


def test_a_store_that_is_gone_is_said_with_the_file_that_was_to_be_carried(place, store):
    place.write("a.csv", "a")

    def put(name, file, advance):
        raise StorageError("The object store at x cannot be reached.")

    store.put = put

    with pytest.raises(StorageError, match=r"Cannot upload 'a\.csv'.*cannot be reached"):
        place.sync()
    assert place.client.files(place.label) == []
