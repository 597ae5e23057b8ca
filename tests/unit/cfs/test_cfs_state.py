"""What is remembered between two synchronisations."""

from __future__ import annotations

import pytest

from pollinator_magic.cfs.plan import Entry
from pollinator_magic.cfs.state import Base, Stored, SyncState, digest, without_lost
from pollinator_magic.colonies.models import Snapshot

A, B = Stored(1, "a" * 64, "object-a", "id-a"), Stored(2, "b" * 64, "object-b", "id-b")


@pytest.fixture
def state(tmp_path):
    return SyncState(tmp_path / ".pollinator")


def load(state, root, label="/p/src", server="host:1", colony="c"):
    return state.base_of_label(root, server, colony, label)


def test_what_is_saved_is_loaded_again(state, tmp_path):
    file, base = load(state, tmp_path / "src")
    base.files, base.snapshot, base.snapshot_of = {"a": A}, Snapshot(snapshotid="s", fileids=["id-a"]), "digest"
    SyncState.save(file, base)

    _, again = load(state, tmp_path / "src")

    assert again == base


@pytest.mark.parametrize("other", [{"label": "/p/src2"}, {"server": "host:2"}, {"colony": "d"}])
def test_every_server_colony_and_label_has_a_state_of_its_own(state, tmp_path, other):
    file, base = load(state, tmp_path / "src")
    base.files = {"a": A}
    SyncState.save(file, base)

    assert load(state, tmp_path / "src", **other)[1] == Base()
    assert load(state, tmp_path / "other")[1] == Base()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version":2}', b'{"files":{"a":["x"]}}', b"\x00\xff", b'{"version":null}']
)
def test_a_damaged_state_is_an_empty_one(state, tmp_path, content):
    file, _ = load(state, tmp_path / "src")
    file.parent.mkdir(parents=True)
    file.write_bytes(content)

    assert load(state, tmp_path / "src")[1] == Base()


def test_a_state_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    file, base = load(SyncState(tmp_path / "file"), tmp_path)

    SyncState.save(file, base)


def test_without_a_directory_nothing_is_remembered(tmp_path):
    file, base = load(SyncState(None), tmp_path)
    SyncState.save(file, base)

    assert file is None
    assert SyncState(None).index(tmp_path).scan(tmp_path).tree == {}
    assert list(tmp_path.iterdir()) == []


def test_a_base_of_which_something_is_left_on_the_server_is_believed():
    base = {"a": A, "b": B}

    assert without_lost(base, {"a": A}) == base


def test_of_a_base_of_which_nothing_is_left_no_deletion_is_believed():
    new = Stored(1, "c" * 64, "object-c", "id-c")

    assert without_lost({"a": A, "b": B}, {}) == {}
    assert without_lost({"a": A, "b": B}, {"a": new}) == {"a": A}


def test_equal_trees_have_equal_digests_and_others_do_not():
    tree = {"a": Entry(1, "x"), "b": Entry(2, "y")}

    assert digest(tree) == digest(dict(reversed(tree.items())))
    others = [
        {},
        {"a": Entry(1, "x")},
        {**tree, "b": Entry(2, "z")},
        {**tree, "b": Entry(3, "y")},
        {"a": Entry(1, "x"), "c": Entry(2, "y")},
    ]
    assert len({digest(other) for other in (tree, *others)}) == 6
