from __future__ import annotations

import os
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from cleaning import Late, World

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import DirectoryObjects, S3Objects, open_store
from pollinator_magic.cfs.state import SyncState
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.errors import NotFound
from tests.colony_server import running_colony
from tests.jobs import write
from tests.place import STORAGES
from tests.s3_server import RunningS3, running_s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.cfs.objects import ObjectStore
    from pollinator_magic.colonies.models import File, Reference


class UpstreamColonies(Colonies):
    """A client of a server that removes as the official one does: with a file go the revisions that snapshots list.

    The embedded server keeps those readable.
    """

    gone: ClassVar[set[str]] = set()

    def remove_files_named(self, label: str, name: str) -> None:
        self.gone.update(file.fileid for file in self.revisions(label, name))
        super().remove_files_named(label, name)

    def file(self, file_id: str) -> File:
        if file_id in self.gone:
            raise NotFound("Failed to get file", status=400)
        return super().file(file_id)


class CountingStore:
    """A store that counts what is asked of it."""

    def __init__(self, store: ObjectStore, files: Callable[[], dict[str, Path]]) -> None:
        self.store = store
        self.files = files
        """Gives the files that hold the objects, by name."""
        self.puts = 0
        self.reads = 0
        self._counting = threading.Lock()

    def put(self, name: str, file: Path, advance: Callable[[int], None]) -> None:
        with self._counting:
            self.puts += 1
        self.store.put(name, file, advance)

    def read(self, name: str) -> Iterator[bytes]:
        with self._counting:
            self.reads += 1
        return self.store.read(name)

    def delete(self, name: str) -> None:
        self.store.delete(name)

    def reference(self, name: str) -> Reference:
        return self.store.reference(name)


@dataclass
class Place:
    """One client's directory, memory and filesystem: what one user has on one machine."""

    root: Path
    client: Colonies
    store: CountingStore
    label: str
    filesystem: Filesystem = field(init=False)
    state: SyncState = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        self.filesystem = Filesystem(self.client, self.store)
        self.state = SyncState(self.root.parent / ".pollinator")

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def read(self) -> dict[str, bytes]:
        return {
            file.relative_to(self.root).as_posix(): file.read_bytes()
            for file in sorted(self.root.rglob("*"))
            if file.is_file()
        }

    def push(self, **options):
        return self.filesystem.push_source(self.root, self.label, self.state, **options)

    def sync(self, **options):
        return self.filesystem.sync(self.root, self.label, self.state, **options)

    def frozen(self, snapshot) -> dict[str, bytes]:
        """Return what a job sees of a snapshot, as another machine checks it out."""
        target = self.root.parent / f"checkout-{uuid.uuid4().hex}"
        with Filesystem(self.client, self.store) as fresh:
            files = fresh.checkout(snapshot.snapshotid, self.label, target)
        assert sorted(files) == sorted(file for file in target.rglob("*") if file.is_file())
        return {file.relative_to(target).as_posix(): file.read_bytes() for file in files}

    def age(self) -> None:
        """Make all files look an hour old."""
        for file in self.root.rglob("*"):
            if file.is_file():
                status = file.stat()
                os.utime(file, (status.st_atime - 3600, status.st_mtime - 3600))


@pytest.fixture(scope="session")
def s3() -> Iterator[RunningS3]:
    with running_s3() as running:
        yield running


@pytest.fixture(params=STORAGES)
def store(request, colony, tmp_path) -> CountingStore:
    """The object store; every test has a fresh one, but for one that the environment names."""
    if request.param == "environment":
        return CountingStore(open_store(colony.storages[request.param]), _out_of_reach)
    if request.param == "directory":
        path = tmp_path / "objects"
        return CountingStore(
            DirectoryObjects(path),
            lambda: {file.name: file for file in (path / "pollinator").glob("*")},
        )
    running = request.getfixturevalue("s3")
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    return CountingStore(S3Objects(running.settings(bucket)), lambda: running.objects(bucket))


def _out_of_reach() -> dict[str, Path]:
    pytest.skip("the objects of this store cannot be looked at or damaged")


@pytest.fixture
def new_place(colony, store, tmp_path) -> Iterator[Callable[..., Place]]:
    """Makes places that share one label in one colony, each with a client of its own."""
    label = f"/pollinator/{uuid.uuid4().hex}/src"
    places: list[Place] = []

    def make(name: str = "", label: str = label) -> Place:
        root = tmp_path / (name or f"place-{len(places)}") / "src"
        place = Place(root, UpstreamColonies(colony.server, colony.colony, colony.user_key), store, label)
        places.append(place)
        return place

    yield make
    for place in places:
        place.filesystem.close()
        place.client.close()


@pytest.fixture
def place(new_place) -> Place:
    return new_place()


@pytest.fixture
def late(colony, storage, tmp_path) -> Iterator[Late]:
    """An executor at which nobody works yet."""
    executor = Late(colony, storage, tmp_path)
    yield executor
    executor.stop()


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    with running_colony() as colony:
        world = World(colony, tmp_path)
        yield world
        world.close()


@pytest.fixture
def used(world) -> World:
    """A project with everything that can be left behind, and something that must stay."""
    write(world.project.src, {"helper.py": "x = 1", "gone.py": "y = 1"})
    world.run("first", {"a.txt": "a", "sub/b.txt": "b"}).fetch_results()
    write(world.project.src, {"gone.py": "y = 2"})
    write(world.project.data, {"hello.txt": "changed"})
    world.run("second", {"a.txt": "a2"}).fetch_results()
    world.session.client.create_snapshot(f"/pollinator/{world.project.name}/src", "by-hand")
    (world.project.src / "gone.py").unlink()
    waiting = world.submit("while one waits")  # the deletion is carried out later, or apart
    waiting_too = world.submit("apart")
    for job in (waiting, waiting_too):
        job.cancel()
    world.run("third", {"a.txt": "a3"})
    world.run("kept", {"a.txt": "a4"}).fetch_results()
    return world
