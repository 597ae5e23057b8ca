"""What an executor does with a snapshot, against a real server and real stores."""

from __future__ import annotations

import pytest

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.errors import NotFound, TransferError, UnsafeName


def test_files_of_the_same_name_in_different_directories_keep_their_own_content(place, tmp_path):
    place.write("__init__.py", "")
    place.write("a/__init__.py", "a = 1")
    place.write("a/b/__init__.py", "b = 1")
    snapshot = place.push().snapshot
    target = tmp_path / "job"
    (target / "a").mkdir(parents=True)
    (target / "a" / "__init__.py").write_text("a = 1")
    (target / "__init__.py").write_text("stale")

    place.filesystem.checkout(snapshot.snapshotid, place.label, target)

    assert (target / "__init__.py").read_text() == ""
    assert (target / "a/__init__.py").read_text() == "a = 1"
    assert (target / "a/b/__init__.py").read_text() == "b = 1"


def test_files_that_are_there_already_are_not_fetched_again(place, tmp_path, store):
    for number in range(5):
        place.write(f"{number}.py", f"x = {number}")
    snapshot = place.push().snapshot
    target = tmp_path / "job"
    place.filesystem.checkout(snapshot.snapshotid, place.label, target)
    (target / "3.py").unlink()
    reads = store.reads

    files = place.filesystem.checkout(snapshot.snapshotid, place.label, target)

    assert store.reads - reads == 1
    assert files == [target / f"{number}.py" for number in range(5)]


def test_revisions_that_are_known_are_not_asked_for_again(place, tmp_path):
    for number in range(20):
        place.write(f"{number}.py", f"x = {number}")
    first = place.push().snapshot
    place.write("3.py", "changed")
    second = place.push().snapshot
    with Filesystem(place.client, place.store) as executor:
        executor.checkout(first.snapshotid, place.label, tmp_path / "one")
        requests = place.client.rpc.requests

        executor.checkout(second.snapshotid, place.label, tmp_path / "two")

    assert place.client.rpc.requests - requests == 2


def test_a_snapshot_whose_files_were_removed_is_refused_as_a_whole(place, tmp_path):
    place.write("main.py", "1")
    place.write("other.py", "1")
    snapshot = place.push().snapshot
    place.client.remove_files_named(place.label, "other.py")
    with Filesystem(place.client, place.store) as executor, pytest.raises(TransferError, match="1 of the 2 files"):
        executor.checkout(snapshot.snapshotid, place.label, tmp_path / "job")

    assert not (tmp_path / "job").exists()


def test_an_unknown_snapshot_is_not_found(place, tmp_path):
    with pytest.raises(NotFound):
        place.filesystem.checkout("0" * 64, place.label, tmp_path / "job")


def test_hostile_names_in_a_snapshot_are_refused_before_anything_is_written(place, tmp_path):
    place.write("main.py", "1")
    place.push()
    file = place.client.file_named(place.label, "main.py")
    file.label = place.label + "/../../.."
    place.client.add_file(file)
    snapshot = place.client.create_snapshot(place.label, "hostile" + place.label.replace("/", "-"))

    with pytest.raises(UnsafeName):
        place.filesystem.checkout(snapshot.snapshotid, place.label, tmp_path / "deep/er/job")

    assert not (tmp_path / "deep").exists()


def test_nothing_is_checked_out_through_a_link_that_leaves_the_directory(place, tmp_path):
    place.write("main.py", "1")
    place.write("sub/deep/x.py", "1")
    snapshot = place.push().snapshot
    target, outside = tmp_path / "job", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()
    (target / "sub").symlink_to(outside)

    with pytest.raises(UnsafeName, match="'sub'"):
        place.filesystem.checkout(snapshot.snapshotid, place.label, target)

    assert list(outside.iterdir()) == []
    assert not (target / "main.py").exists()


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(place, tmp_path):
    place.write("main.py", "1")
    snapshot = place.push().snapshot
    target = tmp_path / "job"
    target.mkdir()
    (tmp_path / "precious").write_text("precious")
    (target / "main.py").symlink_to(tmp_path / "precious")

    place.filesystem.checkout(snapshot.snapshotid, place.label, target)

    assert (tmp_path / "precious").read_text() == "precious"
    assert (target / "main.py").read_text() == "1"
    assert not (target / "main.py").is_symlink()
