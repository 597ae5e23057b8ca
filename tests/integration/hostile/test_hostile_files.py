"""A server that says anything of files: nothing is written outside, nothing is lost, and what is wrong is named."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.state import SyncState
from pollinator_magic.colonies.models import File, Reference, S3Object
from pollinator_magic.errors import JobFailed, ServerError, TransferError, UnsafeName
from pollinator_magic.jobs import submit
from tests.jobs import WAIT_S, contents, run, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hostile_server import Exchange

LABEL = "/hostile/files"
EVIL = ["../evil", "..", ".", "", "/evil", "a/b", "a\\b", "C:evil", "evil\0", "evil\x1b[2J", "..\\evil"]
EVIL_LABELS = [f"{LABEL}/..", f"{LABEL}/../up", f"{LABEL}/./a", f"{LABEL}//a", f"{LABEL}/a\0"]


@pytest.fixture
def files(session) -> Filesystem:
    return session.filesystem


@pytest.fixture
def label(files, tmp_path) -> str:
    """A label that holds one file, which is nowhere else."""
    write(tmp_path / "origin", {"good.txt": "good"})
    files.upload_tree(tmp_path / "origin", LABEL)
    return LABEL


def everything_but(directory: Path, *known: str) -> list[str]:
    """Return what lies around the directory that nobody should have written."""
    found = (path.relative_to(directory.parent).as_posix() for path in directory.parent.rglob("*") if path.is_file())
    return [path for path in found if not path.startswith(("origin/", "project/", *known))]


def rename(name: str) -> Callable[[Exchange], None]:
    """Give all files of a reply this name."""

    def change(exchange: Exchange) -> None:
        for file in exchange.reply or ():
            file["name"] = name

    return change


def relabel(label: str, key: str) -> Callable[[Exchange], None]:
    """Give all that is in a reply this label."""

    def change(exchange: Exchange) -> None:
        for each in exchange.reply or ():
            each[key] = label

    return change


@pytest.mark.parametrize("name", EVIL)
def test_a_hostile_name_in_a_listing_is_refused_before_anything_is_written(files, label, hostile, tmp_path, name):
    hostile.alters("getfilesmsg", rename(name))
    target = tmp_path / "target"

    for bring in (lambda: files.pull(label, target), lambda: files.sync(target, label, SyncState(None))):
        with pytest.raises(UnsafeName) as caught:
            bring()
        assert str(caught.value).isprintable()
    assert everything_but(target) == []


@pytest.mark.parametrize("evil", EVIL_LABELS)
def test_a_hostile_label_in_a_listing_is_refused_before_anything_is_written(files, label, hostile, tmp_path, evil):
    hostile.alters("getfilelabelsmsg", relabel(evil, "name"))
    hostile.instead("getfilesmsg", lambda exchange: setattr(exchange, "reply", [file_data("x")]))

    with pytest.raises(UnsafeName):
        files.pull(label, tmp_path / "target")

    assert everything_but(tmp_path / "target") == []


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/b"])
def test_a_hostile_name_in_a_snapshot_is_refused_before_anything_is_written(files, label, hostile, tmp_path, name):
    snapshot = files.client.create_snapshot(label, f"snapshot of {tmp_path.name}")
    hostile.alters("getfilemsg", rename(name))

    with Filesystem(files.client, files.store) as fresh, pytest.raises(UnsafeName):
        fresh.checkout(snapshot.snapshotid, label, tmp_path / "target")

    assert everything_but(tmp_path / "target") == []


def test_a_snapshot_with_a_file_of_another_label_is_refused_as_a_whole(files, label, hostile, tmp_path):
    snapshot = files.client.create_snapshot(label, f"snapshot of {tmp_path.name}")
    hostile.alters("getfilemsg", relabel("/elsewhere", "label"))

    with Filesystem(files.client, files.store) as fresh, pytest.raises(TransferError, match="not below its label"):
        fresh.checkout(snapshot.snapshotid, label, tmp_path / "target")


@pytest.mark.parametrize("name", ["../../evil", "/evil"])
def test_an_executor_that_is_given_hostile_names_writes_nothing_and_says_so(session, project, hostile, colony, name):
    hostile.alters("getfilemsg", rename(name))
    job = submit(session, project, source=f"print({name!r})")

    with pytest.raises(JobFailed, match="could not be brought to the executor"):
        job.wait(WAIT_S)

    assert not list(colony.directory.rglob("evil"))


def test_a_snapshot_that_hides_what_was_pushed_ends_in_an_error_and_nothing_is_removed(session, project, hostile):
    write(project.src, {"sub/helper.py": "x = 1"})

    def hide(exchange: Exchange) -> None:
        exchange.reply["fileids"] = None

    hostile.alters("createsnapshotmsg", hide)
    with pytest.raises(TransferError, match="no snapshot shows exactly this directory"):
        submit(session, project)

    assert hostile.counted()["createsnapshotmsg"] < 10
    assert hostile.counted()["submitfuncspecmsg"] == 0
    assert (project.src / "sub" / "helper.py").read_text() == "x = 1"
    hostile.relent()
    run(session, project, "import sub.helper")


def test_a_snapshot_list_that_fails_for_the_whole_colony_does_not_matter_to_jobs(session, project, hostile):
    hostile.refuses("getsnapshotsmsg", 500, "sql: Scan error on column index 4")

    assert contents(run(session, project, "open('result/a', 'w').write('a')")) == {"a": b"a"}

    assert hostile.counted()["getsnapshotsmsg"] == 0


def test_an_empty_result_that_has_no_object_replaces_nothing_that_was_changed_here(files, session, tmp_path):
    """Upstream truncates the local file, and fails then."""
    target, state = tmp_path / "target", SyncState(tmp_path / "state")
    add_without_object(session, f"{LABEL}/empty", "out.csv")
    write(target, {"out.csv": "mine"})

    files.pull(f"{LABEL}/empty", target, state=state)

    assert (target / "out.csv").read_bytes() == b""
    assert (target / "out.local-1.csv").read_text() == "mine"


def test_a_job_gets_the_empty_files_of_other_tools_which_have_no_object(session, project):
    name = project.name
    add_without_object(session, f"/pollinator/{name}/src/theirs", "__init__.py")
    add_without_object(session, f"/pollinator/{name}/data/theirs", "empty.csv")

    job = run(
        session,
        project,
        "import os, theirs\n"
        "data = os.environ['PROJECT_DIR'] + '/data/theirs/empty.csv'\n"
        "open('result/size', 'w').write(str(os.path.getsize(data)))",
    )

    assert contents(job) == {"size": b"0"}


def test_a_listing_that_is_refused_removes_nothing(files, label, hostile, tmp_path):
    target, state = tmp_path / "target", SyncState(tmp_path / "state")
    files.sync(target, label, state)
    hostile.refuses("getfilesmsg", 500, "")

    with pytest.raises(ServerError):
        files.sync(target, label, state)

    assert (target / "good.txt").read_text() == "good"


def test_a_server_that_forgot_everything_removes_nothing_here(files, label, hostile, tmp_path):
    target, state = tmp_path / "target", SyncState(tmp_path / "state")
    files.sync(target, label, state)
    hostile.instead("getfilelabelsmsg", lambda exchange: setattr(exchange, "reply", None))

    files.sync(target, label, state)

    assert (target / "good.txt").read_text() == "good"


def add_without_object(session, label: str, name: str) -> None:
    """Record an empty file as upstream's tools do: with the name of an object that was never made."""
    reference = Reference(s3object=S3Object(object="0" * 64, bucket="b", accesskey="theirs", secretkey="theirs"))
    empty = hashlib.sha256().hexdigest()
    session.client.add_file(File(label=label, name=name, size=0, checksum=empty, ref=reference))


def file_data(name: str) -> dict[str, object]:
    return {"name": name, "checksum": "0" * 64, "size": 1, "s3filename": "0" * 64}
