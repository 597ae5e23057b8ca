"""What was found by letting an object store fail, and what must never happen whatever it does: case by case."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import DirectoryObjects, S3Objects, new_object_name
from pollinator_magic.errors import DamagedFile, ObjectMissing, StorageDenied, StorageError
from tests.faults import s3_faults
from tests.faults.grounds import BUCKET
from tests.faults.life import endure
from tests.faults.proxy import AfterBytes, AtRequest, Effect, Moment, Way

SEVERAL_PARTS = 17 * 1024 * 1024


@pytest.fixture
def store(grounds):
    """The user's way to the store, with little patience."""
    settings = replace(grounds.s3.settings(BUCKET), endpoint=f"127.0.0.1:{grounds.client_s3.port}")
    return S3Objects(settings, read_timeout_s=0.5)


@pytest.fixture
def stored(grounds, store, tmp_path):
    """The name of an object."""
    return put(store, tmp_path, b"as it was stored" * 100)


def put(store, directory, content):
    file = directory / "content"
    file.write_bytes(content)
    name = new_object_name()
    store.put(name, file, lambda _: None)
    return name


# Reading


@pytest.mark.parametrize(
    "fault",
    [
        AtRequest(s3_faults.BROKEN, times=2),
        AtRequest(s3_faults.SLOW_DOWN, times=2),
        AtRequest(s3_faults.Truncated(), times=2),
        AtRequest(Effect.RESET, moment=Moment.PARTLY, times=2),
        AtRequest(Effect.END, moment=Moment.UNANSWERED, times=2),
        AtRequest(Effect.TRICKLE, moment=Moment.UNANSWERED),
        AfterBytes(Effect.END, 20, Way.DOWN),
        AfterBytes(Effect.END, 100, Way.DOWN),
    ],
    ids=str,
)
def test_an_object_comes_whole_out_of_a_store_that_fails_for_a_moment(grounds, store, stored, fault):
    with grounds.fault(grounds.client_s3, fault):
        assert b"".join(store.read(stored)) == b"as it was stored" * 100
        assert grounds.client_s3.traffic.happened


def test_a_store_that_stalls_is_asked_again(grounds, store, stored):
    grounds.client_s3.arm(AtRequest(Effect.STALL, moment=Moment.UNANSWERED))
    assert b"".join(store.read(stored)) == b"as it was stored" * 100


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (s3_faults.BROKEN, StorageError),
        (s3_faults.SLOW_DOWN, StorageError),
        (s3_faults.DENIED, StorageDenied),
        (s3_faults.MISSING, ObjectMissing),
        (s3_faults.Damaged(), DamagedFile),
        (s3_faults.Shortened(), DamagedFile),
        (s3_faults.Truncated(), StorageError),
    ],
    ids=str,
)
def test_a_file_that_cannot_be_had_leaves_nothing_and_the_next_try_brings_it(grounds, new_life, fault, kind):
    life = new_life()
    job = life._submit()
    job.wait(30)

    with grounds.fault(grounds.client_s3, AtRequest(fault, of="GET", times=20)), pytest.raises(kind) as raised:
        job.fetch_results()

    assert "gain" in str(raised.value) or "Check" in str(raised.value)
    life._check_tree(life.project.root)
    assert sorted(job.fetch_results()) == ["deep/data", "empty", "sources"]


# Writing


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("moment", [Moment.WITHIN, Moment.UNANSWERED], ids=lambda moment: moment.name.lower())
def test_a_file_of_several_parts_whose_connection_is_cut_is_whole_or_not_there(
    grounds, store, tmp_path, number, moment
):
    root, label = tmp_path / "root", f"/large/{tmp_path.name}"
    root.mkdir()
    content = os.urandom(1024 * 1024) * 17
    (root / "large").write_bytes(content)
    with Filesystem(grounds.truth.client, store) as files:
        with grounds.fault(grounds.client_s3, AtRequest(Effect.RESET, number, moment=moment, times=2)):
            with suppress(StorageError):  # boto3 repeats some of these requests itself, and not others
                files.sync(root, label)
            listed = grounds.truth.filesystem._labels.list(label).values()
            assert [grounds.content(stored.object) for stored in listed] in ([], [hashlib.sha256(content).hexdigest()])
        files.sync(root, label)

    stored = grounds.truth.filesystem._labels.list(label)["large"]
    assert stored.checksum == hashlib.sha256(content).hexdigest() == grounds.content(stored.object)


def test_an_outage_of_the_store_costs_neither_the_run_nor_its_results(grounds, new_life):
    """Found: the results of a job were given up after the few seconds for which one request is repeated."""
    life = new_life()

    assert endure(grounds, "executor_s3", AtRequest(s3_faults.SLOW_DOWN, of="PUT", times=12), life)

    assert life.failed == 0


def test_results_that_a_store_denies_for_a_while_are_brought_back(grounds, new_life):
    life = new_life()

    assert endure(grounds, "executor_s3", AtRequest(s3_faults.DENIED, of="PUT", times=9), life)

    assert life.failed == 0


def test_an_outage_of_the_store_before_a_job_does_not_fail_it(grounds, new_life):
    life = new_life()

    assert endure(grounds, "executor_s3", AtRequest(s3_faults.BROKEN, of="GET", times=15), life)

    assert life.failed == 0


def test_a_job_whose_files_the_store_has_lost_fails_at_once_and_says_what_to_do(grounds, new_life):
    life = new_life()

    assert endure(grounds, "executor_s3", AtRequest(s3_faults.MISSING, of="GET", times=1), life)

    (error,) = life.errors
    assert "has no object" in str(error)
    assert "Try again" in str(error)


def test_a_result_whose_name_cannot_travel_keeps_no_other_from_coming_back(grounds, new_life):
    """Found: one such name failed the whole of what the job had left."""
    life = new_life()
    (life.project.src / "main.sh").write_text('echo good > result/good; echo bad > "result/$(printf "b\\001d")"')

    job = life._submit()
    with pytest.raises(Exception, match="control character"):
        job.wait(30)

    assert "All other files were uploaded" in job.process.errors[0]
    assert job.fetch_results()["good"].text() == "good\n"


# A directory as a store


def test_a_file_that_cannot_be_read_to_its_end_is_not_blamed_on_the_directory_store(tmp_path):
    """The memory of this process is a file that opens, and whose first byte cannot be read."""
    with pytest.raises(OSError, match="Input/output error"):
        DirectoryObjects(tmp_path).put("name", Path("/proc/self/mem"), lambda _: None)

    assert list((tmp_path / "pollinator").iterdir()) == []


def test_a_directory_store_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "objects").write_text("a file")
    (tmp_path / "content").write_text("x")

    with pytest.raises(StorageError, match=r"Check that it can be read and written\.$"):
        DirectoryObjects(tmp_path / "objects").put("name", tmp_path / "content", lambda _: None)
