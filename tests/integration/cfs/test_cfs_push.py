"""Pushing a source directory, against a real server and real stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.ignore import Ignore
from pollinator_magic.cfs.scope import MARKER
from pollinator_magic.cfs.state import SyncState
from pollinator_magic.errors import ServerUnreachable, TransferError, UnsafeName


def test_a_snapshot_holds_exactly_the_local_tree(place):
    place.write("main.py", "print(1)")
    place.write("package/__init__.py", "")
    place.write("package/deep/er/data.bin", bytes(range(256)) * 100)

    result = place.push()

    assert place.frozen(result.snapshot) == place.read()
    assert not result.reused


def test_an_empty_directory_gives_an_empty_snapshot(place):
    assert place.frozen(place.push().snapshot) == {}


def test_an_unchanged_source_gives_the_same_snapshot(place):
    place.write("main.py", "print(1)")
    first = place.push()

    second = place.push()

    assert second.snapshot.snapshotid == first.snapshot.snapshotid
    assert second.reused


def test_a_changed_file_gives_a_new_snapshot_and_the_old_one_stays_as_it_was(place):
    place.write("main.py", "print(1)")
    place.write("other.py", "x = 1")
    first = place.push()
    place.write("main.py", "print(2)")

    second = place.push()

    assert place.frozen(second.snapshot) == {"main.py": b"print(2)", "other.py": b"x = 1"}
    assert place.frozen(first.snapshot) == {"main.py": b"print(1)", "other.py": b"x = 1"}


def test_a_deleted_source_file_is_not_in_the_next_snapshot(place):
    place.write("main.py", "print(1)")
    place.write("old.py", "x = 1")
    place.push()
    (place.root / "old.py").unlink()

    result = place.push()

    assert place.frozen(result.snapshot) == {"main.py": b"print(1)"}
    assert place.read() == {"main.py": b"print(1)"}
    assert result.done.removed_remote == 1


def test_a_file_replaced_by_a_directory_of_the_same_name_is_pushed(place):
    place.write("main.py", "")
    place.write("thing", "file")
    place.push()
    (place.root / "thing").unlink()
    place.write("thing/inner.py", "x")

    assert place.frozen(place.push().snapshot) == place.read()


def test_a_source_of_only_directories_is_complete_in_the_snapshot(place):
    place.write("only/deep/code.py", "x = 1")

    snapshot = place.push().snapshot

    frozen = place.frozen(snapshot)
    assert frozen["only/deep/code.py"] == b"x = 1"
    assert set(frozen) == {"only/deep/code.py", MARKER}
    assert place.push().reused


def test_the_marker_comes_back_when_somebody_deletes_it(place):
    place.write("only/deep/code.py", "x = 1")
    place.push()
    (place.root / MARKER).unlink()
    place.write("only/deep/code.py", "x = 2")

    assert place.frozen(place.push().snapshot)["only/deep/code.py"] == b"x = 2"


def test_a_first_push_over_existing_remote_files_brings_them_down_and_keeps_local_ones(new_place):
    colleague, place = new_place(), new_place()
    colleague.write("shared.py", "theirs")
    colleague.write("both.py", "theirs")
    colleague.push()
    place.write("both.py", "mine")
    place.write("mine.py", "mine")

    result = place.push()

    expected = {"shared.py": b"theirs", "both.py": b"mine", "mine.py": b"mine"}
    assert place.read() == expected
    assert place.frozen(result.snapshot) == expected


def test_a_colleagues_new_file_is_noticed_by_the_snapshot_and_is_not_lost(new_place):
    place, colleague = new_place(), new_place()
    place.write("main.py", "1")
    place.push()
    colleague.push()
    colleague.write("helper/new.py", "theirs")
    colleague.push()
    place.write("main.py", "2")

    result = place.push()

    expected = {"main.py": b"2", "helper/new.py": b"theirs"}
    assert place.read() == expected
    assert place.frozen(result.snapshot) == expected


def test_a_file_that_both_have_changed_is_in_the_snapshot_as_it_is_here(new_place):
    place, colleague = new_place(), new_place()
    place.write("main.py", "1")
    place.write("other.py", "1")
    place.push()
    colleague.push()
    colleague.write("main.py", "theirs")
    colleague.write("other.py", "theirs")
    colleague.push()
    place.write("main.py", "mine")

    result = place.push()

    assert place.frozen(result.snapshot) == place.read() == {"main.py": b"mine", "other.py": b"theirs"}


def test_a_pinned_file_wins_though_it_was_not_changed_here(new_place):
    place, colleague = new_place(), new_place()
    place.write("main.py", "my cell")
    place.write("other.py", "1")
    place.push()
    colleague.push()
    colleague.write("main.py", "theirs")
    colleague.push()
    place.write("other.py", "2")

    result = place.push(pinned=["main.py"])

    assert place.frozen(result.snapshot) == place.read() == {"main.py": b"my cell", "other.py": b"2"}


def test_a_colleagues_deletion_reaches_files_that_were_not_changed_here(new_place):
    place, colleague = new_place(), new_place()
    place.write("main.py", "1")
    place.write("gone.py", "1")
    place.write("edited.py", "1")
    place.push()
    colleague.push()
    (colleague.root / "gone.py").unlink()
    (colleague.root / "edited.py").unlink()
    colleague.push()
    place.write("edited.py", "2")

    result = place.push()

    assert place.frozen(result.snapshot) == place.read() == {"main.py": b"1", "edited.py": b"2"}


def test_a_deletion_here_does_not_destroy_what_a_colleague_has_just_written(new_place):
    place, colleague = new_place(), new_place()
    place.write("main.py", "1")
    place.write("old.py", "1")
    place.push()
    colleague.push()
    colleague.write("old.py", "worked on for hours")
    colleague.push()
    (place.root / "old.py").unlink()

    result = place.push()

    assert place.frozen(result.snapshot) == place.read() == {"main.py": b"1", "old.py": b"worked on for hours"}


def test_a_server_that_was_reset_is_filled_again_and_nothing_is_removed_here(place, new_place):
    for name in ("main.py", "a.py", "sub/b.py"):
        place.write(name, name)
    place.push()
    for path in ("main.py", "a.py"):
        place.client.remove_files_named(place.label, path)
    place.client.remove_files_named(f"{place.label}/sub", "b.py")
    place.write("main.py", "changed")
    before = place.read()

    result = place.push()

    assert place.read() == before
    assert place.frozen(result.snapshot) == before


def test_a_missing_source_directory_is_not_a_deletion_of_its_files(place):
    place.write("main.py", "1")
    place.push()
    (place.root / "main.py").unlink()
    place.root.rmdir()

    result = place.push()

    assert place.read() == {"main.py": b"1"}
    assert place.frozen(result.snapshot) == {"main.py": b"1"}


def test_files_stay_for_jobs_that_still_wait_and_the_new_snapshot_is_taken_without_them(place):
    place.write("main.py", "1")
    place.write("old.py", "old")
    place.write("empty.py", "")
    waiting = place.push().snapshot
    (place.root / "old.py").unlink()
    place.write("main.py", "2")

    result = place.push(in_use=lambda: True)

    assert place.frozen(result.snapshot) == place.read() == {"main.py": b"2", "empty.py": b""}
    assert place.frozen(waiting) == {"main.py": b"1", "old.py": b"old", "empty.py": b""}
    assert result.snapshot.label != place.label
    puts = place.store.puts
    assert place.push(in_use=lambda: True).reused
    assert place.store.puts == puts


def test_a_deletion_that_was_put_off_is_made_up_by_a_later_push(place):
    place.write("main.py", "1")
    place.write("old.py", "old")
    place.push()
    (place.root / "old.py").unlink()
    place.push(in_use=lambda: True)
    assert {file.name for file in place.client.files(place.label)} == {"main.py", "old.py"}
    place.write("main.py", "2")

    result = place.push(in_use=lambda: False)

    assert {file.name for file in place.client.files(place.label)} == {"main.py"}
    assert place.frozen(result.snapshot) == place.read()
    assert result.snapshot.label == place.label


def test_whether_jobs_wait_is_asked_only_when_something_was_deleted(place):
    def in_use():
        raise AssertionError("not needed")

    place.write("main.py", "1")
    place.push(in_use=in_use)
    place.write("main.py", "2")
    place.push(in_use=in_use)


def test_a_snapshot_that_was_removed_on_the_server_can_be_replaced(place):
    place.write("main.py", "1")
    first = place.push().snapshot
    place.client.remove_snapshot(first.snapshotid)

    place.filesystem.forget_snapshot(place.root, place.label, place.state)
    second = place.push().snapshot

    assert second.snapshotid != first.snapshotid
    assert place.frozen(second) == {"main.py": b"1"}


def test_a_verified_push_notices_that_files_of_the_last_snapshot_are_gone(place):
    place.write("main.py", "1")
    place.write("other.py", "1")
    place.push()
    place.client.remove_files_named(place.label, "other.py")
    place.write("third.py", "1")
    place.client.remove_files_named(place.label, "main.py")

    result = place.push(verify=True)

    assert place.frozen(result.snapshot) == place.read()


def test_ignored_files_are_not_pushed_but_start_scripts_are(place):
    place.write("main.py", "1")
    place.write("__pycache__/main.cpython-311.pyc", "x")
    place.write(".git/config", "x")
    place.write("notes.txt", "x")
    place.write(".pollinatorignore", "*.txt\n")
    place.write(".pollinator/start.sh", "exec python3 src/main.py")

    frozen = place.frozen(place.push().snapshot)

    assert set(frozen) == {"main.py", ".pollinatorignore", ".pollinator/start.sh"}


def test_a_file_that_becomes_ignored_leaves_the_next_snapshot_and_stays_here(place):
    place.write("main.py", "1")
    place.write("outputs/large.bin", "x")
    place.push()

    result = place.push(ignore=Ignore.for_root(place.root, patterns=["outputs/"]))

    assert set(place.frozen(result.snapshot)) == {"main.py"}
    assert (place.root / "outputs/large.bin").exists()


def test_ignored_files_that_other_tools_put_on_the_server_are_left_alone(new_place):
    other, place = new_place(), new_place()
    other.write("main.py", "1")
    other.write("__pycache__/main.pyc", "x")
    other.push(ignore=Ignore.nothing())

    place.push()
    place.write("main.py", "2")
    requests = place.client.rpc.requests
    with Filesystem(place.client, place.store) as another_day:
        another_day.push_source(place.root, place.label, place.state)

    assert place.client.rpc.requests - requests == 2
    assert set(place.read()) == {"main.py"}
    assert [file.name for file in place.client.files(place.label + "/__pycache__")] == ["main.pyc"]


def test_a_hostile_name_on_the_server_is_refused_before_anything_is_written(new_place):
    place = new_place()
    place.write("main.py", "1")
    place.push()
    template = place.client.file_named(place.label, "main.py")
    template.name = "../../evil.py"
    place.client.add_file(template)
    place.write("main.py", "2")
    before = set(place.root.parent.parent.rglob("*.py"))

    with pytest.raises(UnsafeName, match="evil"):
        place.push()

    assert set(place.root.parent.parent.rglob("*.py")) == before


def test_a_push_that_failed_half_way_goes_on_where_it_stopped(place, store):
    for number in range(40):
        place.write(f"file-{number:02}.txt", str(number))

    original, seen = store.put, []

    def put(name, file, advance):
        seen.append(name)
        if len(seen) > 20:
            raise OSError(5, "Input/output error")
        original(name, file, advance)

    store.put = put
    with pytest.raises(TransferError, match="file-"):
        place.push()
    store.put = original
    reached = {file.name for file in place.client.files(place.label)}
    assert 0 < len(reached) < 40
    puts = store.puts

    result = place.push()

    assert place.frozen(result.snapshot) == place.read()
    assert store.puts - puts == 40 - len(reached)


def test_a_push_that_failed_after_removing_files_does_not_return_to_the_old_snapshot(place, monkeypatch):
    def unreachable(_label, _name):
        raise ServerUnreachable("the connection broke")

    place.write("main.py", "1")
    place.write("other.py", "1")
    first = place.push()
    (place.root / "other.py").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(place.client, "create_snapshot", unreachable)
        with pytest.raises(ServerUnreachable):
            place.push()
    place.write("other.py", "1")

    result = place.push()

    assert result.snapshot.snapshotid != first.snapshot.snapshotid
    assert place.frozen(result.snapshot) == place.read()


def test_a_snapshot_that_lists_a_file_which_is_gone_is_taken_again(new_place, monkeypatch):
    place, colleague = new_place(), new_place()
    place.write("main.py", "1")
    place.push()
    colleague.push()
    colleague.write("short-lived.py", "x")
    colleague.push()
    place.write("main.py", "2")
    original = place.client.create_snapshot

    def create_snapshot(label, name):
        snapshot = original(label, name)
        monkeypatch.setattr(place.client, "create_snapshot", original)
        place.client.remove_files_named(label, "short-lived.py")
        return snapshot

    monkeypatch.setattr(place.client, "create_snapshot", create_snapshot)

    result = place.push()

    assert place.frozen(result.snapshot) == place.read() == {"main.py": b"2"}


def test_a_colleague_who_keeps_writing_during_the_push_loses_nothing(new_place, monkeypatch):
    place, colleague = new_place(), new_place()
    place.write("main.py", "1")
    place.push()
    colleague.push()
    colleague.write("theirs.py", "first")
    colleague.push()
    place.write("main.py", "2")
    original, taken = place.client.create_snapshot, []

    def create_snapshot(label, name):
        taken.append(name)
        if len(taken) == 2:  # this push has downloaded the first version by now
            colleague.write("theirs.py", "second")
            colleague.push()
        return original(label, name)

    monkeypatch.setattr(place.client, "create_snapshot", create_snapshot)

    result = place.push()

    assert place.frozen(result.snapshot) == place.read() == {"main.py": b"2", "theirs.py": b"second"}


def test_a_colleague_who_never_stops_is_an_error_in_the_end(new_place, monkeypatch):
    place, colleague = new_place(), new_place()
    place.write("main.py", "1")
    place.push()
    colleague.push()
    original = place.client.create_snapshot

    def create_snapshot(label, name):
        colleague.write("theirs.py", name)
        colleague.push()
        return original(label, name)

    monkeypatch.setattr(place.client, "create_snapshot", create_snapshot)
    place.write("main.py", "2")

    with pytest.raises(TransferError, match="Others keep changing"):
        place.push()


def test_a_source_file_that_changes_during_the_push_is_frozen_as_it_is_then(place, store):
    place.write("main.py", "1")
    place.write("other.py", "x")
    original = store.put

    def put(name, file, advance):
        store.put = original
        original(name, file, advance)
        file.write_text("saved by the editor just now")

    store.put = put

    result = place.push()

    assert b"saved by the editor just now" in place.read().values()
    assert place.frozen(result.snapshot) == place.read()


def test_two_clients_that_push_at_the_same_time_both_get_their_own_tree(new_place):
    places = [new_place() for _ in range(2)]
    for number, place in enumerate(places):
        place.write("main.py", f"cell of {number}")
        place.write(f"own-{number}.py", "x")

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda place: place.push(pinned=["main.py"]), places))

    for number, (place, result) in enumerate(zip(places, results, strict=True)):
        frozen = place.frozen(result.snapshot)
        assert frozen == place.read()
        assert frozen["main.py"] == f"cell of {number}".encode()


def test_a_state_directory_that_is_damaged_or_deleted_costs_nothing_but_time(place):
    place.write("main.py", "1")
    place.write("other.py", "1")
    place.push()
    for file in place.state.directory.rglob("*.json"):
        file.write_bytes(b"\x00 not json")
    place.write("main.py", "2")

    result = place.push()

    assert place.frozen(result.snapshot) == place.read() == {"main.py": b"2", "other.py": b"1"}


def test_a_push_without_a_state_works(place):
    place.write("main.py", "1")

    result = place.filesystem.push_source(place.root, place.label, SyncState(None))

    assert place.frozen(result.snapshot) == {"main.py": b"1"}


@pytest.mark.parametrize(
    "name", ["rün ☃.py", "name with  spaces", "a'b\"c$d.txt", "-rf", "x" * 200, "e\u0301.txt", "100%_.txt"]
)
def test_odd_names_travel_unchanged(place, name):
    place.write(f"sub {name[:20]}/{name}", "content")
    place.write("main.py", "")

    assert place.frozen(place.push().snapshot) == place.read()
