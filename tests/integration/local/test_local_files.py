"""Files, labels and snapshots of the embedded colony."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from asking import World, ask

from pollinator_magic.colonies.models import File
from pollinator_magic.errors import ServerError

if TYPE_CHECKING:
    from pollinator_magic.colonies.client import Colonies


@pytest.fixture
def alice(world: World) -> Colonies:
    return world.client("alice")


def add(client: Colonies, path: str, checksum: str = "") -> File:
    label, _, name = path.rpartition("/")
    return client.add_file(File(colonyname="vec", label=label, name=name, checksum=checksum, size=len(checksum)))


def paths(client: Colonies, file_ids: list[str]) -> list[str]:
    return [f"{file.label}/{file.name}" for file in map(client.file, file_ids)]


def label_names(world: World, **question: object) -> list[str]:
    message = {"msgtype": "getfilelabelsmsg", "colonyname": "vec", **question}
    status, reply = ask(world.server, world.user_key, message)
    assert status == 200
    return [label["name"] for label in reply or []]


def test_a_listing_shows_the_latest_revision_and_all_stay_readable(alice: Colonies):
    first, second = add(alice, "/p/src/main.py", "one"), add(alice, "/p/src/main.py", "two")

    assert [file.checksum for file in alice.files("/p/src")] == ["two"]
    assert [file.fileid for file in alice.revisions("/p/src", "main.py")] == [second.fileid, first.fileid]
    assert alice.file_named("/p/src", "main.py").fileid == second.fileid
    assert alice.file(first.fileid).checksum == "one"
    assert second.sequencenr > first.sequencenr


def test_removing_the_latest_revision_brings_the_former_one_back(alice: Colonies):
    add(alice, "/p/main.py", "one")
    second = add(alice, "/p/main.py", "two")

    alice.remove_file(second.fileid)

    assert [file.checksum for file in alice.files("/p")] == ["one"]


def test_sequence_numbers_are_never_given_twice(world: World, alice: Colonies):
    gone = add(alice, "/p/a", "1")
    alice.remove_file(gone.fileid)
    world.restart()

    assert add(alice, "/p/b", "2").sequencenr > gone.sequencenr


def test_labels_are_matched_as_they_are(world: World, alice: Colonies):
    for path in ("/pr_j/src/a", "/pr_j/src/pkg/b", "/pr_j/src2/c", "/proj/d", "/pr%/e", "/deep/a/b/f", "noslash/g"):
        add(alice, path)

    assert label_names(world, name="", exact=False) == sorted(
        ["/pr_j/src", "/pr_j/src/pkg", "/pr_j/src2", "/proj", "/pr%", "/deep/a/b", "noslash"]
    )
    assert label_names(world, name="/pr_j/src", exact=False) == ["/pr_j/src", "/pr_j/src/pkg", "/pr_j/src2"]
    assert label_names(world, name="/pr_j/src", exact=True) == ["/pr_j/src", "/pr_j/src/pkg"]
    assert label_names(world, name="/pr%", exact=False) == ["/pr%"]
    assert label_names(world, name="/nope", exact=True) == []


def test_a_label_without_files_of_its_own_shows_its_sub_labels(world: World, alice: Colonies):
    add(alice, "/deep/a/b/f")

    assert label_names(world, name="/deep", exact=True) == ["/deep/a/b"]
    assert paths(alice, alice.create_snapshot("/deep", "s").fileids) == ["/deep/a/b/f"]


def test_a_snapshot_has_the_latest_revision_of_everything_below_its_label(alice: Colonies):
    add(alice, "/p/src/a.py", "old")
    for path in ("/p/src/a.py", "/p/src/pkg/b.py", "/p/src2/c.py"):
        add(alice, path, "new")

    snapshot = alice.create_snapshot("/p/src/", "first")
    add(alice, "/p/src/a.py", "newer")

    assert snapshot.label == "/p/src"
    assert paths(alice, snapshot.fileids) == ["/p/src/a.py", "/p/src/pkg/b.py"]
    assert {alice.file(file_id).checksum for file_id in alice.snapshot(snapshot.snapshotid).fileids} == {"new"}


@pytest.mark.parametrize("how", ["by name", "by id"])
def test_a_removed_file_stays_readable_as_long_as_a_snapshot_has_it(alice: Colonies, how: str):
    file, kept = add(alice, "/p/src/a.py", "one"), add(alice, "/p/src/b.py", "two")
    first, second = alice.create_snapshot("/p/src", "first"), alice.create_snapshot("/p/src", "second")
    if how == "by name":
        alice.remove_files_named("/p/src", "a.py")
    else:
        alice.remove_file(file.fileid)

    assert [found.name for found in alice.files("/p/src")] == ["b.py"]
    assert [label.files for label in alice.labels("/p/src")] == [1]
    assert alice.create_snapshot("/p/src", "third").fileids == [kept.fileid]
    with pytest.raises(ServerError):
        alice.file_named("/p/src", "a.py")
    alice.remove_snapshot(first.snapshotid)
    assert alice.file(file.fileid).checksum == "one"
    alice.remove_snapshot(second.snapshotid)
    with pytest.raises(ServerError):
        alice.file(file.fileid)
    assert alice.file(kept.fileid).checksum == "two"


def test_snapshots_are_listed_newest_first_whatever_their_names(alice: Colonies):
    add(alice, "/p/a")
    names = ["x", "with:colon", "z"]
    for name in names:
        alice.create_snapshot("/p", name)

    assert [snapshot.name for snapshot in alice.snapshots()] == names[::-1]
    with pytest.raises(ServerError, match="already exists"):
        alice.create_snapshot("/p", "x")


def test_a_snapshot_of_nothing_is_empty(alice: Colonies):
    assert alice.create_snapshot("/nothing", "s").fileids == []


def test_names_of_any_script_come_back_as_they_were(world: World, alice: Colonies):
    file = add(alice, "/ü/ñ/rün ☃.py", "ü")

    assert alice.file_named("/ü/ñ", "rün ☃.py").fileid == file.fileid
    assert label_names(world, name="/ü", exact=True) == ["/ü/ñ"]
