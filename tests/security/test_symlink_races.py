"""Nothing is written out of a directory, whatever somebody else who may write there does to it meanwhile."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs import held, transfer
from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.cfs.crew import Halt
from pollinator_magic.cfs.held import Root
from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.cfs.index import Signature
from pollinator_magic.cfs.objects import DirectoryObjects
from pollinator_magic.cfs.plan import Entry
from pollinator_magic.cfs.progress import Direction, Meter
from pollinator_magic.cfs.transfer import Cargo
from pollinator_magic.errors import PollinatorError, UnsafeName
from pollinator_magic.jobs.results import Results, show
from pollinator_magic.project.files import write_if_changed
from tests.faults.points import SOAK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = b"from the colony"
PULLS = 300 * SOAK


class Shared:
    """A directory that a colleague may write in too, and one that is none of theirs."""

    def __init__(self, base: Path) -> None:
        self.root, self.outside, self._aside = base / "root", base / "outside", base / "root" / ".aside"
        self.door = self.root / "sub"
        self.door.mkdir(parents=True)
        self.outside.mkdir()
        (self.outside / "deep").mkdir()
        self.store = DirectoryObjects(base / "objects")
        (base / "objects" / "pollinator").mkdir(parents=True)
        (base / "objects" / "pollinator" / "content").write_bytes(CONTENT)

    @contextmanager
    def swapping(self) -> Iterator[None]:
        """Put a link to the outside in the place of a directory, and back, as fast as possible."""
        stop, begun = threading.Event(), threading.Event()

        def swap() -> None:
            while not stop.is_set():
                with suppress(OSError):  # whoever works here has made or removed the directory meanwhile
                    self.door.rename(self._aside)
                    self.door.symlink_to(self.outside)
                    begun.set()
                    self.door.unlink()
                    self._aside.rename(self.door)
                    continue
                with suppress(OSError):
                    self.door.unlink()
                shutil.rmtree(self._aside, ignore_errors=True)
                self.door.mkdir(exist_ok=True)

        thread = threading.Thread(target=swap, name="colleague")
        thread.start()
        begun.wait()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def pull(self, path: str, expected: Signature | None = None) -> None:
        entry = Entry(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
        cargo = Cargo(path, self.root / path, entry, "content", expected)
        with transfer.opened(self.root) as root:
            transfer.prepare(root, [path])
            transfer.download(root, self.store, cargo, Meter(Direction.DOWN, 1, 1, None), Halt())

    @property
    def escaped(self) -> list[str]:
        return [name for _, directories, files in os.walk(self.outside) for name in (*directories, *files)]


@pytest.fixture
def shared(tmp_path):
    return Shared(tmp_path)


@pytest.mark.parametrize("below", ["sub", "sub/deep", "sub/new"])
def test_no_file_is_brought_through_a_link_that_is_put_there_meanwhile(shared, below):
    tried = arrived = 0

    with shared.swapping():
        while tried < PULLS or not arrived:
            tried += 1
            with suppress(PollinatorError):  # the link was there at the wrong moment
                shared.pull(f"{below}/file-{tried}")
                arrived += 1

    assert shared.escaped == ["deep"]


def test_no_file_is_removed_through_a_link_that_is_put_there_meanwhile(shared):
    removed: set[int] = set()
    for number in range(PULLS):
        (shared.door / f"file-{number}").write_text("brought")
        (shared.outside / f"file-{number}").write_text("not theirs")
    looked_at = [Signature.of((shared.door / f"file-{number}").stat()) for number in range(PULLS)]

    with shared.swapping():
        while len(removed) < 10:  # else nothing was tried at the right moment
            for number in set(range(PULLS)) - removed:
                with suppress(PollinatorError), transfer.opened(shared.root) as root:
                    transfer.remove(root, f"sub/file-{number}", looked_at[number])
                    removed.add(number)

    assert len(shared.escaped) == len(looked_at) + 1


def test_no_result_is_shown_through_a_link_that_is_put_there_meanwhile(shared, tmp_path):
    brought = tmp_path / "brought" / "sub"
    brought.mkdir(parents=True)
    for number in range(10):
        (brought / f"file-{number}").write_text(str(number))
    tried = shown = 0

    with shared.swapping():
        while tried < 30 * SOAK or not shown:
            tried += 1
            with suppress(PollinatorError, OSError):
                show(Results(brought.parent), shared.root, tmp_path / "state")
                shown += 1

    assert shared.escaped == ["deep"]


def test_a_directory_that_became_a_link_between_the_look_and_the_write_is_refused(shared):
    with transfer.opened(shared.root) as root:
        transfer.prepare(root, ["sub/file"])
        shared.door.rmdir()
        shared.door.symlink_to(shared.outside)

        with pytest.raises(UnsafeName, match="'sub' is a link that leads out"), root.directory("sub"):
            pass


def test_a_root_that_became_a_link_is_the_directory_that_it_was(shared, tmp_path):
    with transfer.opened(shared.root) as root:
        shared.root.rename(tmp_path / "moved")
        shared.root.symlink_to(shared.outside)

        with root.directory("sub") as place, place.create("file") as sink:
            sink.write(CONTENT)

    assert (tmp_path / "moved" / "sub" / "file").read_bytes() == CONTENT
    assert shared.escaped == ["deep"]


@pytest.mark.parametrize("link", ["door", "sub/deeper/door"])
@pytest.mark.parametrize("target", ["sub/deeper/deepest", "."])
def test_links_that_stay_inside_are_followed(shared, link, target):
    (shared.door / "deeper" / "deepest").mkdir(parents=True)
    (shared.root / link).symlink_to(shared.root / target)

    shared.pull(f"{link}/file")

    assert (shared.root / target / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["..", "/", "sub/../../outside/deep"])
def test_links_and_paths_that_lead_out_are_not(shared, target):
    (shared.root / "door").symlink_to(shared.root / target)

    with pytest.raises(UnsafeName):
        shared.pull("door/file")
    with Root(shared.root) as root, pytest.raises(UnsafeName), root.directory("door"):
        pass


def test_a_directory_that_may_be_entered_but_not_listed_is_written_in(shared):
    shared.door.chmod(0o300)

    shared.pull("sub/file")

    shared.door.chmod(0o700)
    assert (shared.door / "file").read_bytes() == CONTENT


def test_where_directories_cannot_be_held_files_arrive_all_the_same(shared, monkeypatch):
    monkeypatch.setattr(held, "_CAN_HOLD", False)

    shared.pull("sub/new/file")

    assert (shared.door / "new" / "file").read_bytes() == CONTENT


def test_a_file_that_replaces_one_with_special_rights_does_not_get_them(shared):
    file = shared.root / "program"
    file.write_text("from a colleague")
    file.chmod(0o4755)

    shared.pull("program", Signature.of(file.stat()))
    write_if_changed(file, "a cell")

    assert file.stat().st_mode & 0o7777 == 0o755


def test_a_link_in_the_place_of_a_temporary_file_is_not_written_through(tmp_path, monkeypatch):
    (tmp_path / "victim").write_text("not theirs")
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    (tmp_path / f"{PART_PREFIX}guessed").symlink_to(tmp_path / "victim")

    with suppress(FileExistsError):
        write_atomically(tmp_path / "file", b"changed")
    with suppress(PollinatorError):
        write_if_changed(tmp_path / "other", "changed")

    assert (tmp_path / "victim").read_text() == "not theirs"


def test_names_of_temporary_files_cannot_be_guessed(tmp_path):
    seen = set()

    class Watched(type(tmp_path)):
        def replace(self, target):
            seen.add(self.name)
            return super().replace(target)

        def with_name(self, name):
            return Watched(super().with_name(name))

    for _ in range(50):
        write_atomically(Watched(tmp_path / "file"), b"x")

    assert len(seen) == 50
